//! The contest: learners enter with their margins out of fold, the best one, or a blend, wins.

use serde::{Deserialize, Serialize};

use super::bench::{Bench, Tried};
use super::blending::blend;
use super::judge::{CrossValidated, Goal, judge};
use crate::LearnerParams;
use crate::metrics::{Interval, Metrics, Resamples};

/// Learners of one family that may enter a blend, and of all families.
const OF_FAMILY: usize = 3;
const OF_ALL: usize = 12;
/// Resamples of an interval on the leaderboard.
const RESAMPLES: usize = 200;

/// How long a family's first learners take on the shipped customers, relative to boosted trees: what is told of a family before any
/// of it was tried.
fn usual(name: &str) -> f64 {
    match name {
        "naive_bayes" => 0.05,
        "logistic" => 0.2,
        "ebm" => 4.0,
        _ => 1.0,
    }
}

/// Learners by how good they are.
#[derive(Debug)]
pub(crate) struct Contest<'a> {
    pub(super) bench: &'a Bench<'a>,
    pub(super) goal: Goal,
    threads: usize,
    tried: Vec<Tried>,
    pub(super) entries: Vec<Entry>,
    /// Position of the best entry; the first of equals.
    best: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) params: LearnerParams,
    pub(super) validated: CrossValidated,
    seconds: f64,
    seconds_a_row: f64,
}

/// One row of the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialReport {
    /// Its number, in the order of trying, from 1.
    pub trial: usize,
    /// The learner and its settings.
    pub params: LearnerParams,
    /// The calibration chosen for it.
    pub calibration: String,
    /// Its figures out of fold, calibrated.
    pub metrics: Metrics,
    /// What the goal compares; lower is better.
    pub loss: f64,
    /// What 95 % of 200 bootstrap resamples of the log-loss lie within.
    pub log_loss_interval: Option<Interval>,
    /// What fitting on the folds took, added up. A blend's is that of its members.
    pub seconds: f64,
    /// What scoring one encoded row took, on one thread.
    pub microseconds_a_row: f64,
}

impl<'a> Contest<'a> {
    pub(crate) fn new(bench: &'a Bench<'a>, goal: Goal, threads: usize) -> Self {
        Self { bench, goal, threads, tried: Vec::new(), entries: Vec::new(), best: None }
    }

    /// Enters learners; the positions of the entries.
    pub(crate) fn enter(&mut self, tried: Vec<Tried>) -> std::ops::Range<usize> {
        let first = self.entries.len();
        for tried in tried {
            let validated = judge(&tried.margins, self.bench.label, self.bench.fold_of, self.bench.folds(), self.goal);
            self.add(tried.params.clone(), validated, tried.seconds, tried.seconds_a_row);
            self.tried.push(tried);
        }
        first..self.entries.len()
    }

    /// Enters the blend of those that are in. The position of the entry, if there is a blend and it is the best so far: a
    /// blend that is not is forgotten, so that more trials never make the winner worse. So is one of which `in_time` says that
    /// it could not be fitted any more.
    pub(crate) fn blend(&mut self, in_time: &dyn Fn(f64) -> bool) -> Option<usize> {
        let members = self.eligible();
        let blended = blend(&members, self.bench.label, self.bench.fold_of, self.bench.folds(), self.threads)?;
        let validated = judge(&blended.margins, self.bench.label, self.bench.fold_of, self.bench.folds(), self.goal);
        let of_members = |of: fn(&Tried) -> f64| match &blended.params {
            LearnerParams::Blend(blend) => {
                let member = |tried: &&&Tried| blend.members.iter().any(|member| member.params == tried.params);
                members.iter().filter(member).map(|tried| of(tried)).sum()
            }
            _ => 0.0,
        };
        let (seconds, seconds_a_row) = (of_members(|tried| tried.seconds), of_members(|tried| tried.seconds_a_row));
        let better = self.best().is_none_or(|best| validated.loss < best.validated.loss);
        let better = better && in_time(self.final_seconds_of(seconds));
        if better {
            self.add(blended.params, validated, seconds, seconds_a_row);
        }
        better.then(|| self.entries.len() - 1)
    }

    fn add(&mut self, params: LearnerParams, validated: CrossValidated, seconds: f64, seconds_a_row: f64) {
        if self.best().is_none_or(|best| validated.loss < best.validated.loss) {
            self.best = Some(self.entries.len());
        }
        self.entries.push(Entry { params, validated, seconds, seconds_a_row });
    }

    pub(super) fn best(&self) -> Option<&Entry> {
        self.best.map(|best| &self.entries[best])
    }

    /// The best one's name.
    pub(crate) fn winner(&self) -> &'static str {
        self.best().map_or("nothing", |best| best.params.name())
    }

    /// What fitting the best one on all customers will take, roughly.
    pub(crate) fn final_seconds(&self) -> f64 {
        self.best().map_or(0.0, |best| self.final_seconds_of(best.seconds))
    }

    /// What fitting on all customers takes for which fitting on all folds but one, for each fold, took so many seconds.
    fn final_seconds_of(&self, seconds: f64) -> f64 {
        seconds / (self.bench.folds() as f64 - 1.0)
    }

    /// What one more fit of a family's learner takes, and then the fit of the winner on all customers.
    pub(crate) fn seconds_to_win(&self, name: &str) -> f64 {
        let seconds = self.seconds_of_family(name);
        seconds / self.bench.folds() as f64 + self.final_seconds().max(self.final_seconds_of(seconds))
    }

    /// The settings of a family's best learner so far.
    pub(crate) fn best_of_family(&self, name: &str) -> Option<&LearnerParams> {
        let of_family = self.entries.iter().filter(|entry| entry.params.name() == name);
        of_family.min_by(|a, b| a.validated.loss.total_cmp(&b.validated.loss)).map(|entry| &entry.params)
    }

    /// What a learner of a family takes on all folds, at most, as far as can be told: what it took so far, or else what the family
    /// that took longest says of it.
    pub(crate) fn seconds_of_family(&self, name: &str) -> f64 {
        let slowest = |of: &dyn Fn(&Tried) -> bool| {
            let tried = self.tried.iter().filter(|tried| of(tried));
            tried.max_by(|a, b| a.seconds.total_cmp(&b.seconds))
        };
        let same = slowest(&|tried| tried.params.name() == name).map(|tried| tried.seconds);
        let other = || slowest(&|_| true).map(|tried| tried.seconds / usual(tried.params.name()) * usual(name));
        same.or_else(other).unwrap_or(0.0)
    }

    /// The best of each family and of all, by log-loss without calibration, in the order of trying.
    fn eligible(&self) -> Vec<&Tried> {
        let singles = self.entries.iter().filter(|entry| !matches!(entry.params, LearnerParams::Blend(_)));
        let mut order: Vec<(f64, usize)> = singles.map(|entry| entry.validated.raw_log_loss).zip(0..).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut taken: Vec<usize> = Vec::new();
        for (_, at) in order {
            let name = self.tried[at].params.name();
            let same = taken.iter().filter(|&&other| self.tried[other].params.name() == name).count();
            if taken.len() < OF_ALL && same < OF_FAMILY {
                taken.push(at);
            }
        }
        taken.sort_unstable();
        taken.into_iter().map(|at| &self.tried[at]).collect()
    }

    /// One entry as it stands on the leaderboard.
    pub(crate) fn report(&self, at: usize) -> TrialReport {
        let Entry { params, validated, seconds, seconds_a_row } = &self.entries[at];
        let losses: Vec<f64> =
            validated.probability.iter().zip(self.bench.label).map(crate::metrics::loss_of).collect();
        TrialReport {
            trial: at + 1,
            params: params.clone(),
            calibration: validated.calibration.name().to_owned(),
            metrics: validated.metrics.clone(),
            loss: validated.loss,
            log_loss_interval: Resamples::new(losses.len(), RESAMPLES, 0).of_mean(&losses),
            seconds: *seconds,
            microseconds_a_row: seconds_a_row * 1e6,
        }
    }

    /// Positions of all entries, the best first.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by(|&a, &b| {
            self.entries[a].validated.loss.total_cmp(&self.entries[b].validated.loss).then(a.cmp(&b))
        });
        order
    }
}
