//! How fast records come and how long ago the last one came, told by the part itself.
//!
//! Prometheus could derive both from a counter, but only over several of its scrapes: a burst or a silence of ten seconds is
//! shorter than that, and shows in these figures at the next scrape, however rare scrapes are.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::clock;

/// Whole seconds that the pace is a mean over. More are calmer and slower to notice.
const SECONDS: i64 = 10;
/// Those, and the one that has just begun.
const SLOTS: usize = SECONDS as usize + 1;

/// What a stage's arrivals look like at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PaceSnapshot {
    /// Records a second over the last ten whole seconds, or over those since the first record; none before there is one.
    pub per_second: Option<f64>,
    /// Seconds since the last record; none before the first.
    pub idle_seconds: Option<f64>,
}

/// Counts of the last seconds in fixed memory.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    first_ms: Option<i64>,
    last_ms: i64,
    /// The second, and what came in it.
    counts: [(i64, u64); SLOTS],
}

impl Pace {
    /// `n` records came now.
    pub(crate) fn count(&self, n: u64) {
        self.count_at(clock::now_ms(), n);
    }

    /// The figures now.
    pub(crate) fn snapshot(&self) -> PaceSnapshot {
        self.snapshot_at(clock::now_ms())
    }

    fn count_at(&self, now_ms: i64, n: u64) {
        if n == 0 {
            return;
        }
        let second = now_ms.div_euclid(1_000);
        let mut slots = self.lock();
        slots.first_ms.get_or_insert(now_ms);
        slots.last_ms = slots.last_ms.max(now_ms);
        let slot = &mut slots.counts[second.rem_euclid(SLOTS as i64) as usize];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += n;
    }

    fn snapshot_at(&self, now_ms: i64) -> PaceSnapshot {
        let slots = self.lock();
        let Some(first_ms) = slots.first_ms else { return PaceSnapshot::default() };
        let now = now_ms.div_euclid(1_000);
        // The second of the first record is a part of one, as is the present one.
        let whole = (now - first_ms.div_euclid(1_000) - 1).min(SECONDS);
        let counted = slots.counts.iter().filter(|(second, _)| (now - whole..now).contains(second));
        let records: u64 = counted.map(|(_, count)| count).sum();
        PaceSnapshot {
            per_second: (whole > 0).then(|| records as f64 / whole as f64),
            idle_seconds: Some((now_ms - slots.last_ms).max(0) as f64 / 1e3),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Counters stay usable whatever a panicking holder was doing.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten records each tenth of a second, from 5.0 s up to `until_ms`.
    fn steady(until_ms: i64) -> Pace {
        let pace = Pace::default();
        (5_000..until_ms).step_by(100).for_each(|at| pace.count_at(at, 10));
        pace
    }

    #[test]
    fn nothing_is_said_before_the_first_record() {
        assert_eq!(Pace::default().snapshot_at(1_000), PaceSnapshot::default());
        let pace = steady(5_500);
        let begun = pace.snapshot_at(5_900);
        assert_eq!((begun.per_second, begun.idle_seconds), (None, Some(0.5)));
    }

    #[test]
    fn a_steady_stream_has_its_pace_from_the_third_second_on_and_for_ever() {
        for now in [7_000, 7_050, 9_999, 20_000, 61_234] {
            assert_eq!(steady(now).snapshot_at(now).per_second, Some(100.0), "at {now} ms");
        }
    }

    #[test]
    fn a_burst_and_a_silence_show_within_seconds() {
        let pace = steady(30_000);
        pace.count_at(30_100, 1_000);
        assert_eq!(pace.snapshot_at(31_000).per_second, Some(190.0));
        let silent = pace.snapshot_at(36_100);
        assert_eq!((silent.per_second, silent.idle_seconds), (Some(140.0), Some(6.0)));
        assert_eq!(pace.snapshot_at(60_000).per_second, Some(0.0));
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_negative_time() {
        let pace = steady(30_000);
        pace.count_at(20_000, 0);
        assert_eq!(pace.snapshot_at(29_000).idle_seconds, Some(0.0));
        pace.count_at(10_000, 5);
        assert_eq!(pace.snapshot_at(30_900).idle_seconds, Some(1.0), "counted from the latest record");
    }
}
