//! What the trainer counts and logs.

use churn_runtime::metrics::{Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, Metrics, catalogue};
use churn_store::{NewRequest, Waiting};

use crate::data::DataAccount;

/// The trainer's metrics; each method is one thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct TrainerMetrics {
    requests: IntCounterVec,
    waiting: Gauge,
    lease: Gauge,
    trainings: IntCounterVec,
    seconds: Histogram,
    rows: GaugeVec,
    rollbacks: IntCounter,
    programs: IntCounterVec,
    dead_letters: IntCounterVec,
    rebalances: IntCounterVec,
}

impl TrainerMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counter_vec(&catalogue::TRAINER_REQUESTS),
            waiting: metrics.gauge(&catalogue::TRAINER_WAITING),
            lease: metrics.gauge(&catalogue::TRAINER_LEASE),
            trainings: metrics.counter_vec(&catalogue::TRAINER_TRAININGS),
            seconds: metrics.histogram(&catalogue::TRAINER_SECONDS),
            rows: metrics.gauge_vec(&catalogue::TRAINER_ROWS),
            rollbacks: metrics.counter(&catalogue::TRAINER_ROLLBACKS),
            programs: metrics.counter_vec(&catalogue::TRAINER_PROGRAMS),
            dead_letters: metrics.counter_vec(&catalogue::DEAD_LETTERS),
            rebalances: metrics.counter_vec(&catalogue::REBALANCES),
        }
    }

    /// A request that was not known before. Reasons are bounded: others than ours are refused before.
    pub(crate) fn requested(&self, request: &NewRequest) {
        self.requests.with_label_values(&[request.reason.as_str()]).inc();
        tracing::info!(
            request_id = %request.id,
            reason = request.reason,
            requested_by = request.requested_by,
            "a new model is asked for"
        );
    }

    pub(crate) fn waiting(&self, waiting: &Waiting) {
        self.waiting.set(waiting.requests as f64);
    }

    pub(crate) fn lease(&self, held: bool) {
        self.lease.set(f64::from(u8::from(held)));
    }

    pub(crate) fn drawn(&self, data: &DataAccount) {
        for (origin, rows) in [
            ("recent", data.learned_from.recent),
            ("shipped", data.learned_from.shipped),
            ("held_out", data.held_out.rows),
        ] {
            self.rows.with_label_values(&[origin]).set(rows as f64);
        }
    }

    pub(crate) fn ended(&self, outcome: &str, seconds: f64) {
        self.trainings.with_label_values(&[outcome]).inc();
        self.seconds.observe(seconds);
    }

    pub(crate) fn rolled_back(&self) {
        self.rollbacks.inc();
    }

    /// The program after a promotion ended: `ok`, `failed` or `timeout`.
    pub(crate) fn program(&self, result: &str) {
        self.programs.with_label_values(&[result]).inc();
    }

    pub(crate) fn dead_letter(&self, class: &str) {
        self.dead_letters.with_label_values(&["trainer", class]).inc();
    }

    pub(crate) fn assigned(&self, partitions: usize) {
        self.rebalances.with_label_values(&["trainer"]).inc();
        tracing::info!(partitions, "partitions assigned");
    }
}
