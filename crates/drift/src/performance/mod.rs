//! How well a classifier does, one labelled row at a time, in constant memory.
//!
//! Every figure comes from the probability of the positive class, never from the confidence of the predicted label.
//! Confusion counts, Brier score and log-loss are exact; AUC comes from a histogram and has the error that
//! [`Ranking::auc_error`] states.

mod calibration;
mod confusion;
mod interval;
mod paired;
mod ranking;
mod sum;

use churn_domain::Probability;
use serde::{Deserialize, Serialize};

pub use calibration::Calibration;
pub use confusion::Confusion;
pub use interval::{Errors, Figures, Interval, Intervals};
pub use paired::{Paired, PairedSummary, Said};
pub use ranking::Ranking;
pub use sum::Sum;

use crate::Accumulator;

/// Everything known of a classifier from its labelled rows: about 160 KiB.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Performance {
    confusion: Confusion,
    log_loss: Sum,
    log_loss_squares: Sum,
    squared_error: Sum,
    squared_error_squares: Sum,
    ranking: Ranking,
    calibration: Calibration,
}

/// The figures of some labelled rows. What is not defined for them is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Labelled rows.
    pub rows: u64,
    /// Share of right labels; `None` without rows.
    pub accuracy: Option<f64>,
    /// Share of positives among the rows labelled positive; `None` when no row was.
    pub precision: Option<f64>,
    /// Share of rows labelled positive among the positives; `None` without positives.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall; `None` when no row was positive or labelled so.
    pub f1: Option<f64>,
    /// Area under the ROC curve; `None` unless both classes occur.
    pub auc: Option<f64>,
    /// Average precision, the area under the precision-recall curve; `None` without positives.
    pub average_precision: Option<f64>,
    /// Mean log-loss in nats; `None` without rows.
    pub log_loss: Option<f64>,
    /// Mean squared error of the probability; `None` without rows.
    pub brier: Option<f64>,
    /// Expected calibration error over ten bins of equal width; `None` without rows.
    pub calibration_error: Option<f64>,
    /// Share of positives; `None` without rows.
    pub positive_share: Option<f64>,
}

impl Performance {
    /// Without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without rows, its AUC from so many bins instead of 10,000: 16 bytes each.
    pub fn with_bins(bins: usize) -> Self {
        Self { ranking: Ranking::with_bins(bins), ..Self::default() }
    }

    /// Counts a row: its probability of the positive class, the label at the model's threshold, and the truth.
    pub fn add(&mut self, probability: Probability, predicted: bool, actual: bool) {
        self.confusion.add(predicted, actual);
        let loss = log_loss(probability, actual);
        self.log_loss.add(loss);
        self.log_loss_squares.add(loss * loss);
        let squared = (probability.get() - f64::from(u8::from(actual))).powi(2);
        self.squared_error.add(squared);
        self.squared_error_squares.add(squared * squared);
        self.ranking.add(probability, actual);
        self.calibration.add(probability, actual);
    }

    /// Labelled rows.
    pub fn rows(&self) -> u64 {
        self.confusion.rows()
    }

    /// The confusion counts.
    pub fn confusion(&self) -> &Confusion {
        &self.confusion
    }

    /// The histogram behind AUC, which knows its error.
    pub fn ranking(&self) -> &Ranking {
        &self.ranking
    }

    /// The figures.
    pub fn summary(&self) -> Summary {
        let rows = self.rows();
        let mean = |sum: &Sum| (rows > 0).then(|| sum.get() / rows as f64);
        Summary {
            rows,
            accuracy: self.confusion.accuracy(),
            precision: self.confusion.precision(),
            recall: self.confusion.recall(),
            f1: self.confusion.f1(),
            auc: self.ranking.auc(),
            average_precision: self.ranking.average_precision(),
            log_loss: mean(&self.log_loss),
            brier: mean(&self.squared_error),
            calibration_error: self.calibration.expected_error(),
            positive_share: self.confusion.positive_share(),
        }
    }
}

impl Accumulator for Performance {
    fn merge(&mut self, other: &Self) {
        self.confusion.merge(&other.confusion);
        self.log_loss.merge(&other.log_loss);
        self.log_loss_squares.merge(&other.log_loss_squares);
        self.squared_error.merge(&other.squared_error);
        self.squared_error_squares.merge(&other.squared_error_squares);
        self.ranking.merge(&other.ranking);
        self.calibration.merge(&other.calibration);
    }

    fn reset(&mut self) {
        self.confusion = Confusion::default();
        self.log_loss = Sum::default();
        self.log_loss_squares = Sum::default();
        self.squared_error = Sum::default();
        self.squared_error_squares = Sum::default();
        self.ranking.reset();
        self.calibration = Calibration::default();
    }
}

/// Log-loss of one row in nats. As scikit-learn does, a probability is kept a machine epsilon away from 0 and 1, so
/// that one sure mistake costs 36 and not everything.
pub fn log_loss(probability: Probability, actual: bool) -> f64 {
    let p = probability.get().clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    if actual { -p.ln() } else { -(1.0 - p).ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(value: f64) -> Probability {
        Probability::new(value).unwrap()
    }

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!(Performance::new().summary(), Summary::default());
        let mut one_class = Performance::new();
        one_class.add(p(0.2), false, false);
        let summary = one_class.summary();
        assert_eq!((summary.auc, summary.precision, summary.recall, summary.f1), (None, None, None, None));
        assert_eq!((summary.accuracy, summary.positive_share), (Some(1.0), Some(0.0)));
        assert!((summary.log_loss.unwrap() + 0.8_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn a_sure_mistake_costs_much_and_not_everything() {
        let mut sure = Performance::new();
        sure.add(p(0.0), false, true);
        sure.add(p(1.0), true, false);
        assert!((sure.summary().log_loss.unwrap() - 36.04).abs() < 0.01);
    }

    #[test]
    fn merged_parts_equal_the_whole() {
        let (mut parts, mut whole) = ([Performance::new(), Performance::new()], Performance::new());
        for row in 0..10_000_u32 {
            let probability = p(f64::from(row * 7919 % 10_007) / 10_007.0);
            let actual = row * 31 % 101 < 30;
            parts[usize::from(row % 3 == 0)].add(probability, row % 5 == 0, actual);
            whole.add(probability, row % 5 == 0, actual);
        }
        let [mut merged, other] = parts;
        merged.merge(&other);
        let (merged, whole) = (merged.summary(), whole.summary());
        assert_eq!((merged.rows, merged.auc, merged.f1), (whole.rows, whole.auc, whole.f1));
        assert!((merged.log_loss.unwrap() - whole.log_loss.unwrap()).abs() < 1e-14);
        assert!((merged.brier.unwrap() - whole.brier.unwrap()).abs() < 1e-14);
    }

    #[test]
    fn a_reset_forgets_everything() {
        let mut performance = Performance::new();
        performance.add(p(0.9), true, true);
        performance.add(p(0.1), false, false);
        performance.reset();
        assert_eq!(performance.summary(), Summary::default());
    }
}
