//! Training: cross-validation of each learner, the choice, and the final fit.

mod cross;
mod params;
mod report;

use churn_domain::Table;
use churn_domain::csv::Customers;

pub use cross::{CrossValidated, cross_validate};
pub use params::TrainParams;
pub use report::{LearnerReport, Report};

use crate::metrics::best_f1_threshold;
use crate::{Artifact, Encoder, Reference, ScoringModel, TrainError, golden, stratified_folds};

/// Customers and whether they left.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// The customers.
    pub features: &'a Table,
    /// Whether each left.
    pub label: &'a [bool],
}

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
    /// The better learner was fitted on all customers.
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
}

impl<'a> Examples<'a> {
    /// The customers of a file as examples.
    ///
    /// # Errors
    /// [`TrainError::MissingLabel`] when the file had no label.
    pub fn of(customers: &'a Customers) -> Result<Self, TrainError> {
        let label = customers.label.as_deref().ok_or(TrainError::MissingLabel)?;
        Ok(Self { features: &customers.features, label })
    }
}

/// Trains a model: each learner is cross-validated, the one with the least log-loss out of fold is fitted on all
/// customers, calibrated by its out-of-fold margins (where that helps), and decides at the threshold with the greatest F1.
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
    let examples = Examples::of(customers)?;
    params.check()?;
    params.check_examples(examples)?;
    let fold = stratified_folds(examples.label, params.folds, params.seed);
    let total = params.learners.len() * params.folds + 1;
    let mut done = 0;
    let mut report_step = |step| {
        done += 1;
        progress(TrainProgress { done, total, step });
    };
    let validated = cross_validate(examples, params, &fold, &mut report_step)?;
    let (best, chosen) = best_of(&validated);

    let learner = &params.learners[best];
    let all: Vec<usize> = (0..examples.label.len()).collect();
    let encoder = Encoder::fit(examples.features, &all);
    let matrix = encoder.encode(examples.features, all.into_iter());
    let model = learner.fit(&matrix, examples.label, params.seed, params.threads)?;
    report_step(TrainStep::Final { learner: learner.name() });

    let threshold = best_f1_threshold(&chosen.probability, examples.label);
    let model = ScoringModel { encoder, model, calibration: chosen.calibration, threshold };
    let artifact = Artifact {
        reference: Reference::of(examples.features, examples.label, &chosen.probability),
        golden: golden::choose(&model, examples.features),
        report: Report::of(examples.label, params, best, &validated),
        model,
    };
    Ok(Trained { artifact, out_of_fold: chosen.probability.clone(), fold })
}

/// The learner with the least log-loss, the first of equals.
fn best_of(validated: &[CrossValidated]) -> (usize, &CrossValidated) {
    let better = |a: &(usize, &CrossValidated), b: &(usize, &CrossValidated)| {
        a.1.metrics.log_loss.total_cmp(&b.1.metrics.log_loss).then(a.0.cmp(&b.0))
    };
    validated.iter().enumerate().min_by(better).expect("TrainParams::check wants a learner")
}
