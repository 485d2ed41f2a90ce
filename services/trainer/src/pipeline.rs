//! The loop that hears of requests.
//!
//! Delivery: a request is a row of the queue before its position is committed, and the row's key is the request's id: heard of again,
//! it is the same row. What is no request goes to the dead letters before the commit.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::exit::{Ending, Fate, Fated};
use churn_runtime::health::Component;
use churn_runtime::progress::Stage;
use churn_store::{Store, StoreError};
use churn_stream::deadletter::{DeadLetter, Verdict};
use churn_stream::{Attempts, Cluster, Consumer, Event, Position, Record, RecordBatch, Retries, Wait};
use churn_wire::{
    DecodeError, ErrorClass, Framed, RareRecord, RegistryError, RetrainRequest, SchemaRegistry, VALUE_SCHEMA_ID_HEADER,
    claimed_schema_id,
};
use tokio::sync::Notify;
use tokio::task::block_in_place;

use crate::STAGE;
use crate::handle::{Step, TrainerHandle};
use crate::metrics::TrainerMetrics;
use crate::request;

/// How long dead letters may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(20);

/// A trainer's intake that has joined its group.
pub(crate) struct Intake {
    pub(crate) cluster: Cluster,
    pub(crate) consumer: Consumer,
    pub(crate) schemas: Arc<SchemaRegistry>,
    pub(crate) store: Store,
    pub(crate) stage: Stage,
    pub(crate) metrics: TrainerMetrics,
    pub(crate) handle: TrainerHandle,
    pub(crate) retries: Retries,
    pub(crate) health: Component,
    pub(crate) bell: Arc<Notify>,
}

/// Why a record is not a row yet.
enum Failure {
    /// It never will be.
    Bad(DecodeError),
    /// A server is away.
    Away(&'static str, anyhow::Error),
    /// Going on would be wrong.
    Fatal(anyhow::Error),
}

impl Intake {
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                event = self.consumer.next() => self.handle(event, &stop).await?,
                () = stop.cancelled() => break,
            }
        }
        self.health.stopping();
        self.consumer.close().await;
        Ok(())
    }

    async fn handle(&mut self, event: Event, stop: &CancellationToken) -> anyhow::Result<()> {
        match event {
            Event::Records(records) => self.take(&records, stop).await?,
            Event::Assigned(partitions) => {
                self.metrics.assigned(partitions.len());
                let stored: Vec<_> = partitions.into_iter().map(|partition| (partition, Position::Stored)).collect();
                self.consumer.assign(&stored).await.map_err(Ending::of).context("take over partitions")?;
                self.health.up();
            }
            Event::Revoked(_) | Event::Lost(_) => {
                self.consumer.unassign().await.map_err(Ending::of).context("give partitions back")?;
            }
            Event::Failed(error) => {
                self.health.down(&error);
                return Err(Ending::of(error)).context("read requests");
            }
        }
        Ok(())
    }

    /// False when it was asked to stop meanwhile.
    pub(crate) async fn await_tables(&self, stop: &CancellationToken) -> anyhow::Result<bool> {
        let mut attempts = self.retries.of("postgres", &self.health);
        let looked = attempts.until(stop, StoreError::may_pass, || self.store.reach_tables()).await;
        Ok(looked.map_err(Ending::of).context("connect to Postgres (postgres.url)")?.is_some())
    }

    /// Stores each request, then commits the position behind them.
    async fn take(&mut self, records: &RecordBatch, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut attempts = self.retries.of("postgres", &self.health);
        for record in records.iter() {
            loop {
                let failure = match self.record(&record).await {
                    Ok(()) => break,
                    Err(Failure::Bad(error)) => match self.set_aside(&record, &error) {
                        Ok(()) => break,
                        Err(failure) => failure,
                    },
                    Err(failure) => failure,
                };
                if !self.wait(failure, &mut attempts, stop).await? {
                    return Ok(());
                }
            }
        }
        if attempts.failures() > 0 {
            self.health.up();
        }
        self.stage.done(records.len() as u64);
        self.stage.durable(records.len() as u64);
        let next = records.next_offsets();
        self.consumer.durable(&next);
        // A commit that fails is made up by the next one: until then a restart hears of the same requests again.
        if let Err(error) = self.consumer.commit(&next).await {
            self.retries.failed("kafka", &error, Duration::ZERO);
        }
        Ok(())
    }

    /// Waits for a server. False when the records are to be read again, by this process or another.
    async fn wait(
        &mut self,
        failure: Failure,
        attempts: &mut Attempts,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        let (target, error) = match failure {
            Failure::Away(target, error) => (target, error),
            Failure::Bad(error) => return Err(error).context("a bad record was not set aside"),
            Failure::Fatal(error) => return Err(error),
        };
        match attempts.wait(&format!("{target}: {error:#}"), &self.consumer, stop).await {
            Wait::Again => Ok(true),
            Wait::Stopped => Ok(false),
            Wait::Withdrawn => {
                self.consumer.abandon();
                Ok(false)
            }
        }
    }

    async fn record(&mut self, record: &Record<'_>) -> Result<(), Failure> {
        let decoded = self.decode(record).await.map_err(|error| match error.fate() {
            Fate::External => Failure::Away("schema registry", error.into()),
            _ => Failure::Fatal(anyhow::Error::new(Ending::of(error)).context("look up a schema")),
        })?;
        let request = decoded.map_err(Failure::Bad)?;
        let row = request::of_record(&request)
            .map_err(|reason| Failure::Bad(DecodeError::record(ErrorClass::Undecodable, reason)))?;
        let new = self.store.record_request(&row).await.map_err(|error| match error.fate() {
            Fate::External => Failure::Away("postgres", error.into()),
            // A request that Postgres cannot hold, such as one with a NUL in its text, is no request.
            _ => Failure::Bad(DecodeError::record(ErrorClass::Undecodable, churn_runtime::exit::reasons(&error))),
        })?;
        if new {
            self.metrics.requested(&row);
            self.handle.add(Step::Requested, format!("{} asks for a new model: {}", row.requested_by, row.reason));
            self.bell.notify_one();
        }
        Ok(())
    }

    async fn decode(&self, record: &Record<'_>) -> Result<Result<RetrainRequest, DecodeError>, RegistryError> {
        let Some(value) = record.value() else {
            return Ok(Err(DecodeError::record(ErrorClass::Framing, "the value is null, expected a record")));
        };
        let framed = match Framed::parse(value, record.header(VALUE_SCHEMA_ID_HEADER)) {
            Ok(framed) => framed,
            Err(error) => return Ok(Err(error)),
        };
        Ok(match self.schemas.fetch(framed.schema).await? {
            Some(schema) => RetrainRequest::decode(framed.payload, &schema.text),
            None => {
                let reason = format!("the registry ({}) has no {}", self.schemas.place(), framed.schema);
                Err(DecodeError::record(ErrorClass::UnknownSchema, reason))
            }
        })
    }

    /// A producer of its own a letter: there may never be one.
    fn set_aside(&self, record: &Record<'_>, error: &DecodeError) -> Result<(), Failure> {
        let class = error.class.name();
        let verdict = Verdict {
            stage: "trainer.decode",
            error_class: class,
            error_text: &error.to_string(),
            schema_id: claimed_schema_id(record.value(), record.header(VALUE_SCHEMA_ID_HEADER))
                .and_then(|id| u32::try_from(id).ok()),
        };
        let letter = DeadLetter::new(record, &verdict);
        let sent = block_in_place(|| {
            let mut letters = self.cluster.producer(&self.stage)?;
            letter.send_with(|outgoing| letters.send(outgoing))?;
            letters.flush(FLUSH)
        });
        sent.map_err(|error| match error.fate() {
            Fate::External => Failure::Away("kafka", error.into()),
            _ => Failure::Fatal(anyhow::Error::new(Ending::of(error)).context("send a dead letter")),
        })?;
        self.metrics.dead_letter(class);
        self.stage.dead_lettered(1);
        Ok(())
    }
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("stage", &STAGE).finish_non_exhaustive()
    }
}
