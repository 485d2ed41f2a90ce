//! The search: proposes learners until its budget is spent, and chooses among them and their blends.
//!
//! Proposals come in rounds. The first rounds are a fixed list, strong settings of each family first ([`space`]); then each
//! proposal is drawn at random, or near the best of its family so far. A proposal depends on the seed, its number and the
//! rounds before, never on time or threads: the same seed and number of trials give the same model. The clock decides only how
//! many trials there are. After each round the learners so far are blended; the best entry out of fold is kept, so a longer
//! search never ends with a worse one.

mod nested;
mod space;

use serde::{Deserialize, Serialize};

pub use nested::nested;
pub use space::Family;

use crate::learner::check;
use crate::train::{Bench, Contest, Finishing, check_examples, fit_best, fit_winner};
use crate::{Examples, Goal, LearnerParams, TrainError, Trained, TrialReport, stratified_folds};

/// Proposals of a round. Not the number of threads: it decides what proposals know of each other. The first two rounds have
/// half as many, so that there is a blend soon.
const ROUND: usize = 4;

/// When a search ends: at whichever limit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Seconds for the whole training, the last fit among them.
    pub seconds: Option<f64>,
    /// Learners that are tried.
    pub trials: Option<usize>,
}

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchParams {
    /// Decides who is in which fold, what is proposed, and any chance a learner takes.
    pub seed: u64,
    /// Number of folds of the cross-validation, from 2 to 50.
    pub folds: usize,
    /// Fits that run at the same time, at least 1; it changes no result.
    pub threads: usize,
    /// What is made as good as possible.
    pub goal: Goal,
    /// When to end.
    pub budget: Budget,
    /// Which learners to propose; at least one.
    pub families: Vec<Family>,
    /// Whether blends are among the choices.
    pub blend: bool,
    /// How often the winner is cross-validated again on folds that the search has not seen, after the budget.
    pub repeats: usize,
}

impl Default for SearchParams {
    fn default() -> Self {
        Self {
            seed: 7,
            folds: 5,
            threads: 1,
            goal: Goal::LogLoss,
            budget: Budget { seconds: Some(60.0), trials: None },
            families: Family::ALL.to_vec(),
            blend: true,
            repeats: 0,
        }
    }
}

/// What a search is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchStep {
    /// One fit was done.
    Fit,
    /// A learner was tried on all folds.
    Trial(Box<TrialReport>),
    /// A blend turned out better than everything before.
    Blend(Box<TrialReport>),
    /// The winner is being fitted on all customers.
    Final {
        /// The learner's name.
        learner: &'static str,
        /// How many learners were tried.
        trials: usize,
    },
    /// The model is done, and with it what the budget is for; what follows only judges it.
    Fitted,
}

impl SearchParams {
    fn check(&self) -> Result<(), TrainError> {
        check("folds", &self.folds, (2..=50).contains(&self.folds), "2 to 50")?;
        check("repeats", &self.repeats, self.repeats <= 100, "0 to 100")?;
        check("threads", &self.threads, (1..=256).contains(&self.threads), "1 to 256")?;
        check("families", &self.families.len(), !self.families.is_empty(), "at least one")?;
        let Budget { seconds, trials } = self.budget;
        check(
            "budget",
            &seconds.unwrap_or(0.0),
            seconds.is_some() || trials.is_some(),
            "a time or a number of trials",
        )?;
        if let Some(seconds) = seconds {
            check("budget", &seconds, seconds.is_finite() && seconds > 0.0, "above 0")?;
        }
        check("trials", &trials.unwrap_or(1), trials != Some(0), "1 or more")?;
        if let Goal::Profit(campaign) = self.goal {
            let amounts = format!("{} and {}", campaign.offer_cost, campaign.customer_value);
            let expected = "an offer cost above 0 and a customer value above it";
            check("campaign", &amounts, campaign.is_valid(), expected)?;
        }
        Ok(())
    }
}

/// Searches for the best learner or blend and fits it on all customers. `clock` gives seconds since the search began;
/// `watch` is called on this thread. The first learner is tried whatever the budget, so that there is always a model.
///
/// # Errors
/// The data cannot be learned from ([`TrainError`] says why), a parameter makes no sense, or a learner gave up.
pub fn search(
    examples: Examples<'_>,
    params: &SearchParams,
    clock: &(dyn Fn() -> f64 + Sync),
    watch: &mut dyn FnMut(SearchStep),
) -> Result<Trained, TrainError> {
    run(examples, params, clock, watch, fit_best)
}

/// What is made of the winner at the end of a search.
type Finish<T> = fn(Examples<'_>, &Contest<'_>, &mut Finishing<'_>) -> Result<T, TrainError>;

fn run<T>(
    examples: Examples<'_>,
    params: &SearchParams,
    clock: &(dyn Fn() -> f64 + Sync),
    watch: &mut dyn FnMut(SearchStep),
    finish: Finish<T>,
) -> Result<T, TrainError> {
    params.check()?;
    check_examples(examples, params.folds)?;
    let families: Vec<Family> = match examples.weight {
        Some(_) => params.families.iter().copied().filter(|family| family.takes_weights()).collect(),
        None => params.families.clone(),
    };
    let expected = "one that can count some customers more than others";
    check("families", &params.families.len(), !families.is_empty(), expected)?;
    let fold = stratified_folds(examples.label, params.folds, params.seed);
    let bench = Bench::new(examples, &fold, params.folds, params.seed, params.threads);
    let mut contest = Contest::new(&bench, params.goal, params.threads);
    let limit = params.budget.seconds.unwrap_or(f64::INFINITY);
    let most = params.budget.trials.unwrap_or(usize::MAX);
    let (mut trials, mut blending) = (0, 0.0);
    while trials < most {
        let first = trials == 0;
        let end = round_end(trials);
        let until = limit - blending;
        let mut proposals: Vec<_> =
            (trials..end.min(most)).map(|trial| space::propose(&families, params.seed, trial, &contest)).collect();
        if !first {
            let left = until - contest.final_seconds() - clock();
            proposals.truncate(affordable(&proposals, &contest, left, params.threads));
        }
        // The first proposal of all is tried to its end.
        let (sure, rest) = proposals.split_at(usize::from(first));
        let mut tried = bench.try_all(sure, true, clock, &|_| false, &mut |_, _| watch(SearchStep::Fit))?;
        let late = |at: usize| clock() + contest.seconds_to_win(rest[at].name()) >= until;
        tried.extend(bench.try_all(rest, true, clock, &late, &mut |_, _| watch(SearchStep::Fit))?);
        trials += tried.len();
        for at in contest.enter(tried) {
            watch(SearchStep::Trial(Box::new(contest.report(at))));
        }
        if trials < end {
            // A search that goes on longer blends at the end of the round alone; blending here could make this one better.
            break;
        }
        let began = clock();
        if params.blend
            && let Some(at) = contest.blend(&|final_seconds| clock() + final_seconds < limit)
        {
            watch(SearchStep::Blend(Box::new(contest.report(at))));
        }
        blending = clock() - began;
    }
    watch(SearchStep::Final { learner: contest.winner(), trials });
    let SearchParams { seed, threads, repeats, .. } = *params;
    finish(examples, &contest, &mut Finishing { seed, threads, repeats, fitted: &mut || watch(SearchStep::Fitted) })
}

/// Where the round ends that begins after this many trials.
fn round_end(trials: usize) -> usize {
    if trials < ROUND { trials + ROUND / 2 } else { trials + ROUND }
}

/// How many of the proposals can be tried in this time, as far as can be told from what their families took so far.
fn affordable(proposals: &[LearnerParams], contest: &Contest<'_>, seconds: f64, threads: usize) -> usize {
    let mut needed = 0.0;
    let fits = |proposal: &&LearnerParams| {
        needed += contest.seconds_of_family(proposal.name()) / threads as f64;
        needed <= seconds
    };
    proposals.iter().take_while(fits).count()
}
