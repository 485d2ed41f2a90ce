//! A weighted sum of other learners' margins.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// Fits the members side by side, each on its share of the threads: on a few thousand customers, threads within one fit wait
    /// for each other more than they work.
    pub(super) fn fit(params: &BlendParams, sample: Sample<'_>, seed: u64, threads: usize) -> Result<Self, TrainError> {
        let workers = threads.clamp(1, params.members.len().max(1));
        let (share, next) = ((threads / workers).max(1), AtomicUsize::new(0));
        let work = || {
            let mut fitted = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(member) = params.members.get(place) else { return fitted };
                let model = member.params.fit(sample, seed, share);
                fitted.push((place, model.map(|model| Member { weight: member.weight, model })));
            }
        };
        let mut fitted: Vec<(usize, Result<Member, TrainError>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
            joined.flatten().collect()
        });
        fitted.sort_by_key(|(place, _)| *place);
        Ok(Self { members: fitted.into_iter().map(|(_, member)| member).collect::<Result<_, _>>()? })
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
