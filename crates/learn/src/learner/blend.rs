//! A weighted sum of other learners' margins.

use serde::{Deserialize, Serialize};

use super::{LearnerParams, Model, Sample};
use crate::TrainError;

/// The learners that are summed up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlendParams {
    /// The members, at least one, none of them a blend.
    pub members: Vec<MemberParams>,
}

/// One of the learners that are summed up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberParams {
    /// Its margin counts this much; the members' weights sum up to 1.
    pub weight: f64,
    /// The learner.
    pub params: LearnerParams,
}

/// Fitted members.
#[derive(Clone, Debug)]
pub struct Blend {
    pub(crate) members: Vec<Member>,
}

/// A fitted member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) weight: f64,
    pub(crate) model: Model,
}

impl Blend {
    pub(super) const NAME: &'static str = "blend";

    pub(super) fn fit(params: &BlendParams, sample: Sample<'_>, seed: u64, threads: usize) -> Result<Self, TrainError> {
        let fit = |member: &MemberParams| {
            let model = member.params.fit(sample, seed, threads)?;
            Ok(Member { weight: member.weight, model })
        };
        Ok(Self { members: params.members.iter().map(fit).collect::<Result<_, _>>()? })
    }

    pub(super) fn check(&self, columns: usize) -> Result<(), String> {
        if self.members.is_empty() {
            return Err("the blend has no members".into());
        }
        for (at, member) in self.members.iter().enumerate() {
            if !member.weight.is_finite() || member.weight <= 0.0 || member.weight > 1.0 {
                return Err(format!("member {at} of the blend has the weight {}", member.weight));
            }
            if matches!(member.model, Model::Blend(_)) {
                return Err(format!("member {at} of the blend is a blend"));
            }
            member.model.check(columns).map_err(|problem| format!("member {at} of the blend: {problem}"))?;
        }
        Ok(())
    }

    pub(super) fn add_margins(&self, columns: usize, values: &[f32], weight: f64, sums: &mut [f64]) {
        for member in &self.members {
            member.model.add_margins(columns, values, weight * member.weight, sums);
        }
    }
}
