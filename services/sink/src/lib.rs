//! The sink: scores and outcomes into Postgres.
//!
//! Promise: each record is stored exactly once. Rows and positions commit in one Postgres transaction; a member that lost its
//! partitions without noticing stores nothing; what cannot be stored is a dead letter, never silence. It knows neither models nor
//! the other parts.

mod batch;
mod config;
mod continuity;
mod metrics;
mod pipeline;
mod positions;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::Ending;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_runtime::traces::Traces;
use churn_store::{PostgresConfig, SinkWriter, Store};
use churn_stream::{Cluster, Limits, Pending, Retries, StormGuard};
use churn_wire::{Decoder, OutcomeCodec, SchemaRegistry, ScoreCodec};

pub use config::SinkConfig;

use batch::Batch;
use continuity::Continuity;
use metrics::SinkMetrics;
use pipeline::Pipeline;
use positions::Positions;

/// Name of the stage in progress, metrics and dead letters.
const STAGE: &str = "sink";

/// A sink that has joined its group and waits to run.
#[derive(Debug)]
pub struct Sink(Box<Pipeline>);

impl Sink {
    /// Connects to Postgres, checks that the tables are there, and joins the group.
    ///
    /// # Errors
    /// Postgres or Kafka is out of reach, or `churn setup` was not run.
    pub async fn start(
        config: SinkConfig,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        postgres: &PostgresConfig,
        progress: &Progress,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let store = Store::connect(postgres).await.map_err(Ending::of).context("connect to Postgres (postgres.url)")?;
        store.check_schema().await.map_err(Ending::of)?;
        if !cluster.is_embedded() {
            store.check_cluster(&config.group, cluster.id()).await.map_err(Ending::of)?;
        }
        store.close().await;
        let writer = SinkWriter::connect(postgres, &config.group, cluster.id()).await.map_err(Ending::of)?;
        let stage = progress.stage(STAGE);
        let topics = cluster.topics();
        let scores = || Decoder::<ScoreCodec>::new(schemas.clone(), &topics.scores);
        let outcomes = || Decoder::<OutcomeCodec>::new(schemas.clone(), &topics.outcomes);
        let (batch, continuity) = (Batch::new(scores(), outcomes()), Continuity::new(cluster, scores(), outcomes()));
        // The order of topics is that of batch::SCORES.
        let topics = [topics.scores.clone(), topics.outcomes.clone()];
        let consumer = cluster.consumer(&stage, &config.group, &[&topics[0], &topics[1]]).await.map_err(Ending::of)?;
        let limits = Limits {
            rows: config.batch_rows,
            bytes: config.batch_bytes.get(),
            delay: config.max_delay.get(),
            latency: None,
        };
        Ok(Self(Box::new(Pipeline {
            cluster: cluster.clone(),
            group: config.group,
            topics,
            consumer,
            writer,
            letters: cluster.producer(&stage).context("start a producer for dead letters")?,
            batch,
            continuity,
            positions: Positions::default(),
            stage,
            metrics: SinkMetrics::new(metrics),
            kafka: health.component("sink"),
            postgres: health.component("postgres"),
            pending: Pending::new(limits),
            unmirrored: BTreeMap::new(),
            mirrored: Stopwatch::start(),
            retries: Retries::new(STAGE, metrics),
            storm: StormGuard::new(config.storm, STAGE, metrics),
            in_doubt: Vec::new(),
        })))
    }

    /// Traces what it stores.
    #[must_use]
    pub fn traced(mut self, traces: &Traces) -> Self {
        self.0.batch.trace_by(traces.of(STAGE));
        self
    }

    /// Stores until asked to stop, then finishes and commits what is in hand.
    ///
    /// # Errors
    /// Going on would be wrong: misconfigured, or records are gone.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.0.run(stop).await
    }
}
