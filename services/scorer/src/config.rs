//! The `scorer` section of the configuration.

use std::time::Duration;

use churn_runtime::config::{ByteSize, Fault, HumanDuration, Validate, within};
use churn_stream::StormConfig;
use serde::{Deserialize, Serialize};

/// How events are scored.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScorerConfig {
    /// Consumer group of all scorers of this stream.
    pub group: String,
    /// Transactional id, unique among the running scorers and the same after a restart; in Kubernetes the pod's ordinal.
    pub transactional_id: String,
    /// Most events in a transaction. Larger costs less per event, smaller keeps the latency of a full stream low.
    pub batch_rows: usize,
    /// Most bytes of events in a transaction.
    pub batch_bytes: ByteSize,
    /// How long an event may wait for others to share its transaction.
    pub max_delay: HumanDuration,
    /// How long a full transaction should take from its first event to its commit: slower ones make the next ones smaller, down to
    /// 500 events, faster ones larger, up to `batch_rows`.
    pub max_latency: HumanDuration,
    /// How far an event's time may lie ahead of the clock, because clocks differ. What lies further ahead is a dead letter.
    pub max_ahead: HumanDuration,
    /// How often the registry is asked for a new champion.
    pub model_poll: HumanDuration,
    /// When dead letters are a storm, and what then.
    pub storm: StormConfig,
}

impl Default for ScorerConfig {
    fn default() -> Self {
        Self {
            group: "churn-scorer".into(),
            transactional_id: "churn-scorer-0".into(),
            batch_rows: 20_000,
            batch_bytes: ByteSize::mib(4),
            max_delay: HumanDuration::from(Duration::from_millis(20)),
            max_latency: HumanDuration::from(Duration::from_millis(100)),
            max_ahead: HumanDuration::from(Duration::from_secs(300)),
            model_poll: HumanDuration::from(Duration::from_secs(5)),
            storm: StormConfig::default(),
        }
    }
}

impl Validate for ScorerConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (key, text) in [("group", &self.group), ("transactional_id", &self.transactional_id)] {
            if text.is_empty() {
                faults.push(Fault::new(key, "must not be empty"));
            }
        }
        if !(1..=100_000).contains(&self.batch_rows) {
            faults.push(Fault::new("batch_rows", "must be from 1 to 100000"));
        }
        // A score carries the time of its event, and brokers refuse times further ahead (message.timestamp.after.max.ms).
        if self.max_ahead.get() >= Duration::from_secs(3_600) {
            faults.push(Fault::new("max_ahead", "must be less than 1 h: brokers refuse scores with later times by default"));
        }
        faults.extend(within("storm", self.storm.validate()));
        faults
    }
}
