//! The end of a training: the winner is fitted on all customers, and judged.

use super::contest::Contest;
use super::repeated::Repeated;
use super::{Examples, Report, Trained};
use crate::evaluation::Evaluation;
use crate::learner::Sample;
use crate::{Artifact, Encoder, Metrics, Reference, ScoringModel, TrainError, golden};

/// How a training ends.
pub(crate) struct Finishing<'a> {
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    /// How often the winner is cross-validated again.
    pub(crate) repeats: usize,
    /// Called when the winner is fitted.
    pub(crate) fitted: &'a mut dyn FnMut(),
}

/// The winner, fitted on all customers.
pub(crate) fn fit_winner(
    examples: Examples<'_>,
    contest: &Contest<'_>,
    finishing: &mut Finishing<'_>,
) -> Result<ScoringModel, TrainError> {
    let best = contest.best().ok_or(TrainError::NothingTried)?;
    let all: Vec<usize> = (0..examples.label.len()).collect();
    let encoder = Encoder::fit(examples.features, &all);
    let matrix = encoder.encode(examples.features, all.into_iter());
    let sample = Sample { matrix: &matrix, label: examples.label, weight: examples.weight };
    let model = best.params.fit(sample, finishing.seed, finishing.threads)?;
    let threshold = contest.goal.best_threshold(&best.validated.probability, examples.label);
    (finishing.fitted)();
    Ok(ScoringModel { encoder, model, calibration: best.validated.calibration.clone(), threshold })
}

/// Fits the winner on all customers and writes down what it is good for.
pub(crate) fn fit_best(
    examples: Examples<'_>,
    contest: &Contest<'_>,
    finishing: &mut Finishing<'_>,
) -> Result<Trained, TrainError> {
    let best = contest.best().ok_or(TrainError::NothingTried)?;
    let model = fit_winner(examples, contest, finishing)?;
    let (validated, bench) = (&best.validated, contest.bench);
    let order = contest.order();
    let entries: Vec<_> =
        order.iter().map(|&at| (&contest.entries[at].params, &contest.entries[at].validated)).collect();
    let repeated = Repeated::of(examples, &best.params, contest.goal, bench.folds(), finishing)?;
    let artifact = Artifact {
        reference: Reference::of(examples.features, examples.label, &validated.probability),
        golden: golden::choose(&model, examples.features),
        report: Report::of(
            examples.label,
            finishing.seed,
            bench.folds(),
            contest.goal,
            &entries,
            on_its_own(&model, examples),
        ),
        evaluation: Some(Evaluation {
            repeated,
            ..Evaluation::of(examples, &model, validated, contest.goal, finishing.seed)
        }),
        model,
    };
    let leaderboard = order.iter().map(|&at| contest.report(at)).collect();
    Ok(Trained { artifact, out_of_fold: validated.probability.clone(), fold: bench.fold_of.to_vec(), leaderboard })
}

/// The figures of the customers that the model was fitted on.
fn on_its_own(model: &ScoringModel, examples: Examples<'_>) -> Metrics {
    Metrics::at_threshold(&model.predict_all(examples.features), examples.label, model.threshold)
}
