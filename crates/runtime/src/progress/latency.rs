//! End-to-end latency of a stage: everything since the start, and the last ten seconds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::histogram::LatencyHistogram;
use crate::clock;

/// The recent window is this many slots of a second each. More slots remember longer and cost 26 KiB each.
const SLOTS: usize = 10;
const SLOT_MS: i64 = 1000;

/// What a latency recorder has seen, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LatencySnapshot {
    /// Values recorded.
    pub count: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Largest value.
    pub max: u64,
    /// Arithmetic mean.
    pub mean: f64,
}

impl From<&LatencyHistogram> for LatencySnapshot {
    fn from(h: &LatencyHistogram) -> Self {
        Self { count: h.count(), p50: h.quantile(0.5), p99: h.quantile(0.99), max: h.max(), mean: h.mean() }
    }
}

/// A shared recorder of fixed memory (about 290 KiB). Clones record into the same place.
///
/// Record batch-wise: fill a [`LatencyHistogram`] or an iterator and hand it over once a commit, not once a record.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    inner: Arc<Mutex<Windows>>,
}

#[derive(Debug, Default)]
struct Windows {
    total: LatencyHistogram,
    slots: [Slot; SLOTS],
}

#[derive(Debug, Default)]
struct Slot {
    second: i64,
    histogram: LatencyHistogram,
}

impl Latency {
    /// Records the milliseconds of one batch.
    pub fn record_batch(&self, millis: impl IntoIterator<Item = i64>) {
        self.record_at(clock::now_ms(), |histogram, total| {
            for value in millis {
                histogram.record(value);
                total.record(value);
            }
        });
    }

    /// Records `n` records of the same latency.
    pub fn record_n(&self, millis: i64, n: u64) {
        self.record_at(clock::now_ms(), |histogram, total| {
            histogram.record_n(millis, n);
            total.record_n(millis, n);
        });
    }

    /// Adds a batch that a worker has counted on its own.
    pub fn merge(&self, batch: &LatencyHistogram) {
        self.record_at(clock::now_ms(), |histogram, total| {
            histogram.merge(batch);
            total.merge(batch);
        });
    }

    /// Everything since the start.
    pub fn total(&self) -> LatencySnapshot {
        LatencySnapshot::from(&self.lock().total)
    }

    /// The last ten seconds, the current one included.
    pub fn recent(&self) -> LatencySnapshot {
        LatencySnapshot::from(&self.recent_at(clock::now_ms()))
    }

    /// A copy of the whole histogram, to merge with that of another stage or process.
    pub fn histogram(&self) -> LatencyHistogram {
        self.lock().total.clone()
    }

    fn record_at(&self, now_ms: i64, record: impl FnOnce(&mut LatencyHistogram, &mut LatencyHistogram)) {
        let second = now_ms.div_euclid(SLOT_MS);
        let mut windows = self.lock();
        let Windows { total, slots } = &mut *windows;
        let slot = &mut slots[second.rem_euclid(SLOTS as i64) as usize];
        if slot.second != second {
            slot.histogram.clear();
            slot.second = second;
        }
        record(&mut slot.histogram, total);
    }

    fn recent_at(&self, now_ms: i64) -> LatencyHistogram {
        let second = now_ms.div_euclid(SLOT_MS);
        let mut recent = LatencyHistogram::new();
        for slot in &self.lock().slots {
            if slot.second <= second && slot.second > second - SLOTS as i64 {
                recent.merge(&slot.histogram);
            }
        }
        recent
    }

    fn lock(&self) -> MutexGuard<'_, Windows> {
        // Counters stay usable whatever a panicking holder was doing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recent_window_forgets_what_the_total_remembers() {
        let latency = Latency::default();
        let record = |at, value| {
            latency.record_at(at, |recent, total| {
                recent.record(value);
                total.record(value);
            });
        };
        record(1_000_000, 900);
        record(1_005_000, 10);
        assert_eq!(latency.recent_at(1_005_500).count(), 2);
        assert_eq!(latency.recent_at(1_012_000).count(), 1, "the first is 12 seconds old");
        assert_eq!(latency.recent_at(1_012_000).max(), 10);
        record(1_010_000, 20); // reuses the first one's slot
        assert_eq!(latency.recent_at(1_010_000).max(), 20);
        assert_eq!(latency.total().count, 3);
        assert_eq!(latency.total().max, 900);
    }

    #[test]
    fn batches_merged_and_recorded_count_alike() {
        let latency = Latency::default();
        latency.record_batch([1, 2, 3]);
        latency.record_n(4, 2);
        let mut batch = LatencyHistogram::new();
        batch.record(100);
        latency.merge(&batch);
        let total = latency.total();
        assert_eq!((total.count, total.p50, total.max), (6, 3, 100));
        assert_eq!(latency.recent(), total);
    }
}
