//! The traces that begin here: each with the span of an event, from the time that it was scheduled for until it is in its topic.

use churn_domain::EventBatch;
use churn_runtime::clock::now_ns;
use churn_runtime::traces::{Field, Span, SpanContext, SpanKind, TraceId, Tracer};

/// Begins the traces of sampled events.
#[derive(Debug, Default)]
pub(crate) struct EventTraces {
    pub(crate) tracer: Tracer,
    pub(crate) topic: String,
}

impl EventTraces {
    /// The sampled ones of these events. Drawn again, an event is in the same trace.
    pub(crate) fn begin(&self, events: &EventBatch, into: &mut Vec<(usize, SpanContext)>) {
        into.clear();
        if !self.tracer.is_on() {
            return;
        }
        let sampled = (0..events.len()).filter_map(|row| {
            let trace = TraceId::new(events.score_id(row).bits()).filter(|trace| self.tracer.samples(*trace))?;
            Some((row, SpanContext::in_trace(trace)))
        });
        into.extend(sampled);
    }

    /// The events are in their topic.
    pub(crate) fn written(&self, events: &EventBatch, traces: &[(usize, SpanContext)]) {
        let end = now_ns();
        for (row, context) in traces {
            let start = u64::try_from(events.event_time_ms[*row]).unwrap_or(0).saturating_mul(1_000_000);
            let span = Span::new("send event", SpanKind::Producer, *context, start.min(end), end)
                .with("messaging.destination.name", self.topic.as_str())
                .with("churn.stream", events.stream.get(*row).unwrap_or_default())
                .with("churn.sequence", events.sequence[*row])
                .with("churn.score_id", Field::Text(events.score_id(*row).uuid().to_string()));
            self.tracer.send(span);
        }
    }
}
