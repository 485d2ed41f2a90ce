//! The monitor: is the model still right, and does the stream still look as it did?
//!
//! Promise: figures of the model in constant memory, as metrics and as a [`MonitorSnapshot`], a second old at most.
//! Outcomes are joined to scores whichever comes first, and looked up in Postgres ([`Monitor::look_up_in`]) when they come
//! long after; what cannot be joined, read or told apart is counted and never
//! guessed; a figure that is not defined is left out. It holds nobody up: it needs no transaction, and a record it
//! cannot read is the sink's to set aside. When the model that scores has become worse or its customers have changed, the
//! trainer is asked for a new one, once in a while. What it remembers goes to Postgres with the positions that it belongs
//! to ([`Monitor::remember_in`]), so that a restart neither raises nor hides an alarm. It knows none of the other parts.

mod band;
mod comparison;
mod config;
mod distribution;
mod drift;
mod estimate;
mod freshness;
mod intake;
mod join;
mod late;
mod live;
mod metrics;
mod models;
mod pairs;
mod performance;
mod pipeline;
mod record;
mod requests;
mod respite;
mod scores;
mod segment_errors;
mod segments;
mod snapshot;
mod state;
mod training;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::exit::Ending;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_store::Store;
use churn_stream::{Cluster, Retries};
use churn_wire::{Decoder, OutcomeCodec, SchemaRegistry, ScoreCodec};

pub use band::Band;
pub use config::MonitorConfig;
pub use distribution::{Bar, FeatureDistance};
pub use performance::DetectorCounts;
pub use scores::{ScoreDetection, ScoreDetections};
pub use snapshot::{
    FeatureDrift, ModelSnapshot, MonitorHandle, MonitorSnapshot, PairSnapshot, QualitySnapshot, SegmentSnapshot,
};
pub use training::{Training, TrainingSource};

use intake::Intake;
use metrics::MonitorMetrics;
use pipeline::Pipeline;
use requests::Sender;
use respite::Respite;
use watch::Watch;

/// Name of the stage in progress and metrics.
const STAGE: &str = "monitor";

/// A monitor that has joined its group and waits to run.
#[derive(Debug)]
pub struct Monitor {
    pipeline: Box<Pipeline>,
    look_up_batch: usize,
}

impl Monitor {
    /// Joins the group. `training` says what a model version was trained on, once that is known.
    ///
    /// # Errors
    /// Kafka is out of reach, or a topic is not set up.
    pub async fn start(
        config: MonitorConfig,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        training: impl TrainingSource,
        progress: &Progress,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let topics = cluster.topics();
        let stage = progress.stage(STAGE);
        let scores = Decoder::<ScoreCodec>::new(schemas.clone(), &topics.scores);
        let outcomes = Decoder::<OutcomeCodec>::new(schemas.clone(), &topics.outcomes);
        let shadows = Decoder::<ScoreCodec>::new(schemas.clone(), &topics.shadow);
        // The order of topics is that of intake::SCORES.
        let consumer = cluster
            .consumer(&stage, &config.group, &[&topics.scores, &topics.outcomes, &topics.shadow])
            .await
            .map_err(Ending::of)
            .context("join the monitor's group")?;
        let look_up_batch = config.look_up_batch;
        let pipeline = Pipeline {
            consumer,
            intake: Intake::new(scores, outcomes, shadows),
            watch: Watch::new(&config),
            training: Box::new(training),
            handle: MonitorHandle::default(),
            sender: Sender::new(cluster, schemas, &stage),
            postgres: Respite::new(),
            remember_in: None,
            memory: None,
            look_up: None,
            records: None,
            record_every: config.record_every.get(),
            cluster_id: cluster.id().to_owned(),
            retrain_requests: config.retrain_requests,
            min_interval_ms: i64::try_from(config.retrain_min_interval.as_millis()).unwrap_or(i64::MAX),
            save_every: config.save_every.get(),
            stage,
            metrics: MonitorMetrics::new(metrics),
            retries: Retries::new(STAGE, metrics),
            kafka: health.component(STAGE),
            publish_every: config.publish_every.get(),
            commit_every: config.commit_every.get(),
            positions: BTreeMap::new(),
            bad_records: 0,
        };
        Ok(Self { pipeline: Box::new(pipeline), look_up_batch })
    }

    /// Looks up there, where scores are stored, what an outcome is of that comes after its score has left the window, and
    /// records the models' figures there.
    pub fn look_up_in(&mut self, store: Store) {
        self.pipeline.look_up_in(store, self.look_up_batch);
    }

    /// Goes on from what is stored under the group's name, if anything is, and stores there from now on. Another cluster's
    /// memory, or one of other settings, is begun anew.
    pub fn remember_in(&mut self, store: Store) {
        self.pipeline.remember_in = Some(store);
    }

    /// Where its figures can be read while it runs and after.
    pub fn handle(&self) -> MonitorHandle {
        self.pipeline.handle.clone()
    }

    /// Waits for a Postgres that is away, where it is to remember; then watches until asked to stop, publishes and commits a last time.
    ///
    /// # Errors
    /// Going on would be wrong: Postgres refuses or lacks its tables, a setting is wrong, or records are gone.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.pipeline.run(stop).await
    }
}
