//! Two models on the same labelled rows.

use churn_domain::Probability;
use serde::{Deserialize, Serialize};

use super::{Interval, Performance, Summary, log_loss};
use crate::Moments;

/// Bins behind each AUC: pairs are few and kept for ever.
const BINS: usize = 1_000;

/// What one model said of a row: its probability of the positive class and its label.
pub type Said = (Probability, bool);

/// Champion and challenger on the same rows, in constant memory. The difference of their log-loss is taken row by row: what
/// makes a row hard makes it hard for both, so that far fewer rows tell two models apart than two figures side by side do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paired {
    champion: Performance,
    challenger: Performance,
    difference: Moments,
}

/// The figures of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairedSummary {
    /// Of the champion.
    pub champion: Summary,
    /// Of the challenger, on the same rows.
    pub challenger: Summary,
    /// Log-loss of the challenger less the champion's: below 0 the challenger is better. `None` without rows.
    pub difference: Option<f64>,
    /// Where the true difference lies; `None` for fewer than two rows.
    pub interval: Option<Interval>,
}

impl Default for Paired {
    fn default() -> Self {
        let empty = Performance::with_bins(BINS);
        Self { champion: empty.clone(), challenger: empty, difference: Moments::default() }
    }
}

impl Paired {
    /// Counts a row.
    pub fn add(&mut self, champion: Said, challenger: Said, actual: bool) {
        self.champion.add(champion.0, champion.1, actual);
        self.challenger.add(challenger.0, challenger.1, actual);
        self.difference.add(log_loss(challenger.0, actual) - log_loss(champion.0, actual));
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.difference.rows()
    }

    /// The figures, with an interval of `z` standard errors.
    pub fn summary(&self, z: f64) -> PairedSummary {
        let difference = self.difference.mean();
        let interval = difference.zip(self.difference.standard_error());
        PairedSummary {
            champion: self.champion.summary(),
            challenger: self.challenger.summary(),
            difference,
            interval: interval.map(|(mean, error)| Interval { lower: mean - z * error, upper: mean + z * error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slightly_better_model_is_told_apart_by_few_rows() {
        let p = |value: f64| Probability::new(value).unwrap();
        let mut paired = Paired::default();
        assert_eq!(paired.summary(1.96), PairedSummary::default());
        for row in 0..2_000_u32 {
            let truth = f64::from(row * 7_919 % 2_003) / 2_003.0;
            let actual = f64::from(row * 104_729 % 1_999) / 1_999.0 < truth;
            // The champion shrinks its probabilities to the middle.
            let shrunk = 0.5 + 0.4 * (truth - 0.5);
            paired.add((p(shrunk), shrunk >= 0.5), (p(truth), truth >= 0.5), actual);
        }
        let found = paired.summary(1.96);
        // The order is the same, but for what meets in one bin.
        let areas = found.champion.auc.unwrap() - found.challenger.auc.unwrap();
        assert!(paired.rows() == 2_000 && areas.abs() < 1e-3, "{found:?}");
        let (difference, interval) = (found.difference.unwrap(), found.interval.unwrap());
        assert!(difference < 0.0 && interval.lower < difference && interval.upper < 0.0, "{found:?}");
        let side_by_side = found.challenger.log_loss.unwrap() - found.champion.log_loss.unwrap();
        assert!((difference - side_by_side).abs() < 1e-12);
    }
}
