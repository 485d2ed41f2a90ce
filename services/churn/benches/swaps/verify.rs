//! Whether each event has one score, in order, with the probability that the model named in it gives.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use churn_domain::ScoreBatch;
use churn_registry::{Kind, Registry};
use churn_serving::Served;
use churn_wire::{Decoder, SchemaRegistry, ScoreCodec};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, Message, TopicPartitionList};

use crate::stack::{PARTITIONS, Stack};

const PATIENCE: Duration = Duration::from_secs(30);
/// Scores that are computed again together.
const TOGETHER: usize = 20_000;

/// What was found.
#[derive(Default)]
pub(crate) struct Verified {
    events: usize,
    scores: usize,
    /// Scores whose event is not the next one of its partition.
    misplaced: usize,
    /// Scores whose probability the named model does not give.
    mistaken: usize,
    models: usize,
}

impl Verified {
    pub(crate) fn is_good(&self) -> bool {
        self.events == self.scores && self.scores > 0 && self.misplaced == 0 && self.mistaken == 0
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {} scores by {} models, {} dropped, doubled or out of order, {} by another model than the one named",
            self.events, self.scores, self.models, self.misplaced, self.mistaken
        )
    }
}

pub(crate) async fn scores(stack: &Stack, registry: &Registry, schemas: &Arc<SchemaRegistry>) -> Result<Verified> {
    let mut models = HashMap::new();
    for version in registry.list(Kind::Model).await? {
        let model = Served::of_version(registry, version).await?;
        models.insert(model.hash().to_owned(), model);
    }
    let mut verified = Verified { models: models.len(), ..Verified::default() };
    // The offsets of the events that were committed, partition by partition: a gap is a transaction's marker or an aborted record.
    let mut events: Vec<Vec<i64>> = vec![Vec::new(); PARTITIONS as usize];
    each(stack, "customer-events.v1", &mut |message| {
        events[usize::try_from(message.partition())?].push(message.offset());
        Ok(())
    })?;
    verified.events = events.iter().map(Vec::len).sum();
    let mut expected: Vec<_> = events.into_iter().map(Vec::into_iter).collect();
    let mut decoder = Decoder::<ScoreCodec>::new(Arc::clone(schemas), &stack.topic("customer-scores.v1"));
    let (mut batch, runtime) = (ScoreBatch::default(), tokio::runtime::Handle::current());
    let checked = tokio::task::block_in_place(|| {
        each(stack, "customer-scores.v1", &mut |message| {
            if let Err(error) = runtime.block_on(decoder.read(message.payload(), None, &mut batch))? {
                bail!("a score cannot be read: {error}");
            }
            let row = batch.len() - 1;
            let next = expected[usize::try_from(batch.lineage.partition[row])?].next();
            verified.misplaced += usize::from(next != Some(batch.lineage.offset[row]));
            if batch.len() == TOGETHER {
                verified.check(&mut batch, &models)?;
            }
            Ok(())
        })
    });
    checked?;
    verified.check(&mut batch, &models)?;
    Ok(verified)
}

impl Verified {
    /// Computes the scores again, each by the model that it names.
    fn check(&mut self, batch: &mut ScoreBatch, models: &HashMap<String, Served>) -> Result<()> {
        let again: HashMap<&str, Vec<f64>> =
            models.iter().map(|(hash, model)| (hash.as_str(), model.predict(&batch.event.features))).collect();
        for row in 0..batch.len() {
            let hash = batch.model_hash.get(row).unwrap_or_default();
            let model = again.get(hash).with_context(|| format!("no model has the hash {hash}"))?;
            self.mistaken += usize::from(model[row].to_bits() != batch.probability[row].to_bits());
        }
        self.scores += batch.len();
        batch.clear();
        Ok(())
    }
}

/// Every committed record of a topic, in the order of each partition.
fn each(
    stack: &Stack,
    topic: &str,
    take: &mut dyn FnMut(&rdkafka::message::BorrowedMessage<'_>) -> Result<()>,
) -> Result<()> {
    let topic = stack.topic(topic);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &stack.brokers)
        .set("group.id", format!("{topic}-verify"))
        .set("isolation.level", "read_committed")
        // The answer to a commit would end a poll early, without a record.
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(&topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let (mut ended, mut records) = (0, 0_u64);
    while ended < PARTITIONS {
        match consumer.poll(PATIENCE) {
            None => bail!("{topic} does not answer: {records} records were read, and {ended} partitions to their end"),
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(message)) => {
                records += 1;
                take(&message)?;
            }
        }
    }
    Ok(())
}
