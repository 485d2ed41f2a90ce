//! What the sink counts and logs.

use std::time::Duration;

use churn_runtime::metrics::{Histogram, IntCounter, IntCounterVec, Metrics, catalogue};
use churn_store::{Target, Written};

/// The sink's metrics; each method is one thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct SinkMetrics {
    rows: IntCounterVec,
    batches: IntCounter,
    batch_records: Histogram,
    commit_seconds: Histogram,
    duplicates: IntCounter,
    conflicts: IntCounterVec,
    fenced: IntCounter,
    end_to_end: Histogram,
    dead_letters: IntCounterVec,
    rebalances: IntCounterVec,
}

impl SinkMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            rows: metrics.counter_vec(&catalogue::SINK_ROWS),
            batches: metrics.counter(&catalogue::SINK_BATCHES),
            batch_records: metrics.histogram(&catalogue::SINK_BATCH_RECORDS),
            commit_seconds: metrics.histogram(&catalogue::SINK_COMMIT_SECONDS),
            duplicates: metrics.counter(&catalogue::SINK_DUPLICATES),
            conflicts: metrics.counter_vec(&catalogue::SINK_CONFLICTS),
            fenced: metrics.counter(&catalogue::SINK_FENCED),
            end_to_end: metrics.histogram(&catalogue::END_TO_END_SECONDS),
            dead_letters: metrics.counter_vec(&catalogue::DEAD_LETTERS),
            rebalances: metrics.counter_vec(&catalogue::REBALANCES),
        }
    }

    /// A batch is committed.
    pub(crate) fn committed(&self, records: usize, written: &Written, took: Duration) {
        self.batches.inc();
        self.batch_records.observe(records as f64);
        self.commit_seconds.observe(took.as_secs_f64());
        self.rows.with_label_values(&[Target::Score.table()]).inc_by(written.rows);
        self.rows.with_label_values(&[Target::Outcome.table()]).inc_by(written.outcomes);
        self.duplicates.inc_by(written.duplicates);
        for conflict in &written.conflicts {
            self.conflicts.with_label_values(&[conflict.which.table()]).inc();
        }
    }

    /// So many milliseconds passed from the time an event was scheduled for to its row's commit.
    pub(crate) fn arrived(&self, millis: i64) {
        self.end_to_end.observe(millis.max(0) as f64 / 1e3);
    }

    pub(crate) fn dead_letter(&self, class: &str) {
        self.dead_letters.with_label_values(&["sink", class]).inc();
    }

    pub(crate) fn fenced(&self, reason: &dyn std::fmt::Display) {
        self.fenced.inc();
        tracing::warn!(%reason, "fenced; joining the group again");
    }

    pub(crate) fn assigned(&self, partitions: usize) {
        self.rebalances.with_label_values(&["sink"]).inc();
        tracing::info!(partitions, "partitions assigned");
    }
}
