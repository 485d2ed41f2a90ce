//! The `mlflow` section of the configuration.

use std::time::Duration;

use churn_runtime::config::{Fault, HumanDuration, Secret, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which MLflow the registry is mirrored in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MlflowConfig {
    /// Address of a tracking server that serves artifacts (`--serve-artifacts`), such as `http://mlflow:5000`; empty: no mirror.
    pub url: String,
    /// Experiment that the runs belong to.
    pub experiment: String,
    /// Names of the registered models begin so: `churnstream-model`, `churnstream-generator`.
    pub prefix: String,
    /// Bearer token, where a proxy before MLflow asks for one.
    pub token: Secret,
    /// How long one request may take.
    pub timeout: HumanDuration,
    /// How often the mirror looks for something to do.
    pub interval: HumanDuration,
    /// How often the champion's live figures are added to its run, where there is a Postgres that has them.
    pub live_interval: HumanDuration,
}

impl Default for MlflowConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            experiment: "churnstream".into(),
            prefix: "churnstream".into(),
            token: Secret::default(),
            timeout: HumanDuration::from(Duration::from_secs(10)),
            interval: HumanDuration::from(Duration::from_secs(30)),
            live_interval: HumanDuration::from(Duration::from_secs(300)),
        }
    }
}

impl Validate for MlflowConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let has_scheme = ["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme));
        if !self.url.is_empty() && !has_scheme {
            faults.push(Fault::new("url", "must begin with http:// or https://"));
        }
        for (key, name) in [("experiment", &self.experiment), ("prefix", &self.prefix)] {
            if name.is_empty() || name.contains(['/', ':', '\'', '"']) {
                faults.push(Fault::new(key, "must be a name without / : ' \""));
            }
        }
        let times = [("timeout", self.timeout), ("interval", self.interval), ("live_interval", self.live_interval)];
        for (key, time) in times {
            if time.get().is_zero() {
                faults.push(Fault::new(key, "must be more than 0"));
            }
        }
        faults
    }
}
