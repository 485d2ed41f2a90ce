//! The synthesizer: a never-ending stream of customer events, and later their true outcomes.
//!
//! Promise: the same seed, stream and generator give the same customers in the same order; each number of the stream is in the
//! events once and, after the configured delay, once in the outcomes, whatever happens to the process ([`position`]). Every event
//! carries the time it was scheduled for; its outcome is never inside the event. It knows neither scores nor models.

mod beside;
mod config;
mod control;
mod draws;
mod metrics;
mod pending;
mod pipeline;
mod position;
mod scenario;
mod timeline;
mod traces;
mod write;

use std::sync::Arc;

use churn_runtime::CancellationToken;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_runtime::traces::Traces;
use churn_stream::Cluster;
use churn_wire::SchemaRegistry;

pub use beside::{Mark, SCENARIO_HEADER};
pub use config::{OnStop, Rate, SynthesizerConfig};
pub use control::Scenarios;
pub use draws::{Draw, Generators, Loading, Source};
pub use position::{FileProgress, StreamPosition};
pub use scenario::{Begun, ScenarioSpec, Start};
pub use timeline::{Burst, Piece, Timeline};
pub use write::{Batch, Writer};

use draws::Draws;
use metrics::SynthesizerMetrics;
use pending::PendingOutcomes;
use pipeline::{Clock, Pipeline};
use traces::EventTraces;

/// A synthesizer that knows where its stream goes on and waits to run.
#[derive(Debug)]
pub struct Synthesizer(Pipeline);

impl Synthesizer {
    /// Takes the stream over and finds where it goes on.
    ///
    /// # Errors
    /// Kafka or the schema registry is out of reach, a topic or schema is not set up, or the stream's position or a generator that
    /// waiting outcomes depend on cannot be read.
    pub async fn start(
        config: SynthesizerConfig,
        source: Source,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        progress: &Progress,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let (writer, position) = Writer::open(cluster, schemas, progress, &config.stream).await?;
        let draws = Draws::open(&config, &source, &position).await?;
        let metrics = SynthesizerMetrics::new(metrics);
        metrics.started(&position, config.rate);
        let clock = Clock::start();
        let mut timeline = Timeline::stored(config.rate, position.timeline.clone());
        let silent_until = position.scenarios.iter().filter_map(Begun::silent_until_us).max().unwrap_or(0);
        let bursts: Vec<Burst> = position.scenarios.iter().filter_map(Begun::burst).collect();
        timeline.plan(position.next_sequence, clock.now_us().max(silent_until), &bursts);
        source.scenarios.open(config.rate.per_second().is_some(), &position.scenarios, &config.scenarios);
        let unmarked = position.scenarios.iter().filter(|begun| begun.sequence >= position.next_sequence).cloned();
        let delay_ms = i64::try_from(config.outcome_delay.get().as_millis()).unwrap_or(i64::MAX / 2);
        let backlog = position.next_outcome..position.next_sequence;
        Ok(Self(Pipeline {
            unmarked: unmarked.collect(),
            scenarios: source.scenarios,
            draws,
            version: source.version,
            writer,
            pending: PendingOutcomes::new(&config.stream, delay_ms, config.max_pending_outcomes, backlog),
            timeline,
            position,
            batch: Batch::default(),
            traces: EventTraces { topic: cluster.topics().events.clone(), ..EventTraces::default() },
            clock,
            metrics,
            kafka: health.component("synthesizer"),
            config,
        }))
    }

    /// Begins traces with its events.
    #[must_use]
    pub fn traced(mut self, traces: &Traces) -> Self {
        self.0.traces.tracer = traces.of("synthesizer");
        self
    }

    /// Emits until asked to stop, then lets the outcomes that are due soon leave and commits the last batch.
    ///
    /// # Errors
    /// Another synthesizer took the stream over, or a record could not be delivered.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.0.run(stop).await
    }
}
