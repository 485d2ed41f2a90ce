//! The loop: read, score, commit.
//!
//! Delivery: the scores of a batch, those of models in shadow, its dead letters and the positions of its events commit in one Kafka transaction, so each
//! event is scored exactly once for readers of committed records. A batch that cannot commit is undone and read again.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use churn_runtime::CancellationToken;
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::{Ending, Fate, Fated};
use churn_runtime::health::Component;
use churn_runtime::progress::Stage;
use churn_serving::{ModelSlot, Served};
use churn_stream::{
    Attempts, Consumer, Event, Pending, Position, Retries, StormGuard, StreamError, TopicPartition,
    TransactionalProducer, Wait,
};
use tokio::task::block_in_place;
use tracing::Instrument;

use crate::batch::Batch;
use crate::metrics::ScorerMetrics;

/// Failed aborts after which the client is made anew.
const ABORTS: u32 = 2;

/// A scorer that has joined its group.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) consumer: Consumer,
    pub(crate) producer: TransactionalProducer,
    pub(crate) models: ModelSlot,
    pub(crate) batch: Batch,
    /// The topic of the events.
    pub(crate) events: String,
    pub(crate) stage: Stage,
    pub(crate) metrics: ScorerMetrics,
    pub(crate) kafka: Component,
    pub(crate) pending: Pending,
    pub(crate) retries: Retries,
    pub(crate) storm: StormGuard,
    /// Transactions that were undone since the last one that committed.
    pub(crate) undone: Attempts,
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
                // What cut the reader off may have cut the writer off too: it is made anew while the group comes together, and
                // not when the next batch has failed.
                if block_in_place(|| self.producer.is_cut_off()) {
                    self.undo(true, stop).await?;
                }
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
        let mut attempts = self.retries.of("kafka", &self.kafka);
        while let Err(error) = self.consumer.assign(&stored).await {
            if error.fate() != Fate::External {
                return Err(ending(error)).context("take over partitions");
            }
            match attempts.wait(&error, &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Err(stopped(error)),
                Wait::Withdrawn => break,
            }
        }
        Ok(())
    }

    /// Scores and commits what is pending. What cannot succeed now is tried again until it does, the process is asked to stop, or
    /// the group goes on without this member.
    async fn flush(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let Some(champion) = self.score(stop).await? else { return Ok(()) };
        let span = self.batch.log_span();
        self.commit(&champion, stop).instrument(span).await
    }

    /// Sends and commits what is scored.
    async fn commit(&mut self, champion: &Served, stop: &CancellationToken) -> anyhow::Result<()> {
        if self.producer.is_open() {
            // A transaction that was given up with its partitions.
            self.undo(false, stop).await?;
        }
        if let Err(error) = block_in_place(|| self.send()) {
            return self.rewind(error, stop).await;
        }
        let offsets = self.pending.next_offsets();
        let mut attempts = self.retries.of("kafka", &self.kafka);
        let started = Stopwatch::start();
        while let Err(error) = block_in_place(|| self.producer.commit(&offsets, &self.consumer)) {
            // Only a commit that was begun can be resumed; anything else is undone.
            if !self.producer.is_committing() || is_over(&error) {
                return self.rewind(error, stop).await;
            }
            match attempts.wait(&error, &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Err(stopped(error)),
                Wait::Withdrawn => return self.rewind(error, stop).await,
            }
        }
        self.metrics.step("commit", started.elapsed());
        let slow_down = self.storm.batch(self.pending.rows(), self.batch.refused().len());
        self.committed(champion);
        self.consumer.rest(slow_down, stop).await;
        Ok(())
    }

    fn committed(&mut self, champion: &Served) {
        self.stage.done(self.pending.rows() as u64);
        self.stage.durable(self.batch.scored() as u64);
        self.stage.dead_lettered(self.batch.refused().len() as u64);
        self.metrics.committed(champion.version(), &self.batch);
        self.batch.trace_committed(&self.events, champion.version());
        self.pending.committed();
        self.consumer.limit_batches(self.pending.room());
        self.undone.succeeded();
        self.kafka.up();
    }

    /// Decodes and scores what is pending with the champion of this moment, waiting for one where there is none. None when the
    /// partitions had to be given up meanwhile.
    async fn score(&mut self, stop: &CancellationToken) -> anyhow::Result<Option<Arc<Served>>> {
        let started = Stopwatch::start();
        let mut attempts = self.retries.of("schema registry", &self.kafka);
        while let Err(error) = self.batch.decode(self.pending.records()).await {
            if error.fate() != Fate::External {
                return Err(anyhow::Error::new(Ending::of(error))).context("look up a schema");
            }
            match attempts.wait(&error, &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Err(stopped(error)),
                Wait::Withdrawn => return Ok(self.give_up()),
            }
        }
        self.metrics.step("decode", started.elapsed());
        let started = Stopwatch::start();
        let mut attempts = self.retries.of("champion", &self.kafka);
        let champion = loop {
            if let Some(champion) = self.models.current() {
                break champion;
            }
            let reason = "no champion is loaded; the events wait";
            match attempts.wait(&reason, &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Err(stopped(anyhow!(reason))),
                Wait::Withdrawn => return Ok(self.give_up()),
            }
        };
        self.metrics.step("model", started.elapsed());
        let shadows = self.models.shadows();
        block_in_place(|| self.batch.score(&champion, &shadows, &self.metrics));
        Ok(Some(champion))
    }

    /// Drops what is in hand, and all that follows until partitions are assigned again: it is another member's to score.
    fn give_up<T>(&mut self) -> Option<T> {
        self.pending.clear();
        self.consumer.abandon();
        None
    }

    fn send(&mut self) -> Result<(), StreamError> {
        self.producer.begin()?;
        let started = Stopwatch::start();
        self.batch.send(self.pending.records(), &mut self.producer)?;
        self.metrics.step("produce", started.elapsed());
        Ok(())
    }

    /// Undoes the open transaction and reads again from the last committed positions, which also say whether a commit whose answer
    /// was lost has happened.
    async fn rewind(&mut self, error: StreamError, stop: &CancellationToken) -> anyhow::Result<()> {
        match &error {
            StreamError::Fenced { .. } => {
                return Err(ending(error)).context("another scorer runs with this transactional id");
            }
            StreamError::TooLarge { topic, .. } => {
                if !self.batch.cut_letters(topic) {
                    return Err(ending(error)).context("a topic takes no record of this size");
                }
            }
            _ if error.fate() == Fate::External => {
                if self.undone.wait(&error, &self.consumer, stop).await == Wait::Stopped {
                    return Err(stopped(error));
                }
            }
            _ => return Err(ending(error)).context("write a batch of scores"),
        }
        self.pending.clear();
        self.undo(matches!(error, StreamError::Expired { .. }), stop).await?;
        if self.consumer.is_withdrawn() {
            self.consumer.abandon();
            return Ok(());
        }
        self.assign(self.consumer.assigned().to_vec(), stop).await
    }

    /// Ends the open transaction: aborts it, or makes the client anew where that cannot be. What the group wants back is not held
    /// up by it: the next batch ends what is left here.
    async fn undo(&mut self, broken: bool, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut renew = broken || self.producer.is_committing();
        let mut attempts = self.retries.of("kafka", &self.kafka);
        while renew || self.producer.is_open() {
            let done = block_in_place(|| if renew { self.producer.renew() } else { self.producer.abort() });
            let Err(error) = done else { break };
            if error.fate() != Fate::External {
                return Err(ending(error)).context("undo a transaction");
            }
            renew |= matches!(error, StreamError::Expired { .. }) || attempts.failures() >= ABORTS;
            match attempts.wait(&error, &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Err(stopped(error)),
                Wait::Withdrawn => break,
            }
        }
        Ok(())
    }
}

/// Whether the transaction cannot commit any more.
fn is_over(error: &StreamError) -> bool {
    matches!(error, StreamError::MustAbort { .. } | StreamError::Expired { .. }) || error.fate() != Fate::External
}

/// The error with the exit code that its fate asks for.
fn ending(error: StreamError) -> anyhow::Error {
    anyhow::Error::new(Ending::of(error))
}

/// Asked to stop while a server was away.
fn stopped(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error: anyhow::Error = error.into();
    anyhow::Error::new(Ending::external(error)).context("stopped with an uncommitted batch; it will be read again")
}
