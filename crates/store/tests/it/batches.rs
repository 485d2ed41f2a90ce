//! Databases and batches for the tests.

use anyhow::{Context, Result};
use churn_domain::{Column, FEATURES, Kind, OutcomeBatch, ScoreBatch};
use churn_runtime::config::ConnectionUrl;
use churn_store::{Claim, OffsetAdvance, PostgresConfig, SinkWriter, Store, TopicPartition};
use churn_testkit::{Database, fresh_database};

/// 2026-11-23 12:00 UTC.
pub(crate) const NOON_MS: i64 = 1_795_435_200_000;
pub(crate) const SCORES: &str = "customer-scores.v1";
pub(crate) const CONSUMER: &str = "sink";
pub(crate) const CLUSTER: &str = "cluster-1";

/// A database with the tables, and the way to it.
pub(crate) struct Ready {
    pub(crate) store: Store,
    pub(crate) config: PostgresConfig,
    // Dropped with the test.
    pub(crate) database: Database,
}

pub(crate) async fn ready() -> Result<Ready> {
    let database = fresh_database().await?;
    let config = PostgresConfig::at(ConnectionUrl::new(&database.url));
    let store = Store::connect(&config).await.context("cannot connect to a fresh database")?;
    store.migrate().await.context("cannot migrate a fresh database")?;
    Ok(Ready { store, config, database })
}

impl Ready {
    pub(crate) async fn writer(&self) -> Result<SinkWriter> {
        SinkWriter::connect(&self.config, CONSUMER, CLUSTER).await.context("cannot connect a writer")
    }

    /// A writer that owns partition 0 of the scores.
    pub(crate) async fn owner(&self) -> Result<(SinkWriter, Claim)> {
        self.owner_of(0).await
    }

    pub(crate) async fn owner_of(&self, partition: i32) -> Result<(SinkWriter, Claim)> {
        let mut writer = self.writer().await?;
        let claims = writer.claim(&[TopicPartition::new(SCORES, partition)]).await.context("cannot claim")?;
        Ok((writer, claims.into_iter().next().context("one claim")?))
    }

    pub(crate) async fn number(&self, query: &'static str) -> Result<i64> {
        sqlx::query_scalar(query).fetch_one(self.store.pool()).await.context(query)
    }
}

/// From where the claim stands to `next`.
pub(crate) fn advance(claim: &Claim, next: i64) -> [OffsetAdvance; 1] {
    [OffsetAdvance {
        topic: claim.topic.clone(),
        partition: claim.partition,
        expected: claim.next_offset,
        next,
        epoch: claim.epoch,
    }]
}

/// Scores of the events `from..from + count` of stream `s`, with values that differ from row to row and here and there
/// are missing.
pub(crate) fn scores(from: i64, count: i64) -> ScoreBatch {
    let mut batch = ScoreBatch::default();
    for sequence in from..from + count {
        push_event(&mut batch, sequence);
        let row = batch.event.len() - 1;
        batch.score_id.push(batch.event.score_id(row));
        batch.probability.push((sequence % 100) as f64 / 100.0);
        batch.label.push(sequence % 100 >= 50);
        batch.threshold.push(0.5);
        batch.model_version.push(Some("v1"));
        batch.model_hash.push(Some("c0ffee"));
        batch.scored_at_ms.push(NOON_MS + sequence + 7);
        batch.lineage.push(1, 0, sequence);
        if sequence % 4 != 3 {
            batch.reasons.push((sequence % 19) as usize, 0.125 + sequence as f32);
            batch.reasons.push(((sequence + 7) % 19) as usize, -1.0 / (1.0 + sequence as f32));
        }
        batch.reasons.end_row();
    }
    batch
}

fn push_event(batch: &mut ScoreBatch, sequence: i64) {
    let event = &mut batch.event;
    event.stream.push(Some("s"));
    event.sequence.push(sequence);
    event.event_time_ms.push(NOON_MS + sequence);
    event.customer_id.push(Some(&format!("01JD{sequence:022}")));
    event.synthesizer_version.push((sequence % 2 == 0).then_some("g1"));
    for (at, (feature, column)) in FEATURES.iter().zip(event.features.columns_mut()).enumerate() {
        let at = at as i64 + sequence;
        match (column, feature.kind) {
            (column, _) if at % 11 == 0 => column.push_missing(),
            (Column::Category(words), _) => {
                words.push(Some(["Yes", "No", "a word that nobody knows"][(at % 3) as usize]));
            }
            (Column::Number(values), Kind::Flag) => values.push((at % 2) as f64),
            (Column::Number(values), Kind::Money { .. }) => values.push((at * 997 % 1_000_000) as f64 / 100.0),
            (Column::Number(values), _) => values.push((at % 73) as f64),
        }
    }
    if sequence % 5 == 0 {
        event.location.push_missing();
    } else {
        event.location.zip_code.push(Some("09001"));
        event.location.city.push(Some("Los Ángeles"));
        event.location.county.push(Some("Los Angeles County"));
        event.location.latitude.push(33.9731);
        event.location.longitude.push(-118.2479);
    }
}

/// Outcomes of the same events.
pub(crate) fn outcomes(from: i64, count: i64) -> OutcomeBatch {
    let mut batch = OutcomeBatch::default();
    for sequence in from..from + count {
        batch.stream.push(Some("s"));
        batch.sequence.push(sequence);
        batch.event_time_ms.push(NOON_MS + sequence);
        batch.customer_id.push(Some(&format!("01JD{sequence:022}")));
        batch.churned.push(sequence % 3 == 0);
        batch.observed_at_ms.push(NOON_MS + sequence + 2_000);
    }
    batch
}
