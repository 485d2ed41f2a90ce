//! Whether a probability means what it says.

use churn_domain::Probability;
use serde::{Deserialize, Serialize};

use super::Sum;

/// Bins of equal width. Fewer hide errors that cancel within a bin, more are noise in a small window.
const BINS: usize = 10;

/// Rows, positives and the sum of probabilities in each tenth of the unit interval.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Calibration {
    bins: [Bin; BINS],
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Bin {
    rows: u64,
    positives: u64,
    probability: Sum,
}

impl Calibration {
    /// Counts a row.
    pub fn add(&mut self, probability: Probability, actual: bool) {
        let bin = &mut self.bins[((probability.get() * BINS as f64) as usize).min(BINS - 1)];
        bin.rows += 1;
        bin.positives += u64::from(actual);
        bin.probability.add(probability.get());
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            mine.rows += theirs.rows;
            mine.positives += theirs.positives;
            mine.probability.merge(&theirs.probability);
        }
    }

    /// Expected calibration error (Naeini, Cooper and Hauskrecht 2015): the mean over rows of the difference between
    /// mean probability and share of positives of the row's bin. `None` without rows.
    pub fn expected_error(&self) -> Option<f64> {
        let rows: u64 = self.bins.iter().map(|bin| bin.rows).sum();
        let difference: f64 = self.bins.iter().map(|bin| (bin.probability.get() - bin.positives as f64).abs()).sum();
        (rows > 0).then(|| difference / rows as f64)
    }
}
