//! Everything Kafka: consumers, producers, transactions, rebalances, dead letters, and the broker inside the process.
//!
//! Guarantees: records reach a pipeline in batches of columns, in the order of their partition, and only while their partition is
//! assigned; a position that is gone is an error and never silence; a commit reports what was produced before what was consumed
//! for it; memory is bounded by bytes at every hand-over. A real cluster and the embedded broker are one type, [`Cluster`].
//!
//! Refuses to know: Avro, schemas, customers. A record is bytes here.
//!
//! Blocking calls (all of [`Producer`] and [`TransactionalProducer`]) belong inside `tokio::task::block_in_place`; everything
//! `async` may be called anywhere on a tokio runtime.

#![allow(clippy::disallowed_methods)] // this crate reads clocks: deadlines of network calls

mod admin;
mod ask;
mod batch;
mod client;
mod cluster;
pub mod config;
mod consumer;
pub mod deadletter;
mod delivery;
mod error;
mod follow;
mod group;
mod group_offsets;
pub mod letters;
mod link;
mod outgoing;
mod partition_reader;
mod partitioner;
mod pending;
mod phase;
mod poller;
mod positions;
mod producer;
mod reader;
mod rebalance;
mod retries;
mod scan;
mod settings;
mod storm;
mod tail;
mod throttle;
mod topics;
mod touch;
mod traces;
mod transaction;
mod watchdog;

use std::sync::Arc;

pub use admin::{TopicReport, TopicState};
pub use batch::{Record, RecordBatch};
pub use cluster::Cluster;
pub use config::KafkaConfig;
pub use consumer::{Consumer, Event};
pub use error::StreamError;
pub use follow::Follow;
pub use outgoing::Outgoing;
pub use partitioner::partition_for_key;
pub use pending::{Limits, Pending};
pub use positions::Position;
pub use producer::Producer;
pub use retries::{Attempts, Retries, Wait};
pub use scan::Scan;
pub use storm::{StormConfig, StormGuard};
pub use topics::{TopicSpec, Topics};
pub use traces::{BatchTrace, SpanNames};
pub use transaction::TransactionalProducer;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic, prefix included.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: Arc::from(topic), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A record header, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name.
    pub name: &'a str,
    /// The value; `None` when it is null.
    pub value: Option<&'a [u8]>,
}
