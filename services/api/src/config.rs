//! The `api` section of the configuration.

use churn_domain::FEATURE_COUNT;
use churn_runtime::config::{Fault, Validate};
use serde::{Deserialize, Serialize};

/// Bounds of one request.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Most customers in one predict request.
    pub max_predict_rows: usize,
    /// Most customers in one synthesize request.
    pub max_synthesize_rows: u64,
    /// How many reasons a prediction carries: the features that moved it most, by their exact Shapley values. 0 turns them off.
    pub reasons: usize,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { max_predict_rows: 10_000, max_synthesize_rows: 100_000, reasons: 3 }
    }
}

impl Validate for ApiConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.max_predict_rows == 0 {
            faults.push(Fault::new("max_predict_rows", "must be at least 1"));
        }
        if !(1..=10_000_000).contains(&self.max_synthesize_rows) {
            faults.push(Fault::new("max_synthesize_rows", "must be from 1 to 10000000"));
        }
        if self.reasons > FEATURE_COUNT {
            faults.push(Fault::new("reasons", format!("must be from 0 to {FEATURE_COUNT}")));
        }
        faults
    }
}
