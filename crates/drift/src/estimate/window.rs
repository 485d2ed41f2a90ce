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
/// The most that a broken file may ask for.
const MAX_BINS: usize = 100_000;

/// Rows and the sum of their probabilities, apart for those labelled negative and positive; and of all of them the sums of
/// the logarithms of the probability and of its complement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bin {
    rows: [u64; 2],
    probability: [f64; 2],
    logarithm: [f64; 2],
}

/// A row, worked out once for all windows that count it.
#[derive(Clone, Copy, Debug)]
pub struct UnlabelledRow {
    probability: f64,
    predicted: usize,
    logarithm: [f64; 2],
}

impl UnlabelledRow {
    /// Its probability of the positive class and the label at the model's threshold. `None` for what is no probability.
    pub fn new(probability: f64, predicted: bool) -> Option<Self> {
        (0.0..=1.0).contains(&probability).then(|| {
            let certain = probability.clamp(EPSILON, 1.0 - EPSILON);
            Self { probability, predicted: usize::from(predicted), logarithm: [certain.ln(), (1.0 - certain).ln()] }
        })
    }
}

/// Unlabelled rows: 96 KB, whatever their number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Unlabelled {
    bins: Box<[Bin]>,
    rows: u64,
}

impl Default for Unlabelled {
    fn default() -> Self {
        Self::with_bins(BINS)
    }
}

/// Bins that are not empty, each with its number. Their number in all is left out where it is the usual one.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Usual(Vec<(usize, Bin)>),
    Other { bins: usize, filled: Vec<(usize, Bin)> },
}

impl From<Unlabelled> for Stored {
    fn from(window: Unlabelled) -> Self {
        let bins = window.bins.len();
        let filled = window.bins.iter().copied().enumerate().filter(|(_, bin)| bin.rows != [0, 0]).collect();
        if bins == BINS { Self::Usual(filled) } else { Self::Other { bins, filled } }
    }
}

impl TryFrom<Stored> for Unlabelled {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let (bins, filled) = match stored {
            Stored::Usual(filled) => (BINS, filled),
            Stored::Other { bins, filled } => (bins, filled),
        };
        if !(1..=MAX_BINS).contains(&bins) {
            return Err(format!("a window of {bins} bins, expected 1 to {MAX_BINS}"));
        }
        let mut window = Self::with_bins(bins);
        for (at, bin) in filled {
            let place = window.bins.get_mut(at).ok_or_else(|| format!("bin {at} of a window of {bins} bins"))?;
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
    /// Of another number of bins, at least one: a coarser one where many are kept.
    pub fn with_bins(bins: usize) -> Self {
        Self { bins: vec![Bin::default(); bins.max(1)].into_boxed_slice(), rows: 0 }
    }

    /// Counts a row: its probability of the positive class and the label at the model's threshold. What is no probability
    /// is passed over.
    pub fn add(&mut self, probability: f64, predicted: bool) {
        if let Some(row) = UnlabelledRow::new(probability, predicted) {
            self.add_row(&row);
        }
    }

    /// Counts a row.
    pub fn add_row(&mut self, row: &UnlabelledRow) {
        let at = ((row.probability * self.bins.len() as f64) as usize).min(self.bins.len() - 1);
        let bin = &mut self.bins[at];
        bin.rows[row.predicted] += 1;
        bin.probability[row.predicted] += row.probability;
        bin.logarithm[0] += row.logarithm[0];
        bin.logarithm[1] += row.logarithm[1];
        self.rows += 1;
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
        debug_assert_eq!(self.bins.len(), other.bins.len(), "windows of different bins do not add up");
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
