//! How good margins out of fold are: calibrated and decided without a look at the fold that is judged.

use serde::{Deserialize, Serialize};

use crate::calibration::{self, Calibration};
use crate::metrics::{Campaign, Metrics, best_f1_threshold, best_profit_threshold};

/// What a training makes as good as it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The least log-loss.
    #[default]
    LogLoss,
    /// The greatest area under the ROC curve.
    Auc,
    /// The greatest F1.
    F1,
    /// The greatest profit of a campaign.
    Profit(Campaign),
}

impl Goal {
    /// Its name, as on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LogLoss => "log_loss",
            Self::Auc => "auc",
            Self::F1 => "f1",
            Self::Profit(_) => "profit",
        }
    }

    /// The threshold to decide at: with the greatest profit where that is the goal, otherwise with the greatest F1.
    pub fn best_threshold(&self, probability: &[f64], label: &[bool]) -> f64 {
        match self {
            Self::Profit(campaign) => best_profit_threshold(probability, label, campaign),
            _ => best_f1_threshold(probability, label),
        }
    }

    /// The figure that is compared: lower is better.
    fn loss(&self, metrics: &Metrics, decision: &[bool], label: &[bool]) -> f64 {
        match self {
            Self::LogLoss => metrics.log_loss,
            Self::Auc => -metrics.auc.unwrap_or(0.5),
            Self::F1 => -metrics.f1,
            Self::Profit(campaign) => -campaign.mean_profit(decision, label),
        }
    }
}

/// A learner's answers about customers it had not seen.
#[derive(Clone, Debug)]
pub struct CrossValidated {
    /// Probability of each customer.
    pub probability: Vec<f64>,
    /// Whether each was taken for a leaver, at the threshold that the other folds chose.
    pub decision: Vec<bool>,
    /// Figures over all customers.
    pub metrics: Metrics,
    /// Log-loss without calibration.
    pub raw_log_loss: f64,
    /// The calibration chosen, fitted on all out-of-fold margins.
    pub calibration: Calibration,
    /// What the goal compares; lower is better.
    pub(crate) loss: f64,
}

/// Calibrates and decides each fold by what the others say, and takes the figures.
pub(crate) fn judge(margins: &[f64], label: &[bool], fold_of: &[usize], folds: usize, goal: Goal) -> CrossValidated {
    let chosen = calibration::choose(margins, label, fold_of, folds);
    let decision = decide(&chosen.probability, label, fold_of, folds, goal);
    let metrics = Metrics::of(&chosen.probability, &decision, label);
    CrossValidated {
        loss: goal.loss(&metrics, &decision, label),
        metrics,
        decision,
        probability: chosen.probability,
        raw_log_loss: chosen.raw_log_loss,
        calibration: chosen.calibration,
    }
}

/// Decides each fold at the threshold that is best on the others.
fn decide(probability: &[f64], label: &[bool], fold_of: &[usize], folds: usize, goal: Goal) -> Vec<bool> {
    let mut decision = vec![false; label.len()];
    for fold in 0..folds {
        let (other_probability, other_label): (Vec<f64>, Vec<bool>) =
            (0..label.len()).filter(|&row| fold_of[row] != fold).map(|row| (probability[row], label[row])).unzip();
        let threshold = goal.best_threshold(&other_probability, &other_label);
        for row in (0..label.len()).filter(|&row| fold_of[row] == fold) {
            decision[row] = probability[row] >= threshold;
        }
    }
    decision
}
