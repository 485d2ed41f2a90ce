//! Traces, from an event to its row, for a collector that speaks OpenTelemetry's protocol: OTLP over HTTP, in its JSON form.
//!
//! A trace begins with an event, and its id is that of the event's score (a ULID, which is a UUID as well): whoever has a row has
//! its trace. Which events have one is decided where they begin, by that id, so that a stream that is drawn again samples the
//! same events. The context travels in the record header [`TRACEPARENT`] (W3C Trace Context).
//!
//! Off, a [`Tracer`] is nothing and does nothing. On, a span costs its thread a place in a bounded queue; whatever the collector
//! does, nobody waits for it: spans that find no place, or no collector, are dropped and counted.

mod config;
mod context;
mod export;
mod otlp;
mod queue;
mod span;

use std::sync::Arc;
use std::time::Duration;

pub use config::TracesConfig;
pub use context::{SpanContext, TRACEPARENT, TraceId, Traceparent};
pub use export::TracesError;
pub use span::{Field, Span, SpanKind};

use export::Exporter;
use queue::Queue;

use crate::metrics::Metrics;

/// Most links of one span, as OpenTelemetry's SDKs have it; those beyond are counted in the span.
pub(crate) const MAX_LINKS: usize = 128;

/// The traces of one process. Clones share the queue; the default is off.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Shared>);

#[derive(Debug, Clone)]
struct Shared {
    queue: Queue,
    ratio: f64,
}

impl Traces {
    /// Starts sending where a collector is configured; off otherwise. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// The endpoint is no address.
    pub fn start(config: &TracesConfig, metrics: &Metrics) -> Result<Self, TracesError> {
        if config.otlp_endpoint.is_empty() {
            return Ok(Self::default());
        }
        let (queue, spans) = Queue::new(config.queue_spans, metrics);
        let exporter = Exporter::new(config, metrics)?;
        tokio::spawn(exporter.run(spans));
        tracing::info!(endpoint = %config.otlp_endpoint, ratio = config.sample_ratio, "traces are sent");
        Ok(Self(Some(Shared { queue, ratio: config.sample_ratio })))
    }

    /// The tracer of one part, which is the spans' `service.name` after `churn-`.
    pub fn of(&self, part: &'static str) -> Tracer {
        Tracer(self.0.as_ref().map(|shared| Arc::new(Inner { part, shared: shared.clone() })))
    }

    /// Waits until what was sent so far has left, or was dropped; no longer than this.
    pub async fn flush(&self, within: Duration) {
        if let Some(shared) = &self.0 {
            shared.queue.flush(within).await;
        }
    }
}

/// One part's way to its traces.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    part: &'static str,
    shared: Shared,
}

impl Tracer {
    /// Whether anything is traced at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the trace of that id is sampled.
    pub fn samples(&self, trace: TraceId) -> bool {
        self.0.as_ref().is_some_and(|inner| trace.is_within(inner.shared.ratio))
    }

    /// Hands a span over that has ended, or drops it where the queue is full.
    pub fn send(&self, span: Span) {
        if let Some(inner) = &self.0 {
            inner.shared.queue.push(inner.part, span);
        }
    }
}
