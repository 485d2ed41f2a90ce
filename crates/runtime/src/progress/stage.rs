//! One stage's account of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde::Serialize;

use super::latency::{Latency, LatencySnapshot};
use super::pace::{Pace, PaceSnapshot};
use super::positions::Positions;
use super::{Change, Shared};

/// The counters and positions of one stage, as kept.
#[derive(Debug, Default)]
pub(crate) struct StageState {
    pub(crate) name: String,
    pub(crate) read: AtomicU64,
    pub(crate) done: AtomicU64,
    pub(crate) durable: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) renewed: AtomicU64,
    pub(crate) consumed: Positions,
    pub(crate) latency: Latency,
    pub(crate) pace: Pace,
}

/// A stage's handle on [`super::Progress`]: cheap to clone, all clones report to the same stage.
///
/// Report per batch, and report what was produced before what was consumed for it (see [`super`]).
#[derive(Debug, Clone)]
pub struct Stage {
    pub(crate) state: Arc<StageState>,
    pub(crate) shared: Arc<Shared>,
}

impl Stage {
    /// The stage's name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// `n` more records received.
    pub fn read(&self, n: u64) {
        self.state.read.fetch_add(n, Ordering::Relaxed);
        self.state.pace.count(n);
    }

    /// `n` more records processed, though not yet safe.
    pub fn done(&self, n: u64) {
        self.state.done.fetch_add(n, Ordering::Relaxed);
    }

    /// `n` more records whose result would survive a crash.
    pub fn durable(&self, n: u64) {
        self.shared.change.with(|| {
            self.state.durable.fetch_add(n, Ordering::SeqCst);
        });
    }

    /// `n` more records set aside as dead letters.
    pub fn dead_lettered(&self, n: u64) {
        self.state.dead_lettered.fetch_add(n, Ordering::Relaxed);
    }

    /// `n` more records whose processing failed and will be tried again.
    pub fn failed(&self, n: u64) {
        self.state.failed.fetch_add(n, Ordering::Relaxed);
    }

    /// A client of an outside server was beyond repair, and another one has taken its place.
    pub fn client_renewed(&self) {
        self.state.renewed.fetch_add(1, Ordering::Relaxed);
    }

    /// The broker has acknowledged everything of the partition before `next_offset`. Never moves back.
    pub fn produced(&self, topic: &str, partition: i32, next_offset: i64) {
        self.produced_partition(topic, partition).advance(next_offset);
    }

    /// A cached handle for [`Stage::produced`].
    pub fn produced_partition(&self, topic: &str, partition: i32) -> PartitionGauge {
        PartitionGauge { cell: self.shared.produced.cell(topic, partition, 0), shared: Arc::clone(&self.shared) }
    }

    /// This stage will consume these partitions. Those it does not consume yet begin at offset 0, so register before the
    /// producer starts and outstanding records count from the first one.
    pub fn consumes(&self, topic: &str, partitions: impl IntoIterator<Item = i32>) {
        for partition in partitions {
            self.shared.change.with(|| {
                self.state.consumed.cell(topic, partition, 0);
            });
        }
    }

    /// The partition was assigned and will be read from `next_offset`, which may lie before an earlier assignment's position.
    /// Handles of that earlier assignment no longer count; that of this one is returned.
    pub fn assigned(&self, topic: &str, partition: i32, next_offset: i64) -> PartitionGauge {
        let cell = self.shared.change.with(|| self.state.consumed.replace(topic, partition, next_offset));
        PartitionGauge { cell, shared: Arc::clone(&self.shared) }
    }

    /// Everything of the partition before `next_offset` is durable downstream. Never moves back within an assignment.
    pub fn consumed(&self, topic: &str, partition: i32, next_offset: i64) {
        self.partition(topic, partition).advance(next_offset);
    }

    /// A cached handle for [`Stage::consumed`]. Take it anew after [`Stage::assigned`] or [`Stage::revoked`].
    pub fn partition(&self, topic: &str, partition: i32) -> PartitionGauge {
        PartitionGauge { cell: self.state.consumed.cell(topic, partition, 0), shared: Arc::clone(&self.shared) }
    }

    /// The partition belongs to another member now: the position of this assignment no longer counts. Where that member is one of
    /// this stage and was assigned already, its position stays.
    pub fn revoked(&self, topic: &str, partition: i32, assignment: &PartitionGauge) {
        self.shared.change.with(|| self.state.consumed.remove(topic, partition, &assignment.cell));
    }

    /// This stage's position in a partition: the first offset that is not durable yet.
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.state.consumed.get(topic, partition)
    }

    /// The recorder of the time from the scheduled event to this stage's commit, in milliseconds.
    pub fn latency(&self) -> Latency {
        self.state.latency.clone()
    }

    /// The stage's counters now.
    pub fn snapshot(&self) -> StageSnapshot {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let state = &self.state;
        // Later steps are read first, so that no snapshot shows more done than read.
        let durable = count(&state.durable);
        let done = count(&state.done);
        StageSnapshot {
            stage: state.name.clone(),
            durable,
            done,
            dead_lettered: count(&state.dead_lettered),
            failed: count(&state.failed),
            clients_renewed: count(&state.renewed),
            read: count(&state.read),
            lag: self.shared.stage_lags(state).iter().map(|lag| lag.records).sum(),
            latency: state.latency.total(),
            recent_latency: state.latency.recent(),
            pace: state.pace.snapshot(),
        }
    }
}

/// A partition's position, ready to be advanced without a look-up.
#[derive(Debug, Clone)]
pub struct PartitionGauge {
    cell: Arc<AtomicI64>,
    shared: Arc<Shared>,
}

impl PartitionGauge {
    /// Moves to `next_offset`, never back.
    pub fn advance(&self, next_offset: i64) {
        self.change().with(|| {
            self.cell.fetch_max(next_offset, Ordering::SeqCst);
        });
    }

    /// The position now.
    pub fn get(&self) -> i64 {
        self.cell.load(Ordering::SeqCst)
    }

    fn change(&self) -> &Change {
        &self.shared.change
    }
}

/// A stage's counters at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageSnapshot {
    /// The stage's name.
    pub stage: String,
    /// Records received.
    pub read: u64,
    /// Records processed.
    pub done: u64,
    /// Records whose result would survive a crash.
    pub durable: u64,
    /// Records set aside as dead letters.
    pub dead_lettered: u64,
    /// Attempts that failed and are tried again.
    pub failed: u64,
    /// Kafka clients that were beyond repair and made anew.
    pub clients_renewed: u64,
    /// Records produced to the partitions it consumes and not yet durable.
    pub lag: i64,
    /// Latency since the start, milliseconds.
    pub latency: LatencySnapshot,
    /// Latency of the last ten seconds, milliseconds.
    pub recent_latency: LatencySnapshot,
    /// How records come.
    pub pace: PaceSnapshot,
}

/// How far one stage is behind in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// The consuming stage.
    pub stage: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Records acknowledged by the broker and not yet durable downstream. Never negative.
    pub records: i64,
}
