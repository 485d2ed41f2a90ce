//! How well a classifier probably does before the truth is known: confidence-based performance estimation.
//!
//! A calibrated probability says how often it is wrong, so the expected confusion counts, and all figures made of them,
//! follow from the probabilities alone. The formulas, the calibration and the sampling errors are NannyML 0.13's (CBPE);
//! `tests/numerical/estimate.json` holds them to it within 1e-6. Expected log-loss and Brier score are ours, by the same
//! reasoning.
//!
//! It sees covariates move. It is blind to a change of concept, where probabilities are no longer calibrated: only
//! outcomes tell of that.

mod calibration;
mod error;
mod isotonic;
mod split;
mod window;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use error::SamplingErrors;
pub use isotonic::Isotonic;
pub use window::{Unlabelled, UnlabelledRow};

/// An interval reaches so many sampling errors to each side, as NannyML's.
pub const INTERVAL_ERRORS: f64 = 3.0;
/// NannyML rounds expected counts to so many decimals before it divides them.
const ROUNDING: f64 = 1e5;
/// A probability is kept so far away from 0 and 1 in a logarithm.
const EPSILON: f64 = f64::EPSILON;

/// Labelled rows: probability of the positive class, label at the threshold, truth.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// Probability of the positive class.
    pub probability: &'a [f64],
    /// Label at the threshold.
    pub predicted: &'a [bool],
    /// Truth.
    pub actual: &'a [bool],
}

/// Rows that nothing can be estimated from.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum InvalidRows {
    /// There are none.
    #[error("there are no rows")]
    Empty,
    /// Columns of different lengths.
    #[error("probabilities, labels and truth differ in number")]
    Lengths,
    /// A probability outside of 0 to 1.
    #[error("row {row} has the probability {value}, expected 0 to 1")]
    Probability {
        /// The row, from 0.
        row: usize,
        /// The value.
        value: f64,
    },
}

/// One estimated figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The expected value.
    pub value: f64,
    /// Standard deviation from the number of rows; `None` where the reference does not tell.
    pub sampling_error: Option<f64>,
    /// Three sampling errors below, 0 at least.
    pub lower: Option<f64>,
    /// Three sampling errors above; 1 at most but for the log-loss.
    pub upper: Option<f64>,
}

/// All estimated figures of some rows. What is not defined for them is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimates {
    /// Rows.
    pub rows: u64,
    /// Area under the ROC curve.
    pub roc_auc: Option<Estimate>,
    /// Average precision, the area under the precision-recall curve. Without interval: NannyML draws at random there.
    pub average_precision: Option<Estimate>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<Estimate>,
    /// Share of true positives among the rows labelled positive.
    pub precision: Option<Estimate>,
    /// Share of true positives among the positives.
    pub recall: Option<Estimate>,
    /// Share of true negatives among the negatives.
    pub specificity: Option<Estimate>,
    /// Share of right labels.
    pub accuracy: Option<Estimate>,
    /// Mean log-loss, nats.
    pub log_loss: Option<Estimate>,
    /// Mean squared error of the probability.
    pub brier: Option<Estimate>,
}

/// An estimator, fitted on labelled rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimator {
    calibrator: Option<Isotonic>,
    errors: SamplingErrors,
}

impl Estimator {
    /// Learns from labelled rows how to calibrate the probabilities, where that makes them better, and how much figures
    /// scatter.
    ///
    /// # Errors
    /// There are no rows, columns differ in length, or a probability is none.
    pub fn fit(reference: Labelled<'_>) -> Result<Self, InvalidRows> {
        check(reference.probability, reference.predicted)?;
        if reference.actual.len() != reference.probability.len() {
            return Err(InvalidRows::Lengths);
        }
        let needed = calibration::helps(reference.probability, reference.actual);
        let calibrator = needed.then(|| Isotonic::fit(reference.probability, reference.actual));
        Ok(Self { calibrator, errors: SamplingErrors::of(reference) })
    }

    /// Whether the probabilities are calibrated first.
    pub fn calibrates(&self) -> bool {
        self.calibrator.is_some()
    }

    /// Figures to expect of rows whose truth is not known yet.
    ///
    /// # Errors
    /// There are no rows, columns differ in length, or a probability is none.
    pub fn estimate(&self, probability: &[f64], predicted: &[bool]) -> Result<Estimates, InvalidRows> {
        check(probability, predicted)?;
        let calibrated: Vec<f64> = probability.iter().map(|&p| self.calibrated(p)).collect();
        let rows = probability.len() as f64;
        let mean = |of: fn(f64, f64) -> f64| {
            calibrated.iter().zip(probability).map(|(&truth, &p)| of(truth, p)).sum::<f64>() / rows
        };
        let (roc_auc, average_precision) = ranked(&calibrated, probability);
        Ok(self.assemble(&Found {
            rows: probability.len(),
            expected: Expected::of(&calibrated, predicted),
            roc_auc,
            average_precision,
            log_loss: mean(log_loss),
            brier: mean(brier),
        }))
    }

    /// Takes the probabilities as they are and knows nothing of how figures scatter: what there is before the truth about
    /// any row is known.
    pub fn uncalibrated() -> Self {
        Self { calibrator: None, errors: SamplingErrors::default() }
    }

    /// The same calibration, with nothing known of how figures scatter: for customers of another kind than the reference's.
    #[must_use]
    pub fn without_errors(&self) -> Self {
        Self { calibrator: self.calibrator.clone(), errors: SamplingErrors::default() }
    }

    fn calibrated(&self, probability: f64) -> f64 {
        self.calibrator.as_ref().map_or(probability, |isotonic| isotonic.calibrate(probability))
    }

    /// Gives the figures their intervals.
    fn assemble(&self, found: &Found) -> Estimates {
        let with = |value: f64, error: Option<f64>| with_interval(value, error, 1.0);
        let (expected, errors) = (&found.expected, self.errors.for_rows(found.rows));
        Estimates {
            rows: found.rows as u64,
            roc_auc: found.roc_auc.map(|value| with(value, errors.roc_auc)),
            average_precision: found.average_precision.map(|value| with(value, None)),
            f1: Some(with(expected.f1(), errors.f1)),
            precision: Some(with(expected.precision(), errors.precision)),
            recall: Some(with(expected.recall(), errors.recall)),
            specificity: Some(with(expected.specificity(), errors.specificity)),
            accuracy: Some(with(expected.accuracy(found.rows as f64), errors.accuracy)),
            log_loss: Some(with_interval(found.log_loss, errors.log_loss, f64::INFINITY)),
            brier: Some(with(found.brier, errors.brier)),
        }
    }
}

/// The expected values, without their intervals.
struct Found {
    rows: usize,
    expected: Expected,
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    log_loss: f64,
    brier: f64,
}

fn check(probability: &[f64], predicted: &[bool]) -> Result<(), InvalidRows> {
    if probability.is_empty() {
        return Err(InvalidRows::Empty);
    }
    if probability.len() != predicted.len() {
        return Err(InvalidRows::Lengths);
    }
    match probability.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(row) => Err(InvalidRows::Probability { row, value: probability[row] }),
        None => Ok(()),
    }
}

pub(crate) fn with_interval(value: f64, error: Option<f64>, highest: f64) -> Estimate {
    Estimate {
        value,
        sampling_error: error,
        lower: error.map(|error| (value - INTERVAL_ERRORS * error).max(0.0)),
        upper: error.map(|error| (value + INTERVAL_ERRORS * error).min(highest)),
    }
}

/// Log-loss to expect of a probability `p` where `truth` is the calibrated one.
pub(crate) fn log_loss(truth: f64, p: f64) -> f64 {
    let p = p.clamp(EPSILON, 1.0 - EPSILON);
    -(truth * p.ln() + (1.0 - truth) * (1.0 - p).ln())
}

/// Squared error to expect of a probability `p` where `truth` is the calibrated one.
pub(crate) fn brier(truth: f64, p: f64) -> f64 {
    truth * (1.0 - p).powi(2) + (1.0 - truth) * p.powi(2)
}

/// Expected confusion counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Expected {
    pub(crate) true_positives: f64,
    pub(crate) false_positives: f64,
    pub(crate) true_negatives: f64,
    pub(crate) false_negatives: f64,
}

impl Expected {
    fn of(calibrated: &[f64], predicted: &[bool]) -> Self {
        let mut expected = Self::default();
        for (&p, &positive) in calibrated.iter().zip(predicted) {
            expected.add(p, positive, 1.0);
        }
        expected
    }

    /// Counts `rows` rows of the calibrated probability `p`.
    pub(crate) fn add(&mut self, p: f64, positive: bool, rows: f64) {
        if positive {
            self.true_positives += p * rows;
            self.false_positives += (1.0 - p) * rows;
        } else {
            self.false_negatives += p * rows;
            self.true_negatives += (1.0 - p) * rows;
        }
    }

    pub(crate) fn f1(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + 0.5 * (self.false_positives + self.false_negatives))
    }

    pub(crate) fn precision(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    pub(crate) fn recall(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    fn specificity(&self) -> f64 {
        ratio(self.true_negatives, self.true_negatives + self.false_positives)
    }

    pub(crate) fn accuracy(&self, rows: f64) -> f64 {
        (self.true_positives + self.true_negatives) / rows
    }
}

/// NannyML gives 0 where nothing was labelled so.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// Expected area under the ROC curve and expected average precision, over all thresholds of the model's probability.
fn ranked(calibrated: &[f64], probability: &[f64]) -> (Option<f64>, Option<f64>) {
    let mut order: Vec<usize> = (0..probability.len()).collect();
    order.sort_by(|&a, &b| probability[b].total_cmp(&probability[a]));
    let mut positives = 0.0;
    let mut curve = Vec::with_capacity(order.len());
    for (rank, &row) in order.iter().enumerate() {
        positives += calibrated[row];
        curve.push((round(positives), round((1 + rank) as f64 - positives)));
    }
    let Some(&(all_positives, all_negatives)) = curve.last() else { return (None, None) };
    let mut area = 0.0;
    let mut precision_sum = 0.0;
    let (mut recall, mut fall_out) = (0.0, 0.0);
    for (rank, &(positives, negatives)) in curve.iter().enumerate() {
        let (next_recall, next_fall_out) = (positives / all_positives, negatives / all_negatives);
        area += (next_fall_out - fall_out) * (next_recall + recall) / 2.0;
        precision_sum += (next_recall - recall) * positives / (rank + 1) as f64;
        (recall, fall_out) = (next_recall, next_fall_out);
    }
    let defined = |value: f64| value.is_finite().then_some(value);
    (defined(area), defined(precision_sum))
}

fn round(count: f64) -> f64 {
    (count * ROUNDING).round_ties_even() / ROUNDING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_tell_nothing_are_refused() {
        let rows = |p: &'static [f64]| Labelled { probability: p, predicted: &[true; 1], actual: &[true; 1] };
        assert_eq!(Estimator::fit(rows(&[])), Err(InvalidRows::Empty));
        assert_eq!(Estimator::fit(rows(&[0.1, 0.2])), Err(InvalidRows::Lengths));
        let error = Estimator::fit(rows(&[1.5])).unwrap_err().to_string();
        assert!(error.contains("row 0 has the probability 1.5"), "{error}");
    }

    #[test]
    fn certain_rows_have_no_curve_and_never_nan() {
        let rows = Labelled { probability: &[1.0, 1.0], predicted: &[true, true], actual: &[true, true] };
        let estimates = Estimator::fit(rows).unwrap().estimate(&[1.0], &[true]).unwrap();
        assert_eq!(estimates.roc_auc, None);
        assert_eq!(estimates.accuracy.map(|estimate| estimate.value), Some(1.0));
        let text = serde_json::to_string(&estimates).unwrap();
        assert!(!text.contains("NaN"), "{text}");
    }
}
