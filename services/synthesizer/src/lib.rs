//! The synthesizer: a never-ending stream of customer events, and later their true outcomes.
//!
//! Promise: the same seed, stream and generator give the same customers in the same order; every event carries the time it was
//! scheduled for, its outcome leaves after the configured delay and never inside the event. It knows neither scores nor models.

mod config;
mod emit;
mod metrics;
mod pace;
mod pending;
mod pipeline;
mod resume;

use std::sync::Arc;

use anyhow::Context;
use churn_domain::OutcomeBatch;
use churn_runtime::CancellationToken;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_stream::Cluster;
use churn_synth::{EventSource, Generator, Recurrence};
use churn_wire::SchemaRegistry;

pub use config::{Rate, SynthesizerConfig};
pub use emit::Emitter;
pub use pace::{Due, Pace};
pub use resume::next_sequence;

use metrics::SynthesizerMetrics;
use pending::PendingOutcomes;
use pipeline::Pipeline;

/// What a synthesizer draws its customers from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The generator.
    pub generator: Arc<Generator>,
    /// Its version in the registry, which every event carries.
    pub version: String,
}

/// A synthesizer that knows where its stream goes on and waits to run.
#[derive(Debug)]
pub struct Synthesizer(Pipeline);

impl Synthesizer {
    /// Starts the producers and finds the sequence number to go on with.
    ///
    /// # Errors
    /// Kafka or the schema registry is out of reach, or a topic or schema is not set up.
    pub async fn start(
        config: SynthesizerConfig,
        source: Source,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        progress: &Progress,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let first = next_sequence(cluster, schemas, &config.stream).await?;
        let recurrence = Recurrence { share: config.returning_share, ..Recurrence::default() };
        let draws = EventSource::new(source.generator, config.seed, &config.stream, recurrence)
            .context("synthesizer.returning_share")?;
        let metrics = SynthesizerMetrics::new(metrics);
        metrics.started(&config.stream, first, config.rate);
        let delay_ms = i64::try_from(config.outcome_delay.get().as_millis()).unwrap_or(i64::MAX);
        Ok(Self(Pipeline {
            source: draws,
            version: source.version,
            emitter: Emitter::open(cluster, schemas, progress).await?,
            first,
            pace: Pace::new(config.rate),
            pending: PendingOutcomes::new(delay_ms, config.max_pending_outcomes),
            outcomes: OutcomeBatch::default(),
            metrics,
            kafka: health.component("synthesizer"),
            config,
        }))
    }

    /// Emits until asked to stop, then lets the outcomes that wait leave and waits for the last acknowledgement.
    ///
    /// # Errors
    /// A record could not be delivered.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.0.run(stop).await
    }
}
