//! One segment's errors against its first ones.
//!
//! As the whole's (`performance.rs`), with what segments need besides: there are many of them and some are small, so that a
//! block counts the segment's own rows, however long they take; its losses may be tiny, so that growth must also matter
//! in nats; and an alarm is two blocks in a row, because a small block's mean leans to the side of its rare large
//! losses. `crates/drift/examples/segment_false_alarms.rs` measures what chance makes of that.

use churn_drift::defaults::{MAX_P_VALUE, SEGMENT_ALARM_BLOCKS, SEGMENT_MIN_GROWTH, SEGMENT_SHARE};
use churn_drift::{Moments, Shift};
use serde::{Deserialize, Serialize};

use crate::performance::PerformanceSettings;

/// Fewer rows tell nothing.
const MIN_ROWS: u64 = 200;

/// The labelled rows of one segment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SegmentErrors {
    reference: Moments,
    block: Moments,
    latest: Option<Shift>,
    /// Bad blocks in a row.
    bad: u32,
}

impl SegmentErrors {
    /// Takes the log-loss of a row.
    pub(crate) fn add(&mut self, loss: f64, settings: &PerformanceSettings) {
        if self.reference.rows() < rows(settings.reference_rows) {
            self.reference.add(loss);
            return;
        }
        self.block.add(loss);
        if self.block.rows() >= rows(settings.block_rows) {
            self.latest = self.block.shift_from(&self.reference);
            self.block = Moments::default();
            let bad = self.latest.is_some_and(|shift| is_bad(&shift, settings.min_increase));
            self.bad = if bad { self.bad.saturating_add(1) } else { 0 };
        }
    }

    /// The last full block against the reference.
    pub(crate) fn latest(&self) -> Option<Shift> {
        self.latest
    }

    /// Whether errors have grown in the last blocks; `None` before the first one is full.
    pub(crate) fn alarm(&self) -> Option<bool> {
        self.latest.map(|_| self.bad >= SEGMENT_ALARM_BLOCKS)
    }
}

fn rows(of_all: u64) -> u64 {
    (of_all / SEGMENT_SHARE as u64).max(MIN_ROWS)
}

fn is_bad(shift: &Shift, min_increase: f64) -> bool {
    shift.relative() >= min_increase
        && shift.now - shift.before >= SEGMENT_MIN_GROWTH
        && shift.p_value.is_significant(MAX_P_VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PerformanceSettings =
        PerformanceSettings { reference_rows: 10_000, block_rows: 5_000, min_increase: 0.1 };

    /// Losses around 0.4, spread evenly, `more` times as large.
    fn feed(errors: &mut SegmentErrors, rows: u64, more: f64) {
        (0..rows).for_each(|row| errors.add((row * 7_919 % 1_009) as f64 / 1_009.0 * 0.8 * more, &SETTINGS));
    }

    #[test]
    fn two_bad_blocks_in_a_row_are_an_alarm_and_one_is_none() {
        let mut errors = SegmentErrors::default();
        feed(&mut errors, 2_999, 1.0);
        assert_eq!(errors.alarm(), None, "the first block is not full");
        feed(&mut errors, 1, 1.0);
        assert_eq!(errors.alarm(), Some(false));
        feed(&mut errors, 1_000, 1.5);
        assert_eq!(errors.alarm(), Some(false));
        let mut restored: SegmentErrors = serde_json::from_str(&serde_json::to_string(&errors).unwrap()).unwrap();
        for errors in [&mut errors, &mut restored] {
            feed(errors, 1_000, 1.5);
            assert_eq!(errors.alarm(), Some(true));
            let shift = errors.latest().unwrap();
            assert!((shift.relative() - 0.5).abs() < 0.05, "{shift:?}");
            feed(errors, 1_000, 1.0);
            assert_eq!(errors.alarm(), Some(false));
        }
    }

    #[test]
    fn tiny_losses_may_double_and_few_rows_say_nothing() {
        let mut errors = SegmentErrors::default();
        feed(&mut errors, 2_000, 0.02);
        feed(&mut errors, 5_000, 0.05);
        assert!(errors.latest().unwrap().relative() > 1.0);
        assert_eq!(errors.alarm(), Some(false), "{:?}", errors.latest());
        let few = PerformanceSettings { reference_rows: 100, block_rows: 100, min_increase: 0.1 };
        let mut errors = SegmentErrors::default();
        (0..399).for_each(|_| errors.add(0.1, &few));
        assert_eq!(errors.alarm(), None);
    }
}
