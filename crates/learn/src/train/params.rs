//! How to train, and whether that can be done with the customers at hand.

use churn_domain::{Column, FEATURES};

use super::Examples;
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
}

impl Default for TrainParams {
    fn default() -> Self {
        let learners = vec![
            LearnerParams::BoostedTrees(TreeParams::default()),
            LearnerParams::Logistic(LogisticParams::default()),
        ];
        Self { seed: 7, folds: 5, threads: 1, learners }
    }
}

impl TrainParams {
    /// With fewer customers in a fold, an out-of-fold figure is noise.
    const MIN_ROWS_A_FOLD: usize = 20;

    pub(super) fn check(&self) -> Result<(), TrainError> {
        check("folds", &self.folds, (2..=50).contains(&self.folds), "2 to 50")?;
        check("threads", &self.threads, (1..=256).contains(&self.threads), "1 to 256")?;
        check("learners", &self.learners.len(), !self.learners.is_empty(), "at least one")?;
        self.learners.iter().try_for_each(check_learner)
    }

    pub(super) fn check_examples(&self, examples: Examples<'_>) -> Result<(), TrainError> {
        let Examples { features, label } = examples;
        if features.len() != label.len() || !features.is_rectangular() {
            return Err(TrainError::Ragged { features: features.len(), label: label.len() });
        }
        let needed = self.folds * Self::MIN_ROWS_A_FOLD;
        if label.len() < needed {
            return Err(TrainError::TooFewRows { rows: label.len(), needed });
        }
        let positives = label.iter().filter(|&&left| left).count();
        for (class, found) in [("Yes", positives), ("No", label.len() - positives)] {
            if found < self.folds {
                return Err(TrainError::TooFewOfClass { class, found, needed: self.folds });
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
}

fn check_learner(learner: &LearnerParams) -> Result<(), TrainError> {
    match learner {
        LearnerParams::Logistic(LogisticParams { l2 }) => check("l2", l2, l2.is_finite() && *l2 > 0.0, "above 0"),
        LearnerParams::BoostedTrees(TreeParams {
            trees,
            depth,
            learning_rate,
            min_child_weight,
            l2,
            row_share,
            column_share,
        }) => {
            check("trees", trees, (1..=10_000).contains(trees), "1 to 10000")?;
            check("depth", depth, (1..=12).contains(depth), "1 to 12")?;
            let share = |value: f64| value > 0.0 && value <= 1.0;
            check("learning_rate", learning_rate, share(*learning_rate), "above 0, to 1")?;
            check("row_share", row_share, share(*row_share), "above 0, to 1")?;
            check("column_share", column_share, share(*column_share), "above 0, to 1")?;
            let weight = min_child_weight.is_finite() && *min_child_weight >= 0.0;
            check("min_child_weight", min_child_weight, weight, "0 or more")?;
            check("l2", l2, l2.is_finite() && *l2 >= 0.0, "0 or more")
        }
    }
}

fn check(name: &'static str, value: &impl ToString, valid: bool, expected: &'static str) -> Result<(), TrainError> {
    if valid { Ok(()) } else { Err(TrainError::Params { name, value: value.to_string(), expected }) }
}
