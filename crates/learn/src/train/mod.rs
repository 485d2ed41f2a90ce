//! Training: learners are tried out of fold, the best of them or their blend is chosen and fitted on all customers.
//!
//! [`train`] tries a given list; [`crate::search`] proposes its own until its budget is spent. Both choose in the same way.

mod bench;
mod blending;
mod contest;
mod examples;
mod finish;
mod judge;
mod params;
mod repeated;
mod report;

use churn_domain::csv::Customers;

pub(crate) use bench::Bench;
pub(crate) use contest::Contest;
pub use contest::TrialReport;
pub use examples::Examples;
pub(crate) use finish::{Finishing, fit_best, fit_winner};
pub use judge::{CrossValidated, Goal};
pub use params::TrainParams;
pub(crate) use params::check_examples;
pub use repeated::{Repeated, Spread};
pub use report::{LearnerReport, Report};

use crate::{Artifact, TrainError, stratified_folds};

/// How far a training is.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainProgress {
    /// Fits done.
    pub done: usize,
    /// Fits in all.
    pub total: usize,
    /// The fit that has just been done.
    pub step: TrainStep,
}

/// One fit of a training.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainStep {
    /// A learner was fitted on all folds but one.
    Fold {
        /// The learner's name.
        learner: &'static str,
        /// The fold held out, from 0.
        fold: usize,
    },
    /// The best learner was fitted on all customers.
    Final {
        /// The learner's name.
        learner: &'static str,
    },
}

/// What a training gives.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model and what travels with it.
    pub artifact: Artifact,
    /// The fold of each customer, from 0.
    pub fold: Vec<usize>,
    /// The probability of each customer, by a model and a calibration that had not seen the customer's fold.
    pub out_of_fold: Vec<f64>,
    /// Everything that was tried, the best first.
    pub leaderboard: Vec<TrialReport>,
}

/// Trains a model: each learner is cross-validated, and so (if [`TrainParams::blend`] says so) is their blend. The one with the
/// least log-loss out of fold is fitted on all customers, calibrated by its out-of-fold margins (where that helps), and
/// decides at the threshold with the greatest F1.
///
/// A constant column teaches nothing and does no harm; so does one that is missing for everybody. The same customers and
/// parameters give the same artifact on any number of threads. `progress` is called on this thread after each fit.
///
/// # Errors
/// The data cannot be learned from ([`TrainError`] says why), a parameter makes no sense, or a learner gave up.
pub fn train(
    customers: &Customers,
    params: &TrainParams,
    progress: &mut dyn FnMut(TrainProgress),
) -> Result<Trained, TrainError> {
    train_on(Examples::of(customers)?, params, progress)
}

/// As [`train`], for customers who may count differently.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    examples: Examples<'_>,
    params: &TrainParams,
    progress: &mut dyn FnMut(TrainProgress),
) -> Result<Trained, TrainError> {
    params.check()?;
    check_examples(examples, params.folds)?;
    let fold = stratified_folds(examples.label, params.folds, params.seed);
    let total = params.learners.len() * params.folds + 1;
    let mut done = 0;
    let mut report_step = |step| {
        done += 1;
        progress(TrainProgress { done, total, step });
    };
    let bench = Bench::new(examples, &fold, params.folds, params.seed, params.threads);
    let mut contest = Contest::new(&bench, Goal::LogLoss, params.threads);
    let tried = bench.try_all(&params.learners, false, &|| 0.0, &|_| false, &mut |learner, fold| {
        report_step(TrainStep::Fold { learner: params.learners[learner].name(), fold });
    })?;
    contest.enter(tried);
    if params.blend {
        contest.blend(&|_| true);
    }
    let TrainParams { seed, threads, .. } = *params;
    let trained = fit_best(examples, &contest, &mut Finishing { seed, threads, repeats: 0, fitted: &mut || {} })?;
    report_step(TrainStep::Final { learner: trained.artifact.model.model.name() });
    Ok(trained)
}

/// Cross-validates each of the learners on the given folds (`fold_of` a customer, from 0, below `params.folds`), up to
/// `params.threads` fits at the same time. `done` is called on this thread after each fit.
///
/// # Errors
/// [`TrainError::Learner`] when a learner gives up.
pub fn cross_validate(
    examples: Examples<'_>,
    params: &TrainParams,
    fold_of: &[usize],
    done: &mut dyn FnMut(TrainStep),
) -> Result<Vec<CrossValidated>, TrainError> {
    let bench = Bench::new(examples, fold_of, params.folds, params.seed, params.threads);
    let tried = bench.try_all(&params.learners, false, &|| 0.0, &|_| false, &mut |learner, fold| {
        done(TrainStep::Fold { learner: params.learners[learner].name(), fold });
    })?;
    let judged =
        |tried: &bench::Tried| judge::judge(&tried.margins, examples.label, fold_of, params.folds, Goal::LogLoss);
    Ok(tried.iter().map(judged).collect())
}
