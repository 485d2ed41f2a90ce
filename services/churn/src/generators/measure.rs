//! How good synthetic customers are: like the real ones, possible, private, and of use.

use anyhow::{Context, bail};
use churn_domain::csv::Customers;
use churn_domain::{Locations, Table};
use churn_learn::{
    Encoder, Examples, LearnerParams, Sample, TrainParams, TreeParams, cross_validate, stratified_folds,
};
use churn_runtime::exit::Ending;
use churn_synth::quality::{self, BaselineProtection, Diagnostic, MarginalPair, Novelty};
use churn_synth::quality::{OverfittingProtection, QualityReport};
use churn_synth::{FitParams, Generator};
use serde::Serialize;

/// Most customers of each side between whom distances are measured: their product is what the report costs.
const DISTANCE_ROWS: usize = 5_000;

/// What was measured and how.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) real_rows: usize,
    pub(crate) synthetic_rows: usize,
    pub(crate) quality: QualityReport,
    pub(crate) diagnostic: Diagnostic,
    pub(crate) privacy: Privacy,
    pub(crate) usefulness: Usefulness,
    pub(crate) marginals: Vec<MarginalPair>,
    /// What a reader has to know to read the figures rightly.
    pub(crate) notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Privacy {
    /// Synthetic rows between which and the real ones distances were measured.
    pub(crate) rows: usize,
    pub(crate) baseline: BaselineProtection,
    pub(crate) overfitting: Option<OverfittingProtection>,
    pub(crate) new_rows: Novelty,
    /// Share of the synthetic rows that equal a real one.
    pub(crate) copied_share: f64,
    /// Share of real rows that equal one of the training rows without having been among them: what the real customers'
    /// own duplicates explain.
    pub(crate) holdout_copied_share: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usefulness {
    pub(crate) learner: &'static str,
    pub(crate) tested_on: &'static str,
    pub(crate) auc_trained_on_real: Option<f64>,
    pub(crate) auc_trained_on_synthetic: Option<f64>,
}

/// How to measure a generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampling {
    /// Synthetic customers to compare.
    pub(crate) rows: u64,
    pub(crate) seed: u64,
}

/// A table with its label, owned.
struct Labelled {
    features: Table,
    label: Vec<bool>,
}

impl Labelled {
    fn view(&self) -> quality::Customers<'_> {
        quality::Customers::new(&self.features, &self.label)
    }
}

/// The customers with their label.
///
/// # Errors
/// There is no label.
pub(crate) fn labelled<'a>(customers: &'a Customers, what: &str) -> anyhow::Result<quality::Customers<'a>> {
    match &customers.label {
        Some(label) if !label.is_empty() => Ok(quality::Customers::new(&customers.features, label)),
        Some(_) => bail!(Ending::data(format!("{what} has no usable row"))),
        None => bail!(Ending::data(format!("{what} has no churn column; the report compares it too, so add it"))),
    }
}

/// Measures a generator on the customers that it was fitted on, or on others. What needs customers whom the generator
/// has not seen is measured on a second generator, fitted the same way on a random half of them.
///
/// # Errors
/// The customers have no label, or nothing can be learned from them.
pub(crate) fn of_generator(
    generator: &Generator,
    customers: &Customers,
    places: &Locations,
    sampling: Sampling,
) -> anyhow::Result<Measured> {
    let real = labelled(customers, "the data")?;
    let sample = generator.sample_parallel(sampling.seed, 0..sampling.rows, threads());
    let synthetic = Labelled { features: sample.features, label: sample.label };
    let mut measured = compare(real, synthetic.view(), sampling.seed)?;
    match halves(real, places, sampling.seed) {
        Ok([training, made, holdout]) => {
            held_out(&mut measured, training.view(), made.view(), holdout.view())?;
            measured.notes.push(
                "overfitting protection and both AUCs: a generator fitted the same way on a random half of the real \
                 customers, measured against the other half"
                    .into(),
            );
        }
        Err(error) => measured.notes.push(format!("nothing could be held out: {error:#}")),
    }
    Ok(measured)
}

/// Measures synthetic customers from anywhere.
///
/// # Errors
/// A table has no label, or nothing can be learned from it.
pub(crate) fn of_files(
    real: &Customers,
    synthetic: &Customers,
    holdout: Option<&Customers>,
    seed: u64,
) -> anyhow::Result<Measured> {
    let (real, synthetic) = (labelled(real, "the real file")?, labelled(synthetic, "the synthetic file")?);
    let mut measured = compare(real, synthetic, seed)?;
    match holdout {
        Some(holdout) => held_out(&mut measured, real, synthetic, labelled(holdout, "the holdout file")?)?,
        None => {
            measured.usefulness.tested_on = "the real customers";
            measured.usefulness.auc_trained_on_real = cross_validated(real)?;
            measured.usefulness.auc_trained_on_synthetic = trained_on(synthetic, real)?;
            measured.notes.push(
                "without --holdout there is no overfitting protection, and the AUC of training on synthetic customers is \
                 flattered where the generator saw those it is tested on; that of training on real ones is 5-fold"
                    .into(),
            );
        }
    }
    Ok(measured)
}

fn compare(real: quality::Customers<'_>, synthetic: quality::Customers<'_>, seed: u64) -> anyhow::Result<Measured> {
    if synthetic.is_empty() {
        bail!(Ending::usage("a report needs at least one synthetic customer"));
    }
    let (near, few) = (first(real, DISTANCE_ROWS), first(synthetic, DISTANCE_ROWS));
    let (random, random_label) = quality::uniform_customers(real, few.label.len(), seed);
    let new_rows = quality::novelty(real, synthetic);
    Ok(Measured {
        real_rows: real.len(),
        synthetic_rows: synthetic.len(),
        quality: quality::report(real, synthetic),
        diagnostic: quality::diagnostic(real, synthetic),
        privacy: Privacy {
            rows: few.label.len(),
            baseline: quality::baseline_protection(
                near.view(),
                few.view(),
                quality::Customers::new(&random, &random_label),
            ),
            overfitting: None,
            copied_share: new_rows.copies as f64 / synthetic.len() as f64,
            new_rows,
            holdout_copied_share: None,
        },
        usefulness: Usefulness {
            learner: learner().name(),
            tested_on: "nobody",
            auc_trained_on_real: None,
            auc_trained_on_synthetic: None,
        },
        marginals: quality::marginals(real, synthetic),
        notes: Vec::new(),
    })
}

/// Adds what needs customers whom the generator has not seen.
fn held_out(
    measured: &mut Measured,
    training: quality::Customers<'_>,
    synthetic: quality::Customers<'_>,
    holdout: quality::Customers<'_>,
) -> anyhow::Result<()> {
    if 2 * holdout.len() < training.len() {
        measured.notes.push(format!(
            "the holdout has {} customers beside {} for training; half as many at least make the protection reliable",
            holdout.len(),
            training.len()
        ));
    }
    // As many of both: the nearest of more rows is nearer by chance.
    let rows = training.len().min(holdout.len()).min(DISTANCE_ROWS);
    let (few, near, far) = (first(synthetic, DISTANCE_ROWS), first(training, rows), first(holdout, rows));
    measured.privacy.overfitting = Some(quality::overfitting_protection(near.view(), few.view(), far.view()));
    let copied = |rows: quality::Customers<'_>| quality::novelty(training, rows).copies as f64 / rows.len() as f64;
    measured.privacy.copied_share = copied(synthetic);
    measured.privacy.holdout_copied_share = Some(copied(holdout));
    measured.usefulness.tested_on = "held-out customers";
    measured.usefulness.auc_trained_on_real = trained_on(training, holdout)?;
    measured.usefulness.auc_trained_on_synthetic = trained_on(synthetic, holdout)?;
    Ok(())
}

/// A random half, customers of a generator fitted on it, and the other half.
fn halves(real: quality::Customers<'_>, places: &Locations, seed: u64) -> anyhow::Result<[Labelled; 3]> {
    let fold = stratified_folds(real.label, 2, seed);
    let half = |which: usize| {
        let rows = || (0..real.len()).filter(|&row| fold[row] == which);
        Labelled { features: real.features.select(rows()), label: rows().map(|row| real.label[row]).collect() }
    };
    let (training, holdout) = (half(0), half(1));
    let customers =
        Customers { features: training.features.clone(), label: Some(training.label.clone()), ..Customers::default() };
    let generator = Generator::fit(&customers, places, FitParams::default())?;
    let sample = generator.sample(seed, 0..training.label.len() as u64);
    Ok([training, Labelled { features: sample.features, label: sample.label }, holdout])
}

fn first(customers: quality::Customers<'_>, rows: usize) -> Labelled {
    let rows = rows.min(customers.len());
    Labelled { features: customers.features.select(0..rows), label: customers.label[..rows].to_vec() }
}

fn learner() -> LearnerParams {
    LearnerParams::BoostedTrees(TreeParams::default())
}

/// AUC on some customers of a model trained on others; none where nothing can be learned or ranked.
fn trained_on(training: quality::Customers<'_>, test: quality::Customers<'_>) -> anyhow::Result<Option<f64>> {
    if one_sided(training.label) || one_sided(test.label) {
        return Ok(None);
    }
    let rows: Vec<usize> = (0..training.len()).collect();
    let encoder = Encoder::fit(training.features, &rows);
    let matrix = encoder.encode(training.features, rows.into_iter());
    let sample = Sample { matrix: &matrix, label: training.label, weight: None };
    let model = learner().fit(sample, 1, threads()).context("train on the customers")?;
    let margins = model.margins(&encoder.encode(test.features, 0..test.len()));
    Ok(churn_learn::metrics::auc(&margins, test.label))
}

fn cross_validated(real: quality::Customers<'_>) -> anyhow::Result<Option<f64>> {
    let params = TrainParams { learners: vec![learner()], threads: threads(), ..TrainParams::default() };
    if real.label.iter().filter(|left| **left).count() < params.folds || one_sided(real.label) {
        return Ok(None);
    }
    let fold = stratified_folds(real.label, params.folds, params.seed);
    let examples = Examples { features: real.features, label: real.label, weight: None };
    let validated = cross_validate(examples, &params, &fold, &mut |_| {}).context("train on the real customers")?;
    Ok(validated.first().and_then(|learner| learner.metrics.auc))
}

fn one_sided(label: &[bool]) -> bool {
    label.iter().all(|left| *left) || label.iter().all(|left| !left)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
