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
    /// Longest time that a full batch should take from its first record to its commit: a slower one makes the next ones smaller,
    /// a faster one larger, up to `rows`. None keeps them at `rows`.
    pub latency: Option<Duration>,
}

/// Adapting batches begin with this many records.
const FIRST_ROWS: usize = 5_000;
/// And become no smaller: below it, what a transaction costs outweighs its records.
const LEAST_ROWS: usize = 500;

/// Records in hand. What a pipeline read in several pieces is committed as one batch.
#[derive(Debug)]
pub struct Pending {
    limits: Limits,
    /// Most records of the batch in the making, as it was adapted.
    room: usize,
    records: Vec<RecordBatch>,
    rows: usize,
    bytes: u64,
    deadline: Option<Instant>,
}

impl Pending {
    /// Nothing in hand.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let room = if limits.latency.is_some() { limits.rows.min(FIRST_ROWS) } else { limits.rows };
        Self { limits, room, records: Vec::new(), rows: 0, bytes: 0, deadline: None }
    }

    /// Adds records; the first ones start the clock. Says whether the batch is full.
    pub fn push(&mut self, records: RecordBatch) -> bool {
        self.rows += records.len();
        self.bytes += records.bytes() as u64;
        self.records.push(records);
        self.deadline.get_or_insert_with(|| Instant::now() + self.limits.delay);
        self.is_full()
    }

    fn is_full(&self) -> bool {
        self.rows >= self.room || self.bytes >= self.limits.bytes
    }

    /// Most records of the next batch.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room
    }

    /// What is in hand is committed: drops it, and adapts the size of the next batch. Up by a quarter and down by a half, so that
    /// it comes near the bound and flees from it.
    pub fn committed(&mut self) {
        if let (Some(latency), Some(deadline), true) = (self.limits.latency, self.deadline, self.is_full()) {
            let age = Instant::now().saturating_duration_since(deadline - self.limits.delay);
            let next = if age > latency { self.room / 2 } else { self.room + self.room / 4 };
            self.room = next.clamp(LEAST_ROWS.min(self.limits.rows), self.limits.rows);
        }
        self.clear();
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

    /// Drops what is in hand: it will be read again, or is another member's.
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::batch::{Builder, Pool};

    impl Pending {
        /// As if the batch in hand had begun this much earlier.
        fn age(&mut self, by: Duration) {
            self.deadline = self.deadline.map(|deadline| deadline - by);
        }
    }

    fn nothing() -> RecordBatch {
        let topics: Arc<[Arc<str>]> = Arc::from([Arc::from("t")]);
        Builder::new(topics, Arc::new(Pool::default())).finish()
    }

    #[tokio::test]
    async fn a_full_batch_shrinks_the_next_when_it_was_slow_and_grows_it_when_it_was_fast() {
        let limits = Limits {
            rows: 8_000,
            bytes: 0, // every batch is full
            delay: Duration::from_millis(20),
            latency: Some(Duration::from_millis(100)),
        };
        let mut pending = Pending::new(limits);
        assert_eq!(pending.room(), FIRST_ROWS);
        for expected in [6_250, 7_812, 8_000, 8_000] {
            assert!(pending.push(nothing()));
            pending.committed();
            assert_eq!(pending.room(), expected);
        }
        for expected in [4_000, 2_000, 1_000, 500, 500] {
            pending.push(nothing());
            pending.age(Duration::from_millis(101));
            pending.committed();
            assert_eq!(pending.room(), expected);
        }
        let mut fixed = Pending::new(Limits { latency: None, ..limits });
        fixed.push(nothing());
        fixed.age(Duration::from_secs(1));
        fixed.committed();
        assert_eq!(fixed.room(), 8_000);
    }
}
