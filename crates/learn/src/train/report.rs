//! What a training says of itself: `metrics.json` of the artifact.

use serde::{Deserialize, Serialize};

use super::{CrossValidated, Goal};
use crate::{Calibration, LearnerParams, Metrics};

/// Learners listed at most: the best ones.
const LISTED: usize = 20;

/// How the model was chosen and how good it is on customers that it had not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of customers.
    pub rows: usize,
    /// How many of them left.
    pub positives: usize,
    /// Seed of the training.
    pub seed: u64,
    /// Number of folds.
    pub folds: usize,
    /// What was made as good as possible.
    #[serde(default)]
    pub goal: Goal,
    /// How many learners and blends were tried in all.
    #[serde(default)]
    pub trials: usize,
    /// Position of the chosen learner in `learners`.
    pub chosen: usize,
    /// The best learners, the best first.
    pub learners: Vec<LearnerReport>,
    /// The model's figures on the very customers that it was fitted on, better than it deserves: what it lacks of them out of
    /// fold is how much it learned by heart. None in artifacts of former versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<Metrics>,
}

/// How good one learner is out of fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerReport {
    /// The learner and its settings.
    pub params: LearnerParams,
    /// The calibration chosen for it.
    pub calibration: Calibration,
    /// Its figures, calibrated.
    pub metrics: Metrics,
    /// Its log-loss without calibration.
    pub raw_log_loss: f64,
}

impl Report {
    pub(super) fn of(
        label: &[bool],
        seed: u64,
        folds: usize,
        goal: Goal,
        entries: &[(&LearnerParams, &CrossValidated)],
        fitted: Metrics,
    ) -> Self {
        let learner = |(params, validated): &(&LearnerParams, &CrossValidated)| LearnerReport {
            params: (*params).clone(),
            calibration: validated.calibration.clone(),
            metrics: validated.metrics.clone(),
            raw_log_loss: validated.raw_log_loss,
        };
        Self {
            rows: label.len(),
            positives: label.iter().filter(|&&left| left).count(),
            seed,
            folds,
            goal,
            trials: entries.len(),
            chosen: 0,
            learners: entries.iter().take(LISTED).map(learner).collect(),
            fitted: Some(fitted),
        }
    }

    /// The chosen learner's report.
    ///
    /// # Panics
    /// Never for a report of [`crate::train`] or of an artifact that was loaded, which checks `chosen`.
    pub fn best(&self) -> &LearnerReport {
        &self.learners[self.chosen]
    }
}
