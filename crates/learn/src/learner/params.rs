//! Whether settings can be meant.

use std::ops::RangeInclusive;

use super::{BayesParams, BlendParams, EbmParams, LearnerParams, LogisticParams};
use crate::TrainError;

impl LearnerParams {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`TrainError::Params`] names the first that makes no sense, and what would.
    pub fn check(&self) -> Result<(), TrainError> {
        match self {
            Self::Logistic(LogisticParams { l1, l2 }) => {
                not_negative("l1", *l1)?;
                check("l2", l2, l2.is_finite() && *l2 > 0.0, "above 0")
            }
            Self::BoostedTrees(params) => params.check(),
            Self::Ebm(params) => params.check(),
            Self::NaiveBayes(BayesParams { smoothing }) => {
                check("smoothing", smoothing, (0.001..=10.0).contains(smoothing), "0.001 to 10")
            }
            Self::Blend(params) => params.check(),
        }
    }
}

impl EbmParams {
    fn check(&self) -> Result<(), TrainError> {
        count("rounds", self.rounds, 1..=5_000)?;
        count("leaves", self.leaves, 2..=16)?;
        count("interactions", self.interactions, 0..=50)?;
        count("bags", self.bags, 1..=32)?;
        count("bins", self.bins, 2..=256)?;
        above_zero_to_one("learning_rate", self.learning_rate)?;
        above_zero_to_one("row_share", self.row_share)?;
        not_negative("min_child_weight", self.min_child_weight)
    }
}

impl BlendParams {
    fn check(&self) -> Result<(), TrainError> {
        let members = &self.members;
        let apart = members.iter().all(|member| !matches!(member.params, LearnerParams::Blend(_)));
        check("members", &members.len(), !members.is_empty() && apart, "at least one learner, none of them a blend")?;
        let sum: f64 = members.iter().map(|member| member.weight).sum();
        let positive = members.iter().all(|member| member.weight > 0.0);
        check("weight", &sum, positive && (sum - 1.0).abs() < 1e-9, "weights above 0 that sum up to 1")?;
        members.iter().try_for_each(|member| member.params.check())
    }
}

pub(super) fn above_zero_to_one(name: &'static str, value: f64) -> Result<(), TrainError> {
    check(name, &value, value > 0.0 && value <= 1.0, "above 0, to 1")
}

pub(super) fn not_negative(name: &'static str, value: f64) -> Result<(), TrainError> {
    check(name, &value, value.is_finite() && value >= 0.0, "0 or more")
}

pub(super) fn count(name: &'static str, value: usize, range: RangeInclusive<usize>) -> Result<(), TrainError> {
    let expected = format!("{} to {}", range.start(), range.end());
    check(name, &value, range.contains(&value), &expected)
}

/// Complains of a parameter unless it is valid.
pub(crate) fn check(name: &'static str, value: &impl ToString, valid: bool, expected: &str) -> Result<(), TrainError> {
    if valid {
        Ok(())
    } else {
        Err(TrainError::Params { name, value: value.to_string(), expected: expected.to_owned() })
    }
}
