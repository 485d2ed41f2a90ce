//! The loop: read, join, publish.
//!
//! Delivery: each record is taken into account once. What is remembered goes to Postgres together with the positions it
//! belongs to, and after a restart the reading goes on from these: what came since the last save is taken again, what came
//! before is not. Without Postgres the windows fill anew from the positions that Kafka keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::{Ending, Fate, Fated};
use churn_runtime::health::Component;
use churn_runtime::progress::Stage;
use churn_store::{Dataset, ModelMetrics, Store, StoreError};
use churn_stream::{Consumer, Event, Position, RecordBatch, Retries, TopicPartition, Wait};
use tokio::task::block_in_place;
use tokio::time::MissedTickBehavior;

use crate::intake::Intake;
use crate::join::Evicted;
use crate::late::{LateResults, LookUp};
use crate::metrics::MonitorMetrics;
use crate::requests::Sender;
use crate::respite::Respite;
use crate::snapshot::{ModelSnapshot, MonitorHandle};
use crate::state::Memory;
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
    pub(crate) sender: Sender,
    pub(crate) postgres: Respite,
    pub(crate) remember_in: Option<Store>,
    pub(crate) memory: Option<Memory>,
    pub(crate) look_up: Option<LookUp>,
    pub(crate) records: Option<Store>,
    pub(crate) record_every: Duration,
    pub(crate) cluster_id: String,
    pub(crate) retrain_requests: bool,
    pub(crate) min_interval_ms: i64,
    pub(crate) save_every: Duration,
}

impl Pipeline {
    pub(crate) fn look_up_in(&mut self, store: Store, batch: usize) {
        self.records = Some(store.clone());
        self.look_up = Some(LookUp::new(store, self.watch.segmentation(), batch));
    }

    /// Goes on from what is stored. False when it was asked to stop while it waited for Postgres.
    async fn recall(&mut self, stop: &CancellationToken) -> anyhow::Result<bool> {
        let Self { remember_in, retries, kafka, consumer, cluster_id, watch, .. } = self;
        let Some(store) = remember_in else { return Ok(true) };
        let mut attempts = retries.of("postgres", kafka);
        let loaded = attempts.until(stop, StoreError::may_pass, || Memory::load(store, consumer.group())).await;
        let loaded = loaded.map_err(Ending::of).context("go on from the monitor's state in Postgres (postgres.url)")?;
        let Some(saved) = loaded else { return Ok(false) };
        let memory = Memory::open(store.clone(), consumer.group(), cluster_id, saved, watch);
        self.watch.look_up_what_waits(now_ms());
        self.memory = Some(memory);
        Ok(true)
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        if !self.recall(&stop).await? {
            return Ok(());
        }
        let mut publish = tokio::time::interval(self.publish_every);
        publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since_commit = Stopwatch::start();
        let mut since_save = Stopwatch::start();
        loop {
            tokio::select! {
                event = self.consumer.next() => self.handle(event, &stop).await?,
                _ = publish.tick() => {
                    self.publish().await;
                    if self.memory.is_some() && self.postgres.is_over() && since_save.elapsed() >= self.save_every {
                        self.save().await;
                        since_save = Stopwatch::start();
                    }
                    if since_commit.elapsed() >= self.commit_every {
                        self.commit().await;
                        since_commit = Stopwatch::start();
                    }
                }
                () = stop.cancelled() => break,
            }
        }
        self.kafka.stopping();
        self.publish().await;
        self.save().await;
        self.commit().await;
        self.consumer.close().await;
        Ok(())
    }

    async fn handle(&mut self, event: Event, stop: &CancellationToken) -> anyhow::Result<()> {
        match event {
            Event::Records(records) => self.take(&records, stop).await?,
            Event::Assigned(partitions) => {
                self.metrics.assigned(partitions.len());
                let from = |partition: &TopicPartition| {
                    let saved = self.memory.as_ref().and_then(|memory| memory.position(partition));
                    saved.map_or(Position::Stored, Position::Offset)
                };
                let stored: Vec<_> =
                    partitions.into_iter().map(|partition| (partition.clone(), from(&partition))).collect();
                self.consumer.assign(&stored).await.map_err(Ending::of).context("take over partitions")?;
                self.kafka.up();
            }
            Event::Revoked(_) => {
                self.save().await;
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
            watch.pairs.shadows(&intake.shadows);
            watch.scores(&intake.scores);
            watch.outcomes(&intake.outcomes);
        });
        let outcomes = intake.outcomes.observed_at_ms.iter().zip(&intake.outcomes.event_time_ms);
        self.metrics.delays(outcomes.map(|(known, happened)| known - happened));
        self.stage.done(records.len() as u64);
        self.stage.durable(records.len() as u64);
        let next = records.next_offsets();
        self.consumer.durable(&next);
        if let Some(memory) = &mut self.memory {
            memory.read_up_to(&next);
        }
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

    async fn publish(&mut self) {
        let now = now_ms();
        self.watch.ask_for_training(self.training.as_ref());
        let changes = self.watch.changes(now);
        let orphans = self.look_up(changes.evicted).await;
        let snapshot = self.watch.snapshot(now, self.bad_records);
        changes.forgotten.iter().for_each(|version| self.metrics.forgotten(version));
        self.metrics.publish(&snapshot);
        self.metrics.join_window(snapshot.waiting, changes.evicted, orphans);
        self.metrics.repeated("score", changes.repeats.scores);
        self.metrics.repeated("outcome", changes.repeats.outcomes);
        self.metrics.repeated("contradiction", changes.repeats.contradictions);
        if let Some(model) = snapshot.current().filter(|_| self.retrain_requests) {
            self.ask_for_a_model(model, now).await;
        }
        self.handle.publish(snapshot);
        if self.postgres.is_over() {
            match self.record(now).await {
                Ok(false) => {}
                asked => self.heard_of_postgres(asked.map(drop)),
            }
        }
    }

    /// Looks up the scores of outcomes that came too late for the window; returns the outcomes that are given up.
    async fn look_up(&mut self, evicted: Evicted) -> u64 {
        let late = self.watch.take_late();
        let Some(look_up) = &mut self.look_up else { return evicted.outcomes };
        // Those that left the window beyond what it remembers of them are not asked about.
        let left = late.iter().filter(|late| late.observed_at_ms.is_none()).count() as u64;
        let skipped = look_up.take(late) + evicted.outcomes.saturating_sub(left);
        let found = look_up.turn().await;
        let results = match found {
            Ok(found) => self.watch.found(&found),
            Err(error) => {
                self.retries.failed("postgres", &format!("{error:#}"), self.publish_every);
                LateResults::default()
            }
        };
        self.metrics.late(results, skipped, look_up.waiting());
        results.unknown + skipped
    }

    /// Records the models' figures where the time for it has come, and says whether it had. What cannot be recorded is tried again
    /// with the next figures.
    async fn record(&mut self, now: i64) -> anyhow::Result<bool> {
        let Some(store) = &self.records else { return Ok(false) };
        let mut asked = false;
        let every = i64::try_from(self.record_every.as_millis()).unwrap_or(i64::MAX);
        for model in self.watch.models.latest_first() {
            if !model.training_recorded
                && let Some(values) = self.training.test_figures(&model.version)
            {
                asked = true;
                let (version, dataset) = (model.version.clone(), Dataset::Test);
                if !store.has_metrics(&version, dataset).await? {
                    store
                        .record_metrics(&ModelMetrics { version, dataset, start_ms: now, end_ms: now, values })
                        .await?;
                }
                model.training_recorded = true;
            }
            if let Some(figures) = model.record.due(&model.version, every, now) {
                asked = true;
                store.record_metrics(&figures).await?;
                model.record.recorded(now);
            }
        }
        Ok(asked)
    }

    /// A request that cannot be sent is tried again with the next figures.
    async fn ask_for_a_model(&mut self, model: &ModelSnapshot, now: i64) {
        if self.watch.asked.intend(model, self.min_interval_ms, now) {
            self.save().await;
        }
        let Some(request) = self.watch.asked.intended().cloned() else { return };
        match self.sender.send(&request).await {
            Ok(()) => {
                self.watch.asked.sent(&request, self.min_interval_ms);
                self.watch.requests_sent += 1;
                self.metrics.asked(&request);
            }
            Err(error) => self.retries.failed("kafka", &format!("{error:#}"), self.publish_every),
        }
    }

    /// A save that fails is tried again with the next one: until then a restart would read a little more.
    async fn save(&mut self) {
        let Some(memory) = &self.memory else { return };
        let saved = memory.save(&self.watch).await;
        self.heard_of_postgres(saved);
    }

    fn heard_of_postgres(&mut self, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.postgres.end(),
            Err(error) => {
                let pause = self.postgres.begin();
                self.retries.failed("postgres", &format!("{error:#}"), pause);
            }
        }
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
