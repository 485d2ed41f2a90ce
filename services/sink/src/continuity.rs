//! Whether a topic is still the one that a stored position was taken in.
//!
//! A topic that is deleted and made anew has the old name, and other records under the old numbers. Kafka forgets what a group has
//! committed together with the topic, so a position that Postgres has and Kafka does not is looked at once more: unless a record
//! just before it is stored, the topic is another one. Kafka also forgets a group that was away for a week; then the records are
//! there, and stored.

use churn_domain::{OutcomeBatch, ScoreBatch};
use churn_runtime::exit::{Fate, Fated};
use churn_store::{SinkWriter, Target};
use churn_stream::{Cluster, Consumer, Position, RecordBatch, StreamError, TopicPartition};
use churn_wire::{Decoder, OutcomeCodec, ScoreCodec, VALUE_SCHEMA_ID_HEADER};

/// Offsets before a position that are looked at. Transaction markers, dead letters and pruned rows are among them.
const LOOK_BACK: i64 = 200;

/// Why it could not be found out, or that the topic is another one.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Who gave no answer.
    pub(crate) target: &'static str,
    pub(crate) fate: Fate,
    pub(crate) error: anyhow::Error,
}

/// Looks at the topics before their stored positions.
#[derive(Debug)]
pub(crate) struct Continuity {
    cluster: Cluster,
    scores_topic: String,
    scores: Decoder<ScoreCodec>,
    outcomes: Decoder<OutcomeCodec>,
}

impl Continuity {
    pub(crate) fn new(cluster: &Cluster, scores: Decoder<ScoreCodec>, outcomes: Decoder<OutcomeCodec>) -> Self {
        Self { cluster: cluster.clone(), scores_topic: cluster.topics().scores.clone(), scores, outcomes }
    }

    /// Refuses positions that were taken in another topic of that name.
    pub(crate) async fn check(
        &mut self,
        begin: &[(TopicPartition, Position)],
        consumer: &Consumer,
        writer: &mut SinkWriter,
    ) -> Result<(), Failed> {
        let stored: Vec<TopicPartition> = begin
            .iter()
            .filter(|(_, position)| matches!(position, Position::Offset(next) if *next > 0))
            .map(|(partition, _)| partition.clone())
            .collect();
        if stored.is_empty() || self.cluster.is_embedded() {
            return Ok(());
        }
        let mirrored = consumer.committed_offsets(&stored).await.map_err(|error| failed("kafka", error))?;
        for (partition, position) in begin {
            let known = mirrored.iter().any(|(known, _)| known == partition);
            if let (Position::Offset(next), false) = (position, known) {
                self.look_back(partition, *next, consumer.group(), writer).await?;
            }
        }
        Ok(())
    }

    async fn look_back(
        &mut self,
        partition: &TopicPartition,
        next: i64,
        group: &str,
        writer: &mut SinkWriter,
    ) -> Result<(), Failed> {
        let before = self.cluster.before(partition, next, LOOK_BACK).await.map_err(|error| failed("kafka", error))?;
        let (which, ids) = if *partition.topic == *self.scores_topic {
            (Target::Score, self.scores_of(&before).await?)
        } else {
            (Target::Outcome, self.outcomes_of(&before).await?)
        };
        if ids.is_empty() || writer.holds_any(which, &ids).await.map_err(|error| failed("postgres", error))? {
            tracing::info!(%partition, next, records = ids.len(), "kafka has no position of the group; the topic is the same");
            return Ok(());
        }
        let problem = format!(
            "Kafka has no position of the group any more, and of the {} records before offset {next} none is stored",
            ids.len()
        );
        let error = StreamError::OffsetGone { group: group.to_owned(), place: partition.to_string(), problem };
        Err(failed("kafka", error))
    }

    async fn scores_of(&mut self, records: &RecordBatch) -> Result<Vec<churn_domain::ScoreId>, Failed> {
        let mut batch = ScoreBatch::default();
        for record in records.iter() {
            let read = self.scores.read(record.value(), record.header(VALUE_SCHEMA_ID_HEADER), &mut batch).await;
            // What is no record of ours was a dead letter.
            let _ = read.map_err(|error| failed("schema registry", error))?;
        }
        Ok(batch.score_id)
    }

    async fn outcomes_of(&mut self, records: &RecordBatch) -> Result<Vec<churn_domain::ScoreId>, Failed> {
        let mut batch = OutcomeBatch::default();
        for record in records.iter() {
            let read = self.outcomes.read(record.value(), record.header(VALUE_SCHEMA_ID_HEADER), &mut batch).await;
            let _ = read.map_err(|error| failed("schema registry", error))?;
        }
        Ok((0..batch.len()).map(|row| batch.score_id(row)).collect())
    }
}

pub(crate) fn failed<E: Fated + std::error::Error + Send + Sync + 'static>(target: &'static str, error: E) -> Failed {
    Failed { target, fate: error.fate(), error: churn_runtime::exit::Ending::of(error).into() }
}
