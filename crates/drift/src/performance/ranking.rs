//! Area under the ROC curve from a histogram of the probability.

use churn_domain::Probability;
use serde::{Deserialize, Serialize};

/// Bins of equal width over the unit interval. Rows within one bin cannot be told apart, so more bins mean a smaller
/// error of AUC and more memory: 16 bytes a bin.
const BINS: usize = 10_000;

/// How many positives and negatives have a probability in each ten-thousandth of the unit interval.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Cell>", into = "Vec<Cell>")]
pub struct Ranking {
    bins: Box<[[u64; 2]]>,
}

impl Default for Ranking {
    fn default() -> Self {
        Self { bins: vec![[0; 2]; BINS].into_boxed_slice() }
    }
}

/// A bin that is not empty: its number, negatives, positives. Most are empty, so these are what is stored.
type Cell = (usize, u64, u64);

impl From<Ranking> for Vec<Cell> {
    fn from(ranking: Ranking) -> Self {
        let filled = ranking.bins.iter().enumerate().filter(|(_, bin)| **bin != [0, 0]);
        filled.map(|(at, &[negatives, positives])| (at, negatives, positives)).collect()
    }
}

impl TryFrom<Vec<Cell>> for Ranking {
    type Error = String;

    fn try_from(cells: Vec<Cell>) -> Result<Self, String> {
        let mut ranking = Self::default();
        for (at, negatives, positives) in cells {
            let bin = ranking.bins.get_mut(at).ok_or_else(|| format!("bin {at} of a ranking of {BINS} bins"))?;
            *bin = [negatives, positives];
        }
        Ok(ranking)
    }
}

impl std::fmt::Debug for Ranking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ranking").field("auc", &self.auc()).finish_non_exhaustive()
    }
}

impl Ranking {
    /// Counts a row.
    pub fn add(&mut self, probability: Probability, actual: bool) {
        let bin = ((probability.get() * BINS as f64) as usize).min(BINS - 1);
        self.bins[bin][usize::from(actual)] += 1;
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            mine[0] += theirs[0];
            mine[1] += theirs[1];
        }
    }

    /// Forgets all rows.
    pub fn reset(&mut self) {
        self.bins.fill([0; 2]);
    }

    /// The probability that a random positive is ranked above a random negative, rows of one bin taken for ties, each
    /// of which counts half (Mann and Whitney's U over the number of pairs). `None` unless both classes occur.
    pub fn auc(&self) -> Option<f64> {
        let mut below = 0_u128;
        let mut twice_won = 0_u128;
        for [negatives, positives] in self.counts() {
            twice_won += positives * (2 * below + negatives);
            below += negatives;
        }
        self.over_pairs(twice_won)
    }

    /// The largest possible difference of [`Self::auc`] from the exact area: half the share of pairs that met in one
    /// bin. Of probabilities spread evenly it is at most 0.00005; it grows where a model gives many customers nearly,
    /// but not quite, the same probability. `None` unless both classes occur.
    pub fn auc_error(&self) -> Option<f64> {
        self.over_pairs(self.counts().map(|[negatives, positives]| negatives * positives).sum())
    }

    /// Average precision: the mean over the positives of the share of positives among the rows ranked as high or higher,
    /// rows of one bin taken for ties, as `sklearn.metrics.average_precision_score` takes them. `None` without positives.
    pub fn average_precision(&self) -> Option<f64> {
        let mut seen = [0_u128; 2];
        let mut sum = 0.0;
        for bin in self.bins.iter().rev().map(|bin| bin.map(u128::from)) {
            seen = [seen[0] + bin[0], seen[1] + bin[1]];
            if bin[1] > 0 {
                sum += bin[1] as f64 * seen[1] as f64 / (seen[0] + seen[1]) as f64;
            }
        }
        (seen[1] > 0).then(|| sum / seen[1] as f64)
    }

    fn counts(&self) -> impl Iterator<Item = [u128; 2]> + '_ {
        self.bins.iter().map(|bin| bin.map(u128::from))
    }

    fn over_pairs(&self, doubled: u128) -> Option<f64> {
        let [negatives, positives] = self.counts().fold([0; 2], |sum, bin| [sum[0] + bin[0], sum[1] + bin[1]]);
        let pairs = negatives * positives;
        (pairs > 0).then(|| doubled as f64 / 2.0 / pairs as f64)
    }
}
