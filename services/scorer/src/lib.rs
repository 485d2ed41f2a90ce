//! The scorer: enriches each customer event with a calibrated probability of churn and the id of its score.
//!
//! Promise: each event is scored exactly once for readers of committed records, with the champion of the moment, and a new
//! champion is swapped in between two batches without a dropped or delayed event. What is no event goes to the dead letters, and
//! what models in shadow say to their own topic, in the same transaction. It knows neither Postgres nor the other parts.

mod batch;
mod config;
mod metrics;
mod pipeline;
mod rehearsal;
mod shadow;

use std::sync::Arc;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::exit::Ending;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_runtime::traces::Traces;
use churn_serving::ModelSlot;
use churn_stream::{Cluster, Limits, Pending, Retries, StormGuard};
use churn_wire::{Codec, Decoder, Encoder, EventCodec, SchemaRegistry, ScoreCodec};

pub use config::ScorerConfig;
pub use rehearsal::Rehearsal;

use batch::{Asked, Batch};
use metrics::ScorerMetrics;
use pipeline::Pipeline;
use shadow::Shadows;

/// Name of the stage in progress, metrics and dead letters.
const STAGE: &str = "scorer";

/// A scorer that has joined its group and waits to run.
#[derive(Debug)]
pub struct Scorer(Pipeline);

impl Scorer {
    /// Joins the group and starts the transactional producer, which fences a predecessor of the same id.
    ///
    /// # Errors
    /// Kafka or the schema registry is out of reach, or a topic or schema is not set up.
    pub async fn start(
        config: ScorerConfig,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        models: ModelSlot,
        progress: &Progress,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let topics = cluster.topics();
        let stage = progress.stage(STAGE);
        let schema_id = schemas
            .id_of(&topics.scores, ScoreCodec::RECORD)
            .await
            .map_err(Ending::of)
            .context("look up the schema of scores")?;
        let decoder = Decoder::<EventCodec>::new(schemas.clone(), &topics.events);
        let asked = Asked { top: config.reasons, threads: config.reason_threads() };
        let shadow_schema = schemas
            .id_of(&topics.shadow, ScoreCodec::RECORD)
            .await
            .map_err(Ending::of)
            .context("look up the schema of scores in shadow")?;
        let shadows = Shadows::new(&topics.shadow, Encoder::new(shadow_schema), config.shadow_fraction);
        let batch =
            Batch::new(decoder, Encoder::new(schema_id), &topics.scores, config.max_ahead.get(), asked, shadows);
        let producer = cluster.transactional_producer(&stage, &config.transactional_id).await?;
        let consumer = cluster.consumer(&stage, &config.group, &[&topics.events]).await?;
        let limits = Limits {
            rows: config.batch_rows,
            bytes: config.batch_bytes.get(),
            delay: config.max_delay.get(),
            latency: Some(config.max_latency.get()),
        };
        let (kafka, retries) = (health.component("scorer"), Retries::new(STAGE, metrics));
        Ok(Self(Pipeline {
            undone: retries.of("kafka", &kafka),
            retries,
            storm: StormGuard::new(config.storm, STAGE, metrics),
            consumer,
            producer,
            models,
            batch,
            events: topics.events.clone(),
            stage,
            metrics: ScorerMetrics::new(metrics),
            kafka,
            pending: Pending::new(limits),
        }))
    }

    /// Traces what it scores.
    #[must_use]
    pub fn traced(mut self, traces: &Traces) -> Self {
        self.0.batch.trace_by(traces.of(STAGE));
        self
    }

    /// Scores until asked to stop, then finishes and commits what is in hand.
    ///
    /// # Errors
    /// Going on would be wrong: fenced, misconfigured, or records are gone.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.0.run(stop).await
    }
}
