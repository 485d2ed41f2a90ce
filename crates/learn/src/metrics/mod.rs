//! How good probabilities are: pure functions over the probability of leaving and whether the customer left.
//!
//! Each equals scikit-learn's of the name given, proved by the cases in `tests/numerical`. A probability is the positive
//! class's, never the confidence of a predicted label.

mod campaign;
mod interval;
mod rank;
mod slice;

use serde::{Deserialize, Serialize};

pub use campaign::{Campaign, CampaignPoint, best_profit_threshold};
pub use interval::{Interval, Resamples};
pub use rank::{auc, average_precision, best_f1_threshold, gain, lift, precision_recall, roc};
pub(crate) use slice::group;
pub use slice::{SLICED, Slice, slices};

/// Number of bins of [`ece`].
pub const ECE_BINS: usize = 10;

/// Share of the customers, those with the highest probabilities, that [`Metrics::lift_at_10`] looks at.
pub const LIFT_SHARE: f64 = 0.1;

/// The usual figures of one set of probabilities and decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of customers.
    pub rows: usize,
    /// How many of them left.
    pub positives: usize,
    /// Area under the ROC curve; none when there is one class only.
    pub auc: Option<f64>,
    /// Average precision, the area under the precision-recall curve in steps; none when nobody left.
    pub average_precision: Option<f64>,
    /// Log-loss, natural logarithm.
    pub log_loss: f64,
    /// Brier score.
    pub brier: f64,
    /// Expected calibration error over [`ECE_BINS`] bins of equal count.
    pub ece: f64,
    /// Share of right decisions.
    pub accuracy: f64,
    /// Share of leavers among those taken for leavers; 0 when there are none.
    pub precision: f64,
    /// Share of the leavers that were found; 0 when nobody left.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 when both are.
    pub f1: f64,
    /// Matthews correlation coefficient, from -1 to 1; 0 when a class or a decision does not occur.
    #[serde(default)]
    pub mcc: f64,
    /// How many times more leavers are among the tenth with the highest probabilities than among all; none when nobody left.
    #[serde(default)]
    pub lift_at_10: Option<f64>,
}

impl Metrics {
    /// The figures of probabilities and of the decisions made from them; all three of one length, not empty.
    pub fn of(probability: &[f64], decision: &[bool], label: &[bool]) -> Self {
        let confusion = Confusion::of(decision, label);
        Self {
            rows: label.len(),
            positives: label.iter().filter(|&&left| left).count(),
            auc: auc(probability, label),
            average_precision: average_precision(probability, label),
            log_loss: log_loss(probability, label),
            brier: brier(probability, label),
            ece: ece(probability, label),
            accuracy: confusion.accuracy(),
            precision: confusion.precision(),
            recall: confusion.recall(),
            f1: confusion.f1(),
            mcc: confusion.mcc(),
            lift_at_10: lift(probability, label, LIFT_SHARE),
        }
    }

    /// The figures of probabilities, decided at a threshold: leaves from the threshold on.
    pub fn at_threshold(probability: &[f64], label: &[bool], threshold: f64) -> Self {
        let decision: Vec<bool> = probability.iter().map(|&p| p >= threshold).collect();
        Self::of(probability, &decision, label)
    }
}

/// Mean negative log-likelihood (`log_loss`), natural logarithm; probabilities are kept one machine epsilon away from 0
/// and 1, as scikit-learn does.
pub fn log_loss(probability: &[f64], label: &[bool]) -> f64 {
    mean(probability.iter().zip(label).map(loss_of))
}

/// The log-loss of one probability.
pub(crate) fn loss_of((&probability, &left): (&f64, &bool)) -> f64 {
    let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -if left { p.ln() } else { (1.0 - p).ln() }
}

/// Mean squared error of the probability (`brier_score_loss`).
pub fn brier(probability: &[f64], label: &[bool]) -> f64 {
    mean(probability.iter().zip(label).map(|(&p, &left)| (p - f64::from(u8::from(left))).powi(2)))
}

/// Expected calibration error: the customers are sorted by probability (ties in their own order) and split into
/// [`ECE_BINS`] bins whose counts differ by one at most, larger ones first (`numpy.array_split`); the mean over the
/// customers of the distance between a bin's mean probability and its share of leavers.
pub fn ece(probability: &[f64], label: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..label.len()).collect();
    order.sort_by(|&a, &b| probability[a].total_cmp(&probability[b]));
    let (small, larger) = (label.len() / ECE_BINS, label.len() % ECE_BINS);
    let mut rest = order.as_slice();
    let mut gap = 0.0;
    for bin in 0..ECE_BINS {
        let (rows, after) = rest.split_at(small + usize::from(bin < larger));
        gap += rows.iter().map(|&row| probability[row] - f64::from(u8::from(label[row]))).sum::<f64>().abs();
        rest = after;
    }
    gap / label.len() as f64
}

/// Decisions by how right they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Taken for leavers, and left.
    pub true_positives: u64,
    /// Taken for leavers, and stayed.
    pub false_positives: u64,
    /// Taken for stayers, and stayed.
    pub true_negatives: u64,
    /// Taken for stayers, and left.
    pub false_negatives: u64,
}

impl Confusion {
    /// Counts the decisions.
    pub fn of(decision: &[bool], label: &[bool]) -> Self {
        let mut counts = Self::default();
        decision.iter().zip(label).for_each(|(&decision, &left)| counts.add(decision, left));
        counts
    }

    /// Counts one decision.
    pub fn add(&mut self, decision: bool, left: bool) {
        match (decision, left) {
            (true, true) => self.true_positives += 1,
            (true, false) => self.false_positives += 1,
            (false, false) => self.true_negatives += 1,
            (false, true) => self.false_negatives += 1,
        }
    }

    /// Share of right decisions (`accuracy_score`).
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        ratio(right, right + self.false_positives + self.false_negatives)
    }

    /// Share of leavers among those taken for leavers (`precision_score`), 0 when there are none.
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of the leavers that were found (`recall_score`), 0 when nobody left.
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Matthews correlation coefficient (`matthews_corrcoef`), 0 when a class or a decision does not occur.
    pub fn mcc(&self) -> f64 {
        let [tp, fp, tn, fn_] =
            [self.true_positives, self.false_positives, self.true_negatives, self.false_negatives].map(|n| n as f64);
        let spread = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        if spread == 0.0 { 0.0 } else { (tp * tn - fp * fn_) / spread }
    }

    /// Harmonic mean of precision and recall (`f1_score`), 0 when both are.
    pub fn f1(&self) -> f64 {
        ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
