//! Whether a probability means what it says.

use churn_domain::Probability;
use serde::{Deserialize, Serialize};

use super::{Interval, Sum};

/// Bins of equal width. Fewer hide errors that cancel within a bin, more are noise in a small window.
const BINS: usize = 10;
/// Standard errors from which on a bin's gap is taken to have the sign that it shows.
const SURE: f64 = 3.0;

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

    /// Where the true calibration error over these bins lies, with the confidence of `z` standard errors at least. `None`
    /// without rows.
    ///
    /// Chance adds to an error that is a sum of absolute gaps, so that a calibrated model shows one above 0, and a bootstrap
    /// an even larger one: neither the normal interval nor the bootstrap's holds the 0. A gap of [`SURE`] standard errors
    /// scatters to both sides, as in a bootstrap; a smaller one is taken to be off by all that chance moves it, whichever
    /// way. So the interval is the bootstrap's where a model is clearly off, and reaches to 0 where it is not.
    pub fn expected_error_interval(&self, z: f64) -> Option<Interval> {
        let figure = self.expected_error()?;
        let (mut rows, mut bias, mut variance) = (0.0, 0.0, 0.0);
        for bin in self.bins.iter().filter(|bin| bin.rows > 0) {
            let (n, positives) = (bin.rows as f64, bin.positives as f64);
            // Half a row of each class more: a bin of one class scatters as well.
            let share = (positives + 0.5) / (n + 1.0);
            let scatter = n * share * (1.0 - share);
            let gap = (bin.probability.get() - positives).abs();
            if gap >= SURE * scatter.sqrt() {
                variance += scatter;
            } else {
                // Mean and variance of a normal number's absolute value.
                bias += (scatter * std::f64::consts::FRAC_2_PI).sqrt();
                variance += scatter * (1.0 - std::f64::consts::FRAC_2_PI);
            }
            // How many rows meet a bin of a larger or smaller gap is chance as well.
            variance += n * (gap / n - figure).powi(2);
            rows += n;
        }
        let half = (bias + z * variance.sqrt()) / rows;
        Some(Interval { lower: (figure - half).max(0.0), upper: (figure + half).min(1.0) })
    }
}
