//! The `sink` section of the configuration.

use std::time::Duration;

use churn_runtime::config::{ByteSize, Fault, HumanDuration, Validate, within};
use churn_stream::StormConfig;
use serde::{Deserialize, Serialize};

/// How scores and outcomes are stored.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SinkConfig {
    /// Consumer group of all sinks, and the name under which positions are kept in Postgres.
    pub group: String,
    /// Lanes of this process: so many members of the group store side by side, each its own partitions over its own connection to
    /// Postgres. One is slower than Postgres, which works on one core a connection; more than the partitions stand idle. With the
    /// embedded broker it is always 1.
    pub lanes: usize,
    /// Most rows in a transaction. Larger costs less per row; a failed transaction is repeated as a whole.
    pub batch_rows: usize,
    /// Most bytes of records in the transactions of all lanes together: each takes its share.
    pub batch_bytes: ByteSize,
    /// How long a record may wait for others to share its transaction.
    pub max_delay: HumanDuration,
    /// When dead letters are a storm, and what then.
    pub storm: StormConfig,
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self {
            group: "churn-sink".into(),
            lanes: 2,
            batch_rows: 10_000,
            batch_bytes: ByteSize::mib(8),
            max_delay: HumanDuration::from(Duration::from_millis(50)),
            storm: StormConfig::default(),
        }
    }
}

impl Validate for SinkConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.group.is_empty() {
            faults.push(Fault::new("group", "must not be empty"));
        }
        if !(1..=16).contains(&self.lanes) {
            faults.push(Fault::new("lanes", "must be from 1 to 16"));
        }
        if !(1..=1_000_000).contains(&self.batch_rows) {
            faults.push(Fault::new("batch_rows", "must be from 1 to 1000000"));
        }
        faults.extend(within("storm", self.storm.validate()));
        faults
    }
}
