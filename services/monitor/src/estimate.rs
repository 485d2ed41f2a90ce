//! How well a model version probably does before the truth is known, beside what the truth then says.
//!
//! The version's first labelled rows teach whether its probabilities have to be calibrated first and how much figures
//! scatter (CBPE, `churn_drift::estimate`). Until they are there, probabilities are taken as they are and figures have no
//! intervals. These first rows are not stored: after a restart they are collected anew.

use churn_domain::Probability;
use churn_drift::Accumulator;
use churn_drift::estimate::{Estimates, Estimator, Labelled, Unlabelled};
use serde::{Deserialize, Serialize};

/// The expectation of one model version.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EstimateWatch {
    estimator: Estimator,
    #[serde(skip)]
    first: FirstRows,
    learnt: bool,
    window: Unlabelled,
    latest: Option<Estimates>,
}

#[derive(Debug, Default)]
struct FirstRows {
    probability: Vec<f64>,
    predicted: Vec<bool>,
    actual: Vec<bool>,
}

impl EstimateWatch {
    pub(crate) fn new() -> Self {
        Self {
            estimator: Estimator::uncalibrated(),
            first: FirstRows::default(),
            learnt: false,
            window: Unlabelled::default(),
            latest: None,
        }
    }

    /// Takes scored rows; a window ends with `window_rows` of them.
    pub(crate) fn score(&mut self, probability: &[f64], predicted: &[bool], window_rows: usize) {
        for (&probability, &predicted) in probability.iter().zip(predicted) {
            self.window.add(probability, predicted);
            if self.window.rows() >= window_rows as u64 {
                self.latest = self.estimator.estimate_window(&self.window);
                self.window.reset();
            }
        }
    }

    /// Takes the truth about a row, until `reference_rows` are known.
    pub(crate) fn label(&mut self, probability: Probability, predicted: bool, actual: bool, reference_rows: usize) {
        if self.learnt {
            return;
        }
        let first = &mut self.first;
        first.probability.push(probability.get());
        first.predicted.push(predicted);
        first.actual.push(actual);
        if first.actual.len() < reference_rows {
            return;
        }
        let FirstRows { probability, predicted, actual } = std::mem::take(first);
        let rows = Labelled { probability: &probability, predicted: &predicted, actual: &actual };
        match Estimator::fit(rows) {
            Ok(estimator) => self.estimator = estimator,
            // Probabilities are checked and columns filled together: there is nothing else to refuse.
            Err(error) => tracing::warn!(%error, "expected performance stays without intervals"),
        }
        self.learnt = true;
    }

    /// Of the last full window.
    pub(crate) fn latest(&self) -> Option<&Estimates> {
        self.latest.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(watch: &mut EstimateWatch, rows: std::ops::Range<u64>, labelled: bool) {
        for row in rows {
            let p = (row * 7_919 % 10_007) as f64 / 10_007.0;
            watch.score(&[p], &[p >= 0.5], 1_000);
            if labelled {
                let u = (row * 104_729 % 99_991) as f64 / 99_991.0;
                watch.label(Probability::new(p).unwrap(), p >= 0.5, u < p, 2_000);
            }
        }
    }

    #[test]
    fn figures_are_there_with_the_first_window_and_intervals_with_the_first_labels() {
        let mut watch = EstimateWatch::new();
        feed(&mut watch, 0..999, false);
        assert_eq!(watch.latest(), None);
        feed(&mut watch, 999..1_000, false);
        // Evenly spread probabilities: the area is 5/6, the accuracy 3/4.
        let bare = *watch.latest().unwrap();
        assert!((bare.roc_auc.unwrap().value - 5.0 / 6.0).abs() < 0.01, "{bare:?}");
        assert!((bare.accuracy.unwrap().value - 0.75).abs() < 0.01 && bare.accuracy.unwrap().lower.is_none());
        feed(&mut watch, 1_000..3_000, true);
        let mut restored: EstimateWatch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        for watch in [&mut watch, &mut restored] {
            feed(watch, 3_000..4_000, false);
            let found = watch.latest().unwrap().accuracy.unwrap();
            let (lower, upper) = found.lower.zip(found.upper).unwrap();
            assert!(lower < 0.75 && 0.75 < upper && upper - lower < 0.1, "{found:?}");
        }
    }
}
