//! What the scorer counts and logs.

use std::time::Duration;

use churn_domain::FEATURES;
use churn_runtime::metrics::{GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, Metrics, catalogue};

use crate::batch::Batch;

/// The scorer's metrics; each method is one thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct ScorerMetrics {
    scored: IntCounterVec,
    shadowed: IntCounterVec,
    unknown: Vec<IntCounter>,
    missing: Vec<IntCounter>,
    mean_probability: GaugeVec,
    batch_records: Histogram,
    batch_seconds: HistogramVec,
    dead_letters: IntCounterVec,
    rebalances: IntCounterVec,
}

impl ScorerMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let by_feature =
            |counters: IntCounterVec| FEATURES.iter().map(|f| counters.with_label_values(&[f.name])).collect();
        Self {
            scored: metrics.counter_vec(&catalogue::SCORER_EVENTS),
            shadowed: metrics.counter_vec(&catalogue::SCORER_SHADOW_EVENTS),
            unknown: by_feature(metrics.counter_vec(&catalogue::SCORER_UNKNOWN_CATEGORIES)),
            missing: by_feature(metrics.counter_vec(&catalogue::SCORER_MISSING_VALUES)),
            mean_probability: metrics.gauge_vec(&catalogue::SCORER_MEAN_PROBABILITY),
            batch_records: metrics.histogram(&catalogue::SCORER_BATCH_RECORDS),
            batch_seconds: metrics.histogram_vec(&catalogue::SCORER_BATCH_SECONDS),
            dead_letters: metrics.counter_vec(&catalogue::DEAD_LETTERS),
            rebalances: metrics.counter_vec(&catalogue::REBALANCES),
        }
    }

    pub(crate) fn step(&self, step: &str, took: Duration) {
        self.batch_seconds.with_label_values(&[step]).observe(took.as_secs_f64());
    }

    /// A batch is committed.
    pub(crate) fn committed(&self, model_version: &str, batch: &Batch) {
        tracing::debug!(events = batch.scored(), model_version, "scores committed");
        self.batch_records.observe(batch.scored() as f64);
        self.scored.with_label_values(&[model_version]).inc_by(batch.scored() as u64);
        if let Some(mean) = batch.mean_probability() {
            self.mean_probability.with_label_values(&[model_version]).set(mean);
        }
        for (version, events) in batch.shadowed() {
            self.shadowed.with_label_values(&[version]).inc_by(events as u64);
        }
        for (counter, count) in self.unknown.iter().zip(&batch.stats().unknown) {
            counter.inc_by(*count);
        }
        for (counter, count) in self.missing.iter().zip(&batch.stats().missing) {
            counter.inc_by(*count);
        }
        for class in batch.refused() {
            self.dead_letters.with_label_values(&["scorer", class]).inc();
        }
    }

    pub(crate) fn assigned(&self, partitions: usize) {
        self.rebalances.with_label_values(&["scorer"]).inc();
        tracing::info!(partitions, "partitions assigned");
    }
}
