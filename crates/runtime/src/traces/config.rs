//! The `telemetry` section of the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Fault, Secret, Validate};

/// Traces: which events have one, and where they go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TracesConfig {
    /// Address of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://collector:4318`; spans go to `/v1/traces`
    /// below it. Empty: no traces, at no cost.
    pub otlp_endpoint: String,
    /// Bearer token, where the collector asks for one.
    pub otlp_token: Secret,
    /// Share of the events that are traced, from 0 to 1. Decided by the event's id where the event begins; what comes after follows.
    pub sample_ratio: f64,
    /// Most spans that wait for the collector. More are dropped and counted (`churn_trace_spans_dropped_total`).
    pub queue_spans: usize,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self { otlp_endpoint: String::new(), otlp_token: Secret::default(), sample_ratio: 0.001, queue_spans: 8_192 }
    }
}

impl Validate for TracesConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let has_scheme = ["http://", "https://"].iter().any(|scheme| self.otlp_endpoint.starts_with(scheme));
        if !self.otlp_endpoint.is_empty() && !has_scheme {
            faults.push(Fault::new("otlp_endpoint", "must begin with http:// or https:// (OTLP over HTTP, port 4318)"));
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            faults.push(Fault::new("sample_ratio", "must be from 0 to 1"));
        }
        if !(1..=1_000_000).contains(&self.queue_spans) {
            faults.push(Fault::new("queue_spans", "must be from 1 to 1000000"));
        }
        faults
    }
}
