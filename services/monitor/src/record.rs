//! The figures of a model over time, for `churn.model_metric`: those of the rows it had not seen when it was fitted, once,
//! and those of the labelled rows since the last record, again and again.
//!
//! After a restart some rows may be recorded twice, in windows that overlap: what was labelled since the last save is read
//! again.

use churn_domain::Probability;
use churn_drift::{Accumulator, Performance};
use churn_store::{Dataset, ModelMetrics};
use serde::{Deserialize, Serialize};

/// Labelled rows of a version that are enough for its first record, before the usual time is over.
const FIRST_ROWS: u64 = 1_000;

/// The labelled rows of one model version since its last record.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    performance: Performance,
    first_ms: i64,
    last_ms: i64,
    recorded_at_ms: Option<i64>,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self { performance: Performance::new(), first_ms: i64::MAX, last_ms: i64::MIN, recorded_at_ms: None }
    }

    pub(crate) fn add(&mut self, (probability, predicted, actual): (Probability, bool, bool), event_time_ms: i64) {
        self.performance.add(probability, predicted, actual);
        self.first_ms = self.first_ms.min(event_time_ms);
        self.last_ms = self.last_ms.max(event_time_ms);
    }

    /// What is to be recorded at `now_ms`, where the time for it has come.
    pub(crate) fn due(&self, version: &str, every_ms: i64, now_ms: i64) -> Option<ModelMetrics> {
        let rows = self.performance.rows();
        let due = match self.recorded_at_ms {
            None => rows >= FIRST_ROWS,
            Some(before) => rows > 0 && now_ms - before >= every_ms,
        };
        due.then(|| {
            let figures = self.performance.summary();
            let values = [
                ("rows", Some(figures.rows as f64)),
                ("accuracy", figures.accuracy),
                ("precision", figures.precision),
                ("recall", figures.recall),
                ("f1", figures.f1),
                ("auc", figures.auc),
                ("average_precision", figures.average_precision),
                ("log_loss", figures.log_loss),
                ("brier", figures.brier),
                ("ece", figures.calibration_error),
            ];
            ModelMetrics {
                version: version.to_owned(),
                dataset: Dataset::Live,
                start_ms: self.first_ms,
                end_ms: self.last_ms.saturating_add(1),
                values: values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            }
        })
    }

    /// It was recorded.
    pub(crate) fn recorded(&mut self, now_ms: i64) {
        self.performance.reset();
        (self.first_ms, self.last_ms, self.recorded_at_ms) = (i64::MAX, i64::MIN, Some(now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_and_an_empty_one_is_none() {
        let mut record = Record::new();
        let p = |value| Probability::new(value).unwrap();
        (0..999).for_each(|at| record.add((p(0.3), false, at % 3 == 0), 5_000 + at));
        assert_eq!(record.due("v1", 60_000, 1_000_000), None, "too few for the first");
        record.add((p(0.9), true, true), 4_000);
        let first = record.due("v1", 60_000, 1_000_000).unwrap();
        assert_eq!((first.start_ms, first.end_ms, first.dataset), (4_000, 5_999, Dataset::Live));
        assert_eq!(first.values[0], ("rows", 1_000.0));
        record.recorded(1_000_000);
        assert_eq!(record.due("v1", 60_000, 2_000_000), None);
        record.add((p(0.3), false, false), 7_000);
        assert_eq!(record.due("v1", 60_000, 1_059_999), None);
        let second = record.due("v1", 60_000, 1_060_000).unwrap();
        assert_eq!((second.start_ms, second.end_ms), (7_000, 7_001));
        assert!(second.values.iter().all(|(name, _)| *name != "auc"), "one class has no area");
    }
}
