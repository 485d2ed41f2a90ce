//! What the synthesizer counts and logs.

use churn_runtime::metrics::{Counter, Gauge, IntCounter, Metrics, catalogue};

use crate::config::Rate;
use crate::position::StreamPosition;
use crate::scenario::Begun;

/// The synthesizer's metrics; each method is one thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct SynthesizerMetrics {
    events: IntCounter,
    outcomes: IntCounter,
    pending: Gauge,
    throttled: Counter,
    rate: Gauge,
}

impl SynthesizerMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            events: metrics.counter(&catalogue::SYNTH_EVENTS),
            outcomes: metrics.counter(&catalogue::SYNTH_OUTCOMES),
            pending: metrics.gauge(&catalogue::SYNTH_PENDING_OUTCOMES),
            throttled: metrics.seconds_counter(&catalogue::SYNTH_THROTTLED),
            rate: metrics.gauge(&catalogue::SYNTH_TARGET_RATE),
        }
    }

    pub(crate) fn started(&self, position: &StreamPosition, rate: Rate) {
        self.rate.set(rate.per_second().unwrap_or(0.0));
        let StreamPosition { stream, next_sequence, next_outcome, .. } = position;
        tracing::info!(stream, next_sequence, next_outcome, %rate, "stream goes on");
    }

    pub(crate) fn stopped(&self, position: &StreamPosition) {
        let StreamPosition { stream, next_sequence, next_outcome, .. } = position;
        tracing::info!(stream, next_sequence, next_outcome, waiting = position.pending(), "stream rests");
    }

    pub(crate) fn begun(&self, stream: &str, begun: &Begun) {
        tracing::info!(stream, scenario = %begun.spec, sequence = begun.sequence, at = %begun.at, "scenario begins");
    }

    /// So many events and outcomes are acknowledged since the start.
    pub(crate) fn acknowledged(&self, events: u64, outcomes: u64) {
        self.events.inc_by(events.saturating_sub(self.events.get()));
        self.outcomes.inc_by(outcomes.saturating_sub(self.outcomes.get()));
    }

    pub(crate) fn pending(&self, outcomes: usize) {
        self.pending.set(outcomes as f64);
    }

    pub(crate) fn held_back(&self, seconds: f64) {
        self.throttled.inc_by(seconds);
    }

    pub(crate) fn cut_short(&self, outcomes: usize) {
        tracing::warn!(outcomes, "stopped before their time: these outcomes leave now instead of after their delay");
    }
}
