//! Repeated stratified cross-validation of the winner, on folds that the search has not seen.
//!
//! The winner was chosen for its figures on one split of the customers, so these flatter it a little, and they say nothing of how
//! much a split matters. Its settings, a blend's weights among them, stay as they were chosen; encoder, fit, calibration and
//! threshold are made anew inside each fold.

use serde::{Deserialize, Serialize};

use super::Examples;
use super::bench::Bench;
use super::finish::Finishing;
use super::judge::{Goal, judge};
use crate::math::split_mix;
use crate::{LearnerParams, Metrics, TrainError, stratified_folds};

/// Figures of a learner over several splits into folds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repeated {
    /// Number of splits.
    pub repeats: usize,
    /// Folds of each.
    pub folds: usize,
    /// Area under the ROC curve.
    pub auc: Spread,
    /// Log-loss.
    pub log_loss: Spread,
    /// Brier score.
    pub brier: Spread,
    /// Expected calibration error.
    pub ece: Spread,
    /// F1.
    pub f1: Spread,
}

/// A figure over the splits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation from split to split (n - 1); 0 for one split.
    pub deviation: f64,
}

impl Repeated {
    /// None where no repeat is asked for.
    pub(super) fn of(
        examples: Examples<'_>,
        learner: &LearnerParams,
        goal: Goal,
        folds: usize,
        finishing: &Finishing<'_>,
    ) -> Result<Option<Self>, TrainError> {
        let &Finishing { seed, threads, repeats, .. } = finishing;
        if repeats == 0 {
            return Ok(None);
        }
        let split = |repeat: usize| {
            let fold_of = stratified_folds(examples.label, folds, split_mix(seed ^ (repeat as u64 + 1)));
            let bench = Bench::new(examples, &fold_of, folds, seed, threads);
            let tried = bench.try_all(std::slice::from_ref(learner), false, &|| 0.0, &|_| false, &mut |_, _| {})?;
            let judged = |tried: &super::bench::Tried| judge(&tried.margins, examples.label, &fold_of, folds, goal);
            tried.first().map(|tried| judged(tried).metrics).ok_or(TrainError::NothingTried)
        };
        let splits: Vec<Metrics> = (0..repeats).map(split).collect::<Result<_, _>>()?;
        let spread = |of: fn(&Metrics) -> f64| Spread::of(&splits.iter().map(of).collect::<Vec<_>>());
        Ok(Some(Self {
            repeats,
            folds,
            auc: spread(|metrics| metrics.auc.unwrap_or(0.5)),
            log_loss: spread(|metrics| metrics.log_loss),
            brier: spread(|metrics| metrics.brier),
            ece: spread(|metrics| metrics.ece),
            f1: spread(|metrics| metrics.f1),
        }))
    }
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Self { mean, deviation: (square / (count - 1.0).max(1.0)).sqrt() }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4} ± {:.4}", self.mean, self.deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_mean_and_sample_deviation() {
        let spread = Spread::of(&[1.0, 2.0, 4.0, 5.0]);
        assert!((spread.mean - 3.0).abs() < 1e-12 && (spread.deviation - (10.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[0.5]), Spread { mean: 0.5, deviation: 0.0 });
    }
}
