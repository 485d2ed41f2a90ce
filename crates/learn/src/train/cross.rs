//! Cross-validation without leaks: encoder, model, calibration and threshold of a fold come from the other folds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::{Examples, TrainParams, TrainStep};
use crate::calibration::{self, Calibration};
use crate::metrics::{Metrics, best_f1_threshold};
use crate::{Encoder, LearnerParams, TrainError};

/// A learner's answers about customers it had not seen.
#[derive(Clone, Debug)]
pub struct CrossValidated {
    /// Probability of each customer.
    pub probability: Vec<f64>,
    /// Figures over all customers, decided at the threshold that the other folds chose.
    pub metrics: Metrics,
    /// Log-loss without calibration.
    pub raw_log_loss: f64,
    /// The calibration chosen, fitted on all out-of-fold margins.
    pub calibration: Calibration,
}

struct Task<'a> {
    learner: &'a LearnerParams,
    learner_at: usize,
    fold: usize,
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
    let mut tasks = Vec::new();
    for (learner_at, learner) in params.learners.iter().enumerate() {
        tasks.extend((0..params.folds).map(|fold| Task { learner, learner_at, fold }));
    }
    let mut margins = vec![vec![0.0; fold_of.len()]; params.learners.len()];
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..params.threads.min(tasks.len()) {
            let (sender, next, tasks) = (sender.clone(), &next, &tasks);
            scope.spawn(move || {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = held_out_margins(examples, task, params.seed, fold_of);
                    if sender.send((task, answer)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        // An error drops the receiver, and the workers stop after their current fit.
        for (task, answer) in receiver {
            for (row, margin) in answer? {
                margins[task.learner_at][row] = margin;
            }
            done(TrainStep::Fold { learner: task.learner.name(), fold: task.fold });
        }
        Ok(())
    })?;
    Ok(margins.iter().map(|margins| judge(margins, examples.label, fold_of, params.folds)).collect())
}

/// The margins of a fold by a model fitted on the others.
fn held_out_margins(
    examples: Examples<'_>,
    task: &Task<'_>,
    seed: u64,
    fold_of: &[usize],
) -> Result<Vec<(usize, f64)>, TrainError> {
    let (held_out, others): (Vec<usize>, Vec<usize>) = (0..fold_of.len()).partition(|&row| fold_of[row] == task.fold);
    let encoder = Encoder::fit(examples.features, &others);
    let label: Vec<bool> = others.iter().map(|&row| examples.label[row]).collect();
    let matrix = encoder.encode(examples.features, others.iter().copied());
    let model = task.learner.fit(&matrix, &label, seed, 1)?;
    let margins = model.margins(&encoder.encode(examples.features, held_out.iter().copied()));
    Ok(held_out.into_iter().zip(margins).collect())
}

fn judge(margins: &[f64], label: &[bool], fold_of: &[usize], folds: usize) -> CrossValidated {
    let chosen = calibration::choose(margins, label, fold_of, folds);
    let decision = decide(&chosen.probability, label, fold_of, folds);
    CrossValidated {
        metrics: Metrics::of(&chosen.probability, &decision, label),
        probability: chosen.probability,
        raw_log_loss: chosen.raw_log_loss,
        calibration: chosen.calibration,
    }
}

/// Decides each fold at the threshold that is best on the others.
fn decide(probability: &[f64], label: &[bool], fold_of: &[usize], folds: usize) -> Vec<bool> {
    let mut decision = vec![false; label.len()];
    for fold in 0..folds {
        let (other_probability, other_label): (Vec<f64>, Vec<bool>) =
            (0..label.len()).filter(|&row| fold_of[row] != fold).map(|row| (probability[row], label[row])).unzip();
        let threshold = best_f1_threshold(&other_probability, &other_label);
        for row in (0..label.len()).filter(|&row| fold_of[row] == fold) {
            decision[row] = probability[row] >= threshold;
        }
    }
    decision
}
