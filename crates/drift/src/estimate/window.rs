//! Rows whose truth is not known yet, counted by probability: what the monitor estimates from in constant memory.
//!
//! A bin knows the mean of its probabilities and of their logarithms, so accuracy, precision, recall, F1, log-loss and
//! Brier score lose next to nothing against the rows themselves: with a calibrator, what it bends within one
//! two-thousandth of the unit interval.
//! The area under the curve takes the rows of a bin for ties, which costs at most half the share of pairs that meet in
//! one bin. `tests/it/estimate.rs` holds all of them to the exact figures.

use serde::{Deserialize, Serialize};

use super::{EPSILON, Estimates, Estimator, Expected, Found, brier};
use crate::Accumulator;

/// Bins of equal width over the unit interval: 48 bytes each.
const BINS: usize = 2_000;

/// Rows and the sum of their probabilities, apart for those labelled negative and positive; and of all of them the sums of
/// the logarithms of the probability and of its complement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bin {
    rows: [u64; 2],
    probability: [f64; 2],
    logarithm: [f64; 2],
}

/// Unlabelled rows: 96 KB, whatever their number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(usize, Bin)>", into = "Vec<(usize, Bin)>")]
pub struct Unlabelled {
    bins: Box<[Bin]>,
    rows: u64,
}

impl Default for Unlabelled {
    fn default() -> Self {
        Self { bins: vec![Bin::default(); BINS].into_boxed_slice(), rows: 0 }
    }
}

impl From<Unlabelled> for Vec<(usize, Bin)> {
    fn from(window: Unlabelled) -> Self {
        window.bins.iter().copied().enumerate().filter(|(_, bin)| bin.rows != [0, 0]).collect()
    }
}

impl TryFrom<Vec<(usize, Bin)>> for Unlabelled {
    type Error = String;

    fn try_from(filled: Vec<(usize, Bin)>) -> Result<Self, String> {
        let mut window = Self::default();
        for (at, bin) in filled {
            let place = window.bins.get_mut(at).ok_or_else(|| format!("bin {at} of a window of {BINS} bins"))?;
            if !bin.probability.iter().chain(&bin.logarithm).all(|sum| sum.is_finite()) {
                return Err(format!("bin {at} holds a sum that is no number"));
            }
            window.rows += bin.rows[0] + bin.rows[1];
            *place = bin;
        }
        Ok(window)
    }
}

impl Unlabelled {
    /// Counts a row: its probability of the positive class and the label at the model's threshold. What is no probability
    /// is passed over.
    pub fn add(&mut self, probability: f64, predicted: bool) {
        if (0.0..=1.0).contains(&probability) {
            let bin = &mut self.bins[((probability * BINS as f64) as usize).min(BINS - 1)];
            bin.rows[usize::from(predicted)] += 1;
            bin.probability[usize::from(predicted)] += probability;
            let certain = probability.clamp(EPSILON, 1.0 - EPSILON);
            bin.logarithm[0] += certain.ln();
            bin.logarithm[1] += (1.0 - certain).ln();
            self.rows += 1;
        }
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Mean probability; `None` without rows.
    pub fn mean_probability(&self) -> Option<f64> {
        let sum: f64 = self.bins.iter().map(|bin| bin.probability[0] + bin.probability[1]).sum();
        (self.rows > 0).then(|| sum / self.rows as f64)
    }
}

impl Accumulator for Unlabelled {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            for label in 0..2 {
                mine.rows[label] += theirs.rows[label];
                mine.probability[label] += theirs.probability[label];
                mine.logarithm[label] += theirs.logarithm[label];
            }
        }
        self.rows += other.rows;
    }

    fn reset(&mut self) {
        self.bins.fill(Bin::default());
        self.rows = 0;
    }
}

impl Estimator {
    /// Figures to expect of the rows of a window. `None` without rows.
    pub fn estimate_window(&self, window: &Unlabelled) -> Option<Estimates> {
        let rows = usize::try_from(window.rows).ok().filter(|rows| *rows > 0)?;
        let mut expected = Expected::default();
        let (mut losses, mut squares) = (0.0, 0.0);
        let mut curve = Curve::default();
        for bin in window.bins.iter().rev().filter(|bin| bin.rows != [0, 0]) {
            let (mut positives, mut negatives) = (0.0, 0.0);
            for label in 0..2 {
                let count = bin.rows[label] as f64;
                if count > 0.0 {
                    let p = bin.probability[label] / count;
                    let truth = self.calibrated(p);
                    expected.add(truth, label == 1, count);
                    squares += brier(truth, p) * count;
                    positives += truth * count;
                    negatives += (1.0 - truth) * count;
                }
            }
            let count = (bin.rows[0] + bin.rows[1]) as f64;
            losses -= (positives * bin.logarithm[0] + negatives * bin.logarithm[1]) / count;
            curve.go_on(positives, negatives);
        }
        let (roc_auc, average_precision) = curve.areas();
        let rows_f = rows as f64;
        let found =
            Found { rows, expected, roc_auc, average_precision, log_loss: losses / rows_f, brier: squares / rows_f };
        Some(self.assemble(&found))
    }
}

/// The ROC and the precision-recall curve, from the highest threshold down, not yet divided by the totals.
#[derive(Default)]
struct Curve {
    positives: f64,
    negatives: f64,
    area: f64,
    precision: f64,
}

impl Curve {
    fn go_on(&mut self, positives: f64, negatives: f64) {
        self.area += negatives * (self.positives + positives / 2.0);
        self.positives += positives;
        self.negatives += negatives;
        self.precision += positives * self.positives / (self.positives + self.negatives);
    }

    /// Area under the ROC curve and average precision; `None` where a class is not to be expected at all.
    fn areas(&self) -> (Option<f64>, Option<f64>) {
        let defined = |value: f64| value.is_finite().then_some(value);
        (defined(self.area / (self.positives * self.negatives)), defined(self.precision / self.positives))
    }
}
