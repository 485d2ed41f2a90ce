//! Everything Postgres: the tables, the sink's exactly-once writer, the private server of the demo.
//!
//! Guarantees: a batch's rows and the positions it came from are stored in one transaction or not at all, and only by
//! the current owner of those positions ([`SinkWriter`]); the feature columns are those of `churn_domain::FEATURES`; no
//! error holds a password.
//!
//! Refuses to know: Kafka, Avro, models. A batch arrives as columns, a position as topic, partition and offset.

mod audit;
mod config;
mod connect;
mod copy;
mod error;
mod history;
mod labelled;
mod lease;
mod metric;
mod migrate;
mod models;
mod monitor_state;
mod partition;
mod permission;
mod position;
pub mod private;
mod probation;
mod reference;
mod retrain;
mod scores;
mod sink;
mod store;
mod turn;
mod warehouse;

pub use audit::Audit;
pub use config::{PostgresConfig, PrivateConfig};
pub use error::StoreError;
pub use history::{ScoreHistory, StoredRows};
pub use labelled::Labelled;
pub use metric::{Dataset, ModelMetrics};
pub use migrate::MigrationStatus;
pub use models::ModelRow;
pub use monitor_state::MonitorState;
pub use partition::{DAY_MS, Partition, PartitionSize};
pub use permission::Duty;
pub use position::StoredPosition;
pub use probation::{Looks, Reign};
pub use retrain::{Account, NewRequest, Outcome, RequestStatus, Taken, Waiting};
pub use scores::StoredScore;
pub use sink::{
    Claim, Conflict, OffsetAdvance, Rejected, Resolution, SinkWriter, Staged, Target, TopicPartition, WriteError,
    Written,
};
pub use store::Store;
pub use warehouse::WarehouseRun;
