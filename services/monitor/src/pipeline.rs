//! The loop: read, join, publish.
//!
//! Delivery: each record is taken into account at least once; while the process lives, exactly once. What is remembered
//! lives in memory and is gone with the process: after a restart the windows fill anew from the committed positions on.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::{Ending, Fate, Fated};
use churn_runtime::health::Component;
use churn_runtime::progress::Stage;
use churn_stream::{Consumer, Event, Position, RecordBatch, Retries, TopicPartition, Wait};
use tokio::task::block_in_place;
use tokio::time::MissedTickBehavior;

use crate::intake::Intake;
use crate::metrics::MonitorMetrics;
use crate::snapshot::MonitorHandle;
use crate::training::TrainingSource;
use crate::watch::Watch;

/// A monitor that has joined its group.
pub(crate) struct Pipeline {
    pub(crate) consumer: Consumer,
    pub(crate) intake: Intake,
    pub(crate) watch: Watch,
    pub(crate) training: Box<dyn TrainingSource>,
    pub(crate) handle: MonitorHandle,
    pub(crate) stage: Stage,
    pub(crate) metrics: MonitorMetrics,
    pub(crate) retries: Retries,
    pub(crate) kafka: Component,
    pub(crate) publish_every: Duration,
    pub(crate) commit_every: Duration,
    pub(crate) positions: BTreeMap<TopicPartition, i64>,
    pub(crate) bad_records: u64,
}

impl Pipeline {
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut publish = tokio::time::interval(self.publish_every);
        publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since_commit = Stopwatch::start();
        loop {
            tokio::select! {
                event = self.consumer.next() => self.handle(event, &stop).await?,
                _ = publish.tick() => {
                    self.publish();
                    if since_commit.elapsed() >= self.commit_every {
                        self.commit().await;
                        since_commit = Stopwatch::start();
                    }
                }
                () = stop.cancelled() => break,
            }
        }
        self.kafka.stopping();
        self.publish();
        self.commit().await;
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
                self.kafka.up();
            }
            Event::Revoked(_) => {
                self.commit().await;
                self.consumer.unassign().await.map_err(Ending::of).context("give partitions back")?;
            }
            Event::Lost(_) => {
                self.positions.clear();
                self.consumer.unassign().await.map_err(Ending::of).context("give up lost partitions")?;
            }
            Event::Failed(error) => {
                self.kafka.down(&error);
                return Err(Ending::of(error)).context("read scores and outcomes");
            }
        }
        Ok(())
    }

    async fn take(&mut self, records: &RecordBatch, stop: &CancellationToken) -> anyhow::Result<()> {
        if !self.decode(records, stop).await? {
            return Ok(());
        }
        for error in &self.intake.bad {
            self.metrics.bad_record(error);
        }
        self.bad_records += self.intake.bad.len() as u64;
        let (watch, intake) = (&mut self.watch, &self.intake);
        block_in_place(|| {
            watch.scores(&intake.scores);
            watch.outcomes(&intake.outcomes);
        });
        self.stage.done(records.len() as u64);
        self.stage.durable(records.len() as u64);
        let next = records.next_offsets();
        self.consumer.durable(&next);
        self.positions.extend(next);
        Ok(())
    }

    /// Decodes the records; false when asked to stop, or to give partitions up, while the schema registry is out of reach.
    async fn decode(&mut self, records: &RecordBatch, stop: &CancellationToken) -> anyhow::Result<bool> {
        let mut attempts = self.retries.of("schema registry", &self.kafka);
        while let Err(error) = self.intake.decode(records).await {
            if error.fate() != Fate::External {
                return Err(Ending::of(error)).context("look up a schema");
            }
            match attempts.wait(&error, &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Ok(false),
                Wait::Withdrawn => {
                    self.consumer.abandon();
                    return Ok(false);
                }
            }
        }
        if attempts.failures() > 0 {
            self.kafka.up();
        }
        Ok(true)
    }

    fn publish(&mut self) {
        let now = now_ms();
        self.watch.ask_for_training(self.training.as_ref());
        let changes = self.watch.changes(now);
        let snapshot = self.watch.snapshot(now, self.bad_records);
        changes.forgotten.iter().for_each(|version| self.metrics.forgotten(version));
        snapshot.models.iter().for_each(|model| self.metrics.publish(model));
        self.metrics.join_window(snapshot.waiting, changes.evicted);
        self.metrics.repeated("score", changes.repeats.scores);
        self.metrics.repeated("outcome", changes.repeats.outcomes);
        self.metrics.repeated("contradiction", changes.repeats.contradictions);
        self.handle.publish(snapshot);
    }

    /// A commit that fails is tried again with the next one: until then a restart would read a little more.
    async fn commit(&mut self) {
        let positions: Vec<_> = self.positions.iter().map(|(partition, next)| (partition.clone(), *next)).collect();
        if positions.is_empty() {
            return;
        }
        match self.consumer.commit(&positions).await {
            Ok(()) => self.positions.clear(),
            Err(error) => self.retries.failed("kafka", &error, self.commit_every),
        }
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("watch", &self.watch).finish_non_exhaustive()
    }
}
