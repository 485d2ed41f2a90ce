//! A batch in the making: records that were read and are not yet committed, bounded by rows, bytes and time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::{RecordBatch, TopicPartition};

/// When a batch is closed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most records. Larger batches cost less per record and wait longer.
    pub rows: usize,
    /// Most bytes of keys, values and headers.
    pub bytes: u64,
    /// Longest wait of the first record for others.
    pub delay: Duration,
}

/// Records in hand. What a pipeline read in several pieces is committed as one batch.
#[derive(Debug)]
pub struct Pending {
    limits: Limits,
    records: Vec<RecordBatch>,
    rows: usize,
    bytes: u64,
    deadline: Option<Instant>,
}

impl Pending {
    /// Nothing in hand.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, records: Vec::new(), rows: 0, bytes: 0, deadline: None }
    }

    /// Adds records; the first ones start the clock. Says whether the batch is full.
    pub fn push(&mut self, records: RecordBatch) -> bool {
        self.rows += records.len();
        self.bytes += records.bytes() as u64;
        self.records.push(records);
        self.deadline.get_or_insert_with(|| Instant::now() + self.limits.delay);
        self.rows >= self.limits.rows || self.bytes >= self.limits.bytes
    }

    /// Whether there is nothing in hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Number of records.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The records, in the order in which they were read.
    #[must_use]
    pub fn records(&self) -> &[RecordBatch] {
        &self.records
    }

    /// For each partition the offset after its last record in hand.
    #[must_use]
    pub fn next_offsets(&self) -> Vec<(TopicPartition, i64)> {
        let next: BTreeMap<_, _> = self.records.iter().flat_map(RecordBatch::next_offsets).collect();
        next.into_iter().collect()
    }

    /// Drops what is in hand: it is committed, or it will be read again.
    pub fn clear(&mut self) {
        self.records.clear();
        (self.rows, self.bytes, self.deadline) = (0, 0, None);
    }

    /// Ends when the first record in hand has waited long enough; never while there is none. Cancel-safe.
    pub async fn due(&self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}
