//! Whether the values of a window are as good as those of its reference: missing ones, and ones that the reference never
//! had.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

use crate::{ColumnReference, ColumnWindow, PValue, Window};

/// Values of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Rows in all.
    pub rows: u64,
    /// Rows without a value; NaN and infinite numbers are none.
    pub missing: u64,
    /// Values that the reference did not know: another word, or a number out of its range.
    pub strange: u64,
}

/// What one feature of a window says of the data's quality.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureQuality {
    /// Index of the feature in [`FEATURES`](churn_domain::FEATURES).
    pub feature: usize,
    /// Of the reference.
    pub before: Quality,
    /// Of the window.
    pub now: Quality,
}

/// When values have become worse: effect size and significance both, as with drift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualityRule {
    /// Smallest growth of a share that matters.
    pub min_increase: f64,
    /// Largest p-value, of one feature and one share.
    pub max_p_value: f64,
}

impl Default for QualityRule {
    fn default() -> Self {
        // Two shares of 19 features twice a second are three million tests a day.
        Self { min_increase: 0.02, max_p_value: 1e-9 }
    }
}

impl Quality {
    /// Share of rows without a value; `None` without rows.
    pub fn missing_share(&self) -> Option<f64> {
        share(self.missing, self.rows)
    }

    /// Share of rows with a value that the reference did not know; `None` without rows.
    pub fn strange_share(&self) -> Option<f64> {
        share(self.strange, self.rows)
    }
}

impl QualityRule {
    /// Whether more values are missing than before, or more are strange.
    pub fn is_worse(&self, found: &FeatureQuality) -> bool {
        let FeatureQuality { before, now, .. } = found;
        let worse = |old: u64, new: u64| {
            let (Some(was), Some(is)) = (share(old, before.rows), share(new, now.rows)) else { return false };
            is - was >= self.min_increase && grown((old, before.rows), (new, now.rows)).is_significant(self.max_p_value)
        };
        worse(before.missing, now.missing) || worse(before.strange, now.strange)
    }
}

impl FeatureQuality {
    /// The feature's name.
    pub fn name(&self) -> &'static str {
        churn_domain::FEATURES[self.feature].name
    }
}

impl Window {
    /// The quality of every feature's values.
    pub fn quality(&self) -> Vec<FeatureQuality> {
        let columns = self.reference().columns().iter().zip(self.columns()).enumerate();
        columns
            .map(|(feature, (before, now))| FeatureQuality { feature, before: before.quality(), now: now.quality() })
            .collect()
    }
}

impl ColumnReference {
    /// The quality of the reference's own values.
    pub fn quality(&self) -> Quality {
        let outside = self.bins().outside();
        Quality { rows: self.rows(), missing: self.missing(), strange: sum(outside, self.counts()) }
    }
}

impl ColumnWindow {
    /// The quality of the values counted.
    pub fn quality(&self) -> Quality {
        let rows = self.counts().iter().sum::<u64>() + self.missing();
        Quality { rows, missing: self.missing(), strange: sum(self.bins().outside(), self.counts()) }
    }
}

fn sum(bins: impl Iterator<Item = usize>, counts: &[u64]) -> u64 {
    bins.filter_map(|bin| counts.get(bin)).sum()
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Probability of so much larger a share, if nothing has changed: the two-proportion z-test, one-sided, by the larger of
/// the pooled and the separate error. The pooled one alone believes a single strange value among six rows.
fn grown((old, old_rows): (u64, u64), (new, new_rows): (u64, u64)) -> PValue {
    let (n, m) = (old_rows as f64, new_rows as f64);
    let (was, is, pooled) = (old as f64 / n, new as f64 / m, (old + new) as f64 / (n + m));
    let together = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    let apart = was * (1.0 - was) / n + is * (1.0 - is) / m;
    let error = together.max(apart).sqrt();
    let p = match (is - was) / error {
        z if z.is_finite() => erfc(z / std::f64::consts::SQRT_2) / 2.0,
        // All rows of both sides are alike.
        _ => 1.0,
    };
    PValue::new(p.clamp(0.0, 1.0)).unwrap_or(PValue::CERTAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(before: (u64, u64, u64), now: (u64, u64, u64)) -> FeatureQuality {
        let quality = |(rows, missing, strange)| Quality { rows, missing, strange };
        FeatureQuality { feature: 0, before: quality(before), now: quality(now) }
    }

    #[test]
    fn a_share_that_grew_is_worse_by_effect_and_significance_only() {
        let rule = QualityRule::default();
        assert!(rule.is_worse(&found((20_000, 0, 0), (10_000, 3_000, 0))));
        assert!(rule.is_worse(&found((20_000, 0, 0), (10_000, 0, 2_500))));
        assert!(!rule.is_worse(&found((20_000, 0, 0), (10_000, 150, 0))), "too little to matter");
        assert!(!rule.is_worse(&found((20_000, 0, 0), (6, 1, 0))), "too few to tell");
        assert!(!rule.is_worse(&found((20_000, 6_000, 0), (10_000, 0, 0))), "better is no alarm");
        assert!(!rule.is_worse(&found((100, 100, 0), (100, 100, 0))), "all missing, as before");
        assert!(!rule.is_worse(&found((0, 0, 0), (0, 0, 0))), "nothing at all");
    }

    #[test]
    fn the_p_value_is_that_of_the_z_test() {
        // statsmodels.stats.proportion.proportions_ztest([60, 80], [1000, 1000], alternative="smaller").
        assert!((grown((60, 1_000), (80, 1_000)).get() - 0.039_820_9).abs() < 1e-6);
        assert_eq!(grown((0, 10), (0, 10)), PValue::CERTAIN);
    }
}
