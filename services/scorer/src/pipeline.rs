//! The loop: read, score, commit.
//!
//! Delivery: the scores of a batch, its dead letters and the positions of its events commit in one Kafka transaction, so each
//! event is scored exactly once for readers of committed records. A batch that cannot commit is undone and read again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::{Ending, Fate, Fated};
use churn_runtime::health::Component;
use churn_runtime::progress::Stage;
use churn_runtime::retry::Backoff;
use churn_serving::{ModelSlot, Served};
use churn_stream::{Consumer, Event, Pending, Position, StreamError, TopicPartition, TransactionalProducer};
use tokio::task::block_in_place;

use crate::batch::Batch;
use crate::metrics::ScorerMetrics;

/// Shortest and longest wait before another try.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A scorer that has joined its group.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) consumer: Consumer,
    pub(crate) producer: TransactionalProducer,
    pub(crate) models: ModelSlot,
    pub(crate) batch: Batch,
    pub(crate) stage: Stage,
    pub(crate) metrics: ScorerMetrics,
    pub(crate) kafka: Component,
    pub(crate) pending: Pending,
}

impl Pipeline {
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                event = self.consumer.next() => self.handle(event, &stop).await?,
                () = self.pending.due() => self.flush(&stop).await?,
                () = stop.cancelled() => break,
            }
        }
        self.kafka.stopping();
        self.flush(&stop).await?;
        self.consumer.close().await;
        Ok(())
    }

    async fn handle(&mut self, event: Event, stop: &CancellationToken) -> anyhow::Result<()> {
        match event {
            Event::Records(records) => {
                if self.pending.push(records) {
                    self.flush(stop).await?;
                }
            }
            Event::Assigned(partitions) => {
                self.metrics.assigned(partitions.len());
                self.assign(partitions, stop).await?;
                self.kafka.up();
            }
            Event::Revoked(_) => {
                self.flush(stop).await?;
                self.consumer.unassign().await.context("give partitions back")?;
            }
            Event::Lost(_) => {
                self.pending.clear();
                self.consumer.unassign().await.context("give up lost partitions")?;
            }
            Event::Failed(error) => {
                self.kafka.down(&error);
                return Err(ending(error)).context("read customer events");
            }
        }
        Ok(())
    }

    /// Reads these partitions from the group's committed positions.
    async fn assign(&mut self, partitions: Vec<TopicPartition>, stop: &CancellationToken) -> anyhow::Result<()> {
        let stored: Vec<_> = partitions.into_iter().map(|partition| (partition, Position::Stored)).collect();
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        while let Err(error) = self.consumer.assign(&stored).await {
            match error.fate() {
                Fate::External => self.pause("kafka", error.into(), &mut backoff, stop).await?,
                _ => return Err(ending(error)).context("take over partitions"),
            }
        }
        Ok(())
    }

    /// Scores and commits what is pending. What cannot succeed now is tried again until it does or the process is asked to stop.
    async fn flush(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let champion = self.score(stop).await?;
        if let Err(error) = block_in_place(|| self.send()) {
            return self.rewind(error, stop).await;
        }
        let offsets = self.pending.next_offsets();
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        let started = Stopwatch::start();
        while let Err(error) = block_in_place(|| self.producer.commit(&offsets, &self.consumer)) {
            match error {
                StreamError::MustAbort { .. } => return self.rewind(error, stop).await,
                _ if error.fate() == Fate::External => self.pause("kafka", error.into(), &mut backoff, stop).await?,
                _ => return Err(ending(error)).context("commit a batch of scores"),
            }
        }
        self.metrics.step("commit", started.elapsed());
        self.committed(&champion);
        Ok(())
    }

    fn committed(&mut self, champion: &Served) {
        self.stage.done(self.pending.rows() as u64);
        self.stage.durable(self.batch.scored() as u64);
        self.stage.dead_lettered(self.batch.refused().len() as u64);
        self.metrics.committed(champion.version(), &self.batch);
        self.pending.clear();
        self.kafka.up();
    }

    /// Decodes and scores what is pending with the champion of this moment.
    async fn score(&mut self, stop: &CancellationToken) -> anyhow::Result<Arc<Served>> {
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        let started = Stopwatch::start();
        while let Err(error) = self.batch.decode(self.pending.records()).await {
            self.pause("schema registry", error.into(), &mut backoff, stop).await?;
        }
        self.metrics.step("decode", started.elapsed());
        let champion = self.models.current().context("no champion is loaded")?;
        block_in_place(|| self.batch.score(&champion, &self.metrics));
        Ok(champion)
    }

    fn send(&mut self) -> Result<(), StreamError> {
        self.producer.begin()?;
        let started = Stopwatch::start();
        self.batch.send(self.pending.records(), &mut self.producer)?;
        self.metrics.step("produce", started.elapsed());
        Ok(())
    }

    /// Undoes the open transaction and reads again from the last committed positions.
    async fn rewind(&mut self, error: StreamError, stop: &CancellationToken) -> anyhow::Result<()> {
        if matches!(error, StreamError::Fenced { .. }) {
            return Err(ending(error)).context("another scorer runs with this transactional id");
        }
        tracing::warn!(%error, "transaction undone; the batch is read again");
        self.pending.clear();
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        while self.producer.is_open() {
            match block_in_place(|| self.producer.abort()) {
                Ok(()) => {}
                Err(error) if error.fate() == Fate::External => {
                    self.pause("kafka", error.into(), &mut backoff, stop).await?;
                }
                Err(error) => return Err(ending(error)).context("undo a transaction"),
            }
        }
        self.assign(self.consumer.assigned().to_vec(), stop).await
    }

    /// Waits before another try, unless the process is asked to stop.
    async fn pause(
        &self,
        target: &str,
        error: anyhow::Error,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let delay = backoff.next_delay();
        self.metrics.retried(target, &format!("{error:#}"), delay);
        self.kafka.down(format!("{error:#}"));
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = stop.cancelled() => Err(error.context("stopped with an uncommitted batch; it will be read again")),
        }
    }
}

/// The error with the exit code that its fate asks for.
fn ending(error: StreamError) -> anyhow::Error {
    anyhow::Error::new(Ending::of(error))
}
