//! Sends events and outcomes in batches, and accounts for what the broker acknowledged.

use std::time::Duration;

use anyhow::Context;
use churn_domain::{EventBatch, OutcomeBatch};
use churn_runtime::exit::Ending;
use churn_runtime::progress::{Progress, Stage};
use churn_stream::{Cluster, Outgoing, Producer, StreamError};
use churn_wire::{Codec, Encoder, EventCodec, OutcomeCodec, SchemaRegistry};

/// Stage that counts acknowledged events.
pub(crate) const EVENTS: &str = "synthesizer";
/// Stage that counts acknowledged outcomes.
pub(crate) const OUTCOMES: &str = "outcomes";

/// Two idempotent producers, so that each knows what was acknowledged of its own kind.
#[derive(Debug)]
pub struct Emitter {
    events: Lane<EventCodec>,
    outcomes: Lane<OutcomeCodec>,
}

#[derive(Debug)]
struct Lane<C> {
    producer: Producer,
    encoder: Encoder<C>,
    topic: String,
    stage: Stage,
    reported: u64,
    value: Vec<u8>,
}

impl Emitter {
    /// Starts the producers.
    ///
    /// # Errors
    /// Kafka or the schema registry is out of reach, or a topic or schema is not set up.
    pub async fn open(cluster: &Cluster, schemas: &SchemaRegistry, progress: &Progress) -> anyhow::Result<Self> {
        let topics = cluster.topics();
        Ok(Self {
            events: Lane::open(cluster, schemas, &topics.events, progress.stage(EVENTS)).await?,
            outcomes: Lane::open(cluster, schemas, &topics.outcomes, progress.stage(OUTCOMES)).await?,
        })
    }

    /// Hands events over to be sent; blocks while there is no room.
    ///
    /// # Errors
    /// What the producer says.
    pub fn events(&mut self, events: &EventBatch) -> Result<(), StreamError> {
        self.events.send(events, |row| (events.customer_id.get(row), events.event_time_ms[row]))
    }

    /// Hands outcomes over to be sent; blocks while there is no room.
    ///
    /// # Errors
    /// What the producer says.
    pub fn outcomes(&mut self, outcomes: &OutcomeBatch) -> Result<(), StreamError> {
        self.outcomes.send(outcomes, |row| (outcomes.customer_id.get(row), outcomes.observed_at_ms[row]))
    }

    /// Takes note of what was acknowledged.
    ///
    /// # Errors
    /// A record that was sent earlier failed.
    pub fn poll(&mut self) -> Result<(), StreamError> {
        self.events.poll()?;
        self.outcomes.poll()
    }

    /// Waits until everything is acknowledged.
    ///
    /// # Errors
    /// A record failed, or some are not acknowledged in time.
    pub fn flush(&mut self, patience: Duration) -> Result<(), StreamError> {
        self.events.producer.flush(patience)?;
        self.outcomes.producer.flush(patience)?;
        self.poll()
    }

    /// Events that the broker acknowledged.
    pub fn acknowledged_events(&self) -> u64 {
        self.events.reported
    }

    /// Outcomes that the broker acknowledged.
    pub fn acknowledged_outcomes(&self) -> u64 {
        self.outcomes.reported
    }
}

impl<C: Codec> Lane<C> {
    async fn open(cluster: &Cluster, schemas: &SchemaRegistry, topic: &str, stage: Stage) -> anyhow::Result<Self> {
        let schema_id = schemas.id_of(topic, C::RECORD).await.map_err(Ending::of).context("look up the schema")?;
        let producer = cluster.producer(&stage).context("start a producer")?;
        Ok(Self {
            producer,
            encoder: Encoder::new(schema_id),
            topic: topic.to_owned(),
            stage,
            reported: 0,
            value: Vec::new(),
        })
    }

    fn send<'a>(
        &mut self,
        batch: &C::Batch,
        row_facts: impl Fn(usize) -> (Option<&'a str>, i64),
    ) -> Result<(), StreamError> {
        let rows = C::rows(batch);
        for row in 0..rows {
            let (key, timestamp_ms) = row_facts(row);
            self.value.clear();
            self.encoder.encode_into(batch, row, &mut self.value);
            let key = key.unwrap_or_default().as_bytes();
            self.producer.send(Outgoing::new(&self.topic, key, &self.value).at(timestamp_ms))?;
        }
        self.stage.read(rows as u64);
        self.stage.done(rows as u64);
        self.poll()
    }

    fn poll(&mut self) -> Result<(), StreamError> {
        self.producer.poll()?;
        let acknowledged = self.producer.acknowledged();
        self.stage.durable(acknowledged - self.reported);
        self.reported = acknowledged;
        Ok(())
    }
}
