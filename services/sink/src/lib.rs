//! The sink: scores and outcomes into Postgres.
//!
//! Promise: each record is stored exactly once. Rows and positions commit in one Postgres transaction; a member that lost its
//! partitions without noticing stores nothing; what cannot be stored is a dead letter, never silence. It knows neither models nor
//! the other parts.

mod batch;
mod config;
mod continuity;
mod lanes;
mod metrics;
mod pipeline;
mod positions;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::Ending;
use churn_runtime::health::{Component, Health};
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::{Progress, Stage};
use churn_runtime::traces::Traces;
use churn_store::{PostgresConfig, SinkWriter, Store, StoreError};
use churn_stream::{Cluster, Limits, Pending, Retries, StormGuard};
use churn_wire::{Decoder, OutcomeCodec, SchemaRegistry, ScoreCodec};
use tokio::task::JoinSet;

pub use config::SinkConfig;

use batch::Batch;
use continuity::Continuity;
use metrics::SinkMetrics;
use pipeline::Pipeline;
use positions::Positions;

/// Name of the stage in progress, metrics and dead letters.
const STAGE: &str = "sink";

/// A sink that has joined its group, with as many members as it has lanes, and waits to run.
#[derive(Debug)]
pub struct Sink {
    lanes: Vec<Pipeline>,
}

impl Sink {
    /// Connects to Postgres, for which it waits where it is away, checks that the tables are there, and joins the group. None
    /// when it was asked to stop meanwhile.
    ///
    /// # Errors
    /// Postgres refuses, Kafka is out of reach, or `churn setup` was not run.
    #[expect(clippy::too_many_arguments, reason = "what all parts are started with, and two servers")]
    pub async fn start(
        config: SinkConfig,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        postgres: &PostgresConfig,
        progress: &Progress,
        metrics: &Metrics,
        health: &Health,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        // The embedded broker gives all partitions to one member.
        let count = if cluster.is_embedded() { 1 } else { config.lanes };
        let (kafka, databases) = (health.shares("sink", count), health.shares("postgres", count));
        let storms = StormGuard::lanes(&config.storm, STAGE, metrics, count);
        let mut attempts = Retries::new(STAGE, metrics).of("postgres", &databases[0]);
        let connected = attempts.until(stop, StoreError::may_pass, || connect(&config, cluster, postgres, count)).await;
        let connected = connected.map_err(Ending::of).context("connect to Postgres (postgres.url)")?;
        let Some(writers) = connected else { return Ok(None) };
        // All at once, so that the group takes them in together: a member hears of a later one only with its next heartbeat.
        let mut joining = JoinSet::new();
        let shown = kafka.into_iter().zip(databases).zip(storms);
        for (number, (((kafka, postgres), storm), writer)) in shown.zip(writers).enumerate() {
            let lane = Lane { writer, kafka, postgres, storm, stage: progress.stage(STAGE) };
            let (config, cluster) = (config.clone(), cluster.lane(number, count));
            let (schemas, metrics) = (Arc::clone(schemas), metrics.clone());
            joining.spawn(async move { lane.join(&config, &cluster, &schemas, &metrics).await });
        }
        let mut lanes = Vec::with_capacity(count);
        while let Some(joined) = joining.join_next().await {
            lanes.push(joined.context("a lane of the sink broke down")??);
        }
        Ok(Some(Self { lanes }))
    }

    /// Traces what it stores.
    #[must_use]
    pub fn traced(mut self, traces: &Traces) -> Self {
        self.lanes.iter_mut().for_each(|lane| lane.batch.trace_by(traces.of(STAGE)));
        self
    }

    /// Stores until asked to stop, then finishes and commits what is in hand.
    ///
    /// # Errors
    /// Going on would be wrong: misconfigured, or records are gone.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        lanes::run(self.lanes.into_iter().map(|lane| |stop| lane.run(stop)), &stop).await
    }
}

/// Checks that the database is what it should be, and opens a connection for each lane.
async fn connect(
    config: &SinkConfig,
    cluster: &Cluster,
    postgres: &PostgresConfig,
    count: usize,
) -> Result<Vec<SinkWriter>, StoreError> {
    let store = Store::connect(postgres).await?;
    store.check_schema().await?;
    if !cluster.is_embedded() {
        store.check_cluster(&config.group, cluster.id()).await?;
    }
    store.close().await;
    let mut writers = Vec::with_capacity(count);
    for _ in 0..count {
        writers.push(SinkWriter::connect(postgres, &config.group, cluster.id()).await?);
    }
    Ok(writers)
}

/// A lane that has not joined yet: its connection, and what it shows of itself.
struct Lane {
    writer: SinkWriter,
    kafka: Component,
    postgres: Component,
    storm: StormGuard,
    stage: Stage,
}

impl Lane {
    /// Joins the group. The first of several lanes may have all partitions until the group has taken in the others: it gives them up
    /// as to any other sink.
    async fn join(
        self,
        config: &SinkConfig,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        metrics: &Metrics,
    ) -> anyhow::Result<Pipeline> {
        let topics = cluster.topics();
        let scores = || Decoder::<ScoreCodec>::new(schemas.clone(), &topics.scores);
        let outcomes = || Decoder::<OutcomeCodec>::new(schemas.clone(), &topics.outcomes);
        let (batch, continuity) = (Batch::new(scores(), outcomes()), Continuity::new(cluster, scores(), outcomes()));
        // The order of topics is that of batch::SCORES.
        let topics = [topics.scores.clone(), topics.outcomes.clone()];
        let stage = self.stage;
        let consumer = cluster.consumer(&stage, &config.group, &[&topics[0], &topics[1]]).await.map_err(Ending::of)?;
        let limits = Limits {
            rows: config.batch_rows,
            bytes: (config.batch_bytes.get() / cluster.lanes() as u64).max(1),
            delay: config.max_delay.get(),
            latency: None,
        };
        Ok(Pipeline {
            cluster: cluster.clone(),
            group: config.group.clone(),
            topics,
            consumer,
            writer: self.writer,
            letters: cluster.producer(&stage).context("start a producer for dead letters")?,
            batch,
            continuity,
            positions: Positions::default(),
            stage,
            metrics: SinkMetrics::new(metrics),
            kafka: self.kafka,
            postgres: self.postgres,
            pending: Pending::new(limits),
            unmirrored: BTreeMap::new(),
            mirrored: Stopwatch::start(),
            retries: Retries::new(STAGE, metrics),
            storm: self.storm,
            in_doubt: Vec::new(),
        })
    }
}
