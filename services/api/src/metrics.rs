//! What the api counts beyond requests, which its HTTP server counts.

use churn_runtime::metrics::{IntCounter, Metrics, catalogue};

/// The api's metrics; each method is one thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct ApiMetrics {
    predicted: IntCounter,
    synthesized: IntCounter,
}

impl ApiMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            predicted: metrics.counter(&catalogue::API_PREDICTED),
            synthesized: metrics.counter(&catalogue::API_SYNTHESIZED),
        }
    }

    pub(crate) fn predicted(&self, rows: usize) {
        self.predicted.inc_by(rows as u64);
    }

    pub(crate) fn synthesized(&self, rows: u64) {
        self.synthesized.inc_by(rows);
    }
}
