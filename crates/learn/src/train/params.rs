//! How to train, and whether that can be done with the customers at hand.

use churn_domain::{Column, FEATURES};

use super::Examples;
use crate::learner::check;
use crate::{LearnerParams, LogisticParams, TrainError, TreeParams};

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainParams {
    /// Decides who is in which fold, and any chance a learner takes.
    pub seed: u64,
    /// Number of folds of the cross-validation, from 2 to 50.
    pub folds: usize,
    /// Fits that run at the same time, at least 1; it changes no result.
    pub threads: usize,
    /// The learners to choose from.
    pub learners: Vec<LearnerParams>,
    /// Whether their blend is among the choices.
    pub blend: bool,
}

/// With fewer customers in a fold, an out-of-fold figure is noise.
const MIN_ROWS_A_FOLD: usize = 20;

impl Default for TrainParams {
    fn default() -> Self {
        let learners = vec![
            LearnerParams::BoostedTrees(TreeParams::default()),
            LearnerParams::Logistic(LogisticParams::default()),
        ];
        Self { seed: 7, folds: 5, threads: 1, learners, blend: true }
    }
}

impl TrainParams {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        check("folds", &self.folds, (2..=50).contains(&self.folds), "2 to 50")?;
        check("threads", &self.threads, (1..=256).contains(&self.threads), "1 to 256")?;
        check("learners", &self.learners.len(), !self.learners.is_empty(), "at least one")?;
        self.learners.iter().try_for_each(LearnerParams::check)
    }
}

/// Whether this many folds can be made of the customers, and something learned from them.
pub(crate) fn check_examples(examples: Examples<'_>, folds: usize) -> Result<(), TrainError> {
    let Examples { features, label, weight } = examples;
    let weights = weight.map_or(label.len(), <[f32]>::len);
    if features.len() != label.len() || weights != label.len() || !features.is_rectangular() {
        return Err(TrainError::Ragged { features: features.len(), label: label.len().min(weights) });
    }
    if let Some(row) = weight.and_then(|weight| weight.iter().position(|w| !w.is_finite() || *w <= 0.0)) {
        return Err(TrainError::Weight { row });
    }
    let needed = folds * MIN_ROWS_A_FOLD;
    if label.len() < needed {
        return Err(TrainError::TooFewRows { rows: label.len(), needed });
    }
    let positives = label.iter().filter(|&&left| left).count();
    for (class, found) in [("Yes", positives), ("No", label.len() - positives)] {
        if found < folds {
            return Err(TrainError::TooFewOfClass { class, found, needed: folds });
        }
    }
    for (feature, column) in FEATURES.iter().zip(features.columns()) {
        if let Column::Number(values) = column
            && let Some(row) = values.iter().position(|value| value.is_infinite())
        {
            return Err(TrainError::Infinite { feature: feature.name, row });
        }
    }
    Ok(())
}
