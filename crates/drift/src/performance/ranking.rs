//! Area under the ROC curve from a histogram of the probability.

use churn_domain::Probability;
use serde::{Deserialize, Serialize};

/// Bins of equal width over the unit interval. Rows within one bin cannot be told apart, so more bins mean a smaller
/// error of AUC and more memory: 16 bytes a bin.
const BINS: usize = 10_000;
/// The most that a broken file may ask for.
const MAX_BINS: usize = 1_000_000;

/// How many positives and negatives have a probability in each bin of the unit interval, by default each ten-thousandth.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Ranking {
    bins: Box<[[u64; 2]]>,
}

impl Default for Ranking {
    fn default() -> Self {
        Self::with_bins(BINS)
    }
}

/// A bin that is not empty: its number, negatives, positives. Most are empty, so these are what is stored.
type Cell = (usize, u64, u64);

#[derive(Serialize, Deserialize)]
struct Stored {
    bins: usize,
    filled: Vec<Cell>,
}

impl From<Ranking> for Stored {
    fn from(ranking: Ranking) -> Self {
        let filled = ranking.bins.iter().enumerate().filter(|(_, bin)| **bin != [0, 0]);
        let filled = filled.map(|(at, &[negatives, positives])| (at, negatives, positives)).collect();
        Self { bins: ranking.bins.len(), filled }
    }
}

impl TryFrom<Stored> for Ranking {
    type Error = String;

    fn try_from(Stored { bins, filled }: Stored) -> Result<Self, String> {
        if !(1..=MAX_BINS).contains(&bins) {
            return Err(format!("a ranking of {bins} bins, expected 1 to {MAX_BINS}"));
        }
        let mut ranking = Self::with_bins(bins);
        for (at, negatives, positives) in filled {
            let bin = ranking.bins.get_mut(at).ok_or_else(|| format!("bin {at} of a ranking of {bins} bins"))?;
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
    /// Of another number of bins: a coarser one where many are kept. At least one.
    pub fn with_bins(bins: usize) -> Self {
        Self { bins: vec![[0; 2]; bins.max(1)].into_boxed_slice() }
    }

    /// Counts a row.
    pub fn add(&mut self, probability: Probability, actual: bool) {
        let bin = ((probability.get() * self.bins.len() as f64) as usize).min(self.bins.len() - 1);
        self.bins[bin][usize::from(actual)] += 1;
    }

    /// Adds what another of as many bins has counted.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.bins.len(), other.bins.len(), "rankings of different bins do not add up");
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

    /// Standard error of [`Self::auc`] (DeLong, DeLong and Clarke-Pearson 1988, on the bins): how the places of the
    /// positives among the negatives scatter, and those of the negatives among the positives. `None` unless each class has
    /// two rows.
    pub fn auc_standard_error(&self) -> Option<f64> {
        let area = self.auc()?;
        let [negatives, positives] = self.totals().map(|count| count as f64);
        if negatives < 2.0 || positives < 2.0 {
            return None;
        }
        let (mut below, mut of_positives, mut of_negatives) = ([0.0; 2], 0.0, 0.0);
        for bin in self.bins.iter().map(|bin| bin.map(|count| count as f64)) {
            let place = (below[0] + bin[0] / 2.0) / negatives;
            of_positives += bin[1] * (place - area).powi(2);
            let place = 1.0 - (below[1] + bin[1] / 2.0) / positives;
            of_negatives += bin[0] * (place - area).powi(2);
            below = [below[0] + bin[0], below[1] + bin[1]];
        }
        let variance = of_positives / (positives - 1.0) / positives + of_negatives / (negatives - 1.0) / negatives;
        Some(variance.sqrt())
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

    /// Standard error of [`Self::average_precision`], on the bins: the spread of what each row adds to it (the infinitesimal
    /// jackknife, to which a bootstrap of the rows converges). A positive adds its own precision, and raises that of the
    /// positives ranked as high or lower; a negative lowers theirs. `None` unless each class has two rows.
    pub fn average_precision_standard_error(&self) -> Option<f64> {
        let figure = self.average_precision()?;
        let all = self.totals().map(|count| count as f64);
        if all[0] < 2.0 || all[1] < 2.0 {
            return None;
        }
        let (mut above, mut raised, mut lowered, mut variance) = (all, 0.0, 0.0, 0.0);
        // From the lowest bin up: `above` are the rows ranked as high as the bin or higher.
        for bin in self.bins.iter().filter(|bin| **bin != [0, 0]).map(|bin| bin.map(|count| count as f64)) {
            let ranked = above[0] + above[1];
            raised += bin[1] * above[0] / (ranked * ranked);
            lowered += bin[1] * above[1] / (ranked * ranked);
            let of_positive = above[1] / ranked - figure + raised;
            variance += bin[1] * of_positive.powi(2) + bin[0] * lowered.powi(2);
            above = [above[0] - bin[0], above[1] - bin[1]];
        }
        Some(variance.sqrt() / all[1])
    }

    fn counts(&self) -> impl Iterator<Item = [u128; 2]> + '_ {
        self.bins.iter().map(|bin| bin.map(u128::from))
    }

    fn totals(&self) -> [u128; 2] {
        self.counts().fold([0; 2], |sum, bin| [sum[0] + bin[0], sum[1] + bin[1]])
    }

    fn over_pairs(&self, doubled: u128) -> Option<f64> {
        let [negatives, positives] = self.totals();
        let pairs = negatives * positives;
        (pairs > 0).then(|| doubled as f64 / 2.0 / pairs as f64)
    }
}
