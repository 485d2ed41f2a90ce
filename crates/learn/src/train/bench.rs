//! The bench that learners are tried on: folds encoded once, fits side by side.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::Examples;
use crate::learner::Sample;
use crate::metrics::log_loss;
use crate::{Calibration, Encoder, LearnerParams, Matrix, Model, TrainError};

/// Customers split into folds, each encoded by an encoder fitted on the other folds.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) label: &'a [bool],
    pub(crate) fold_of: &'a [usize],
    folds: Vec<Fold>,
    seed: u64,
    threads: usize,
}

/// One fold held out.
#[derive(Debug)]
struct Fold {
    /// The others, encoded.
    others: Matrix,
    other_label: Vec<bool>,
    other_weight: Option<Vec<f32>>,
    /// Those held out, encoded.
    held_out: Matrix,
    /// Their rows in the table.
    rows: Vec<usize>,
}

/// A learner's answers about customers that it had not seen.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    /// The learner; where its number of trees was open, with the number that did best.
    pub(crate) params: LearnerParams,
    /// The margin of each customer.
    pub(crate) margins: Vec<f64>,
    /// What the fits on the folds took, added up; only as good as the clock.
    pub(crate) seconds: f64,
    /// What scoring one encoded row took.
    pub(crate) seconds_a_row: f64,
}

/// What came of one fit.
#[derive(Clone, Debug)]
struct Fit {
    /// The margins of those held out, for each stage.
    stages: Vec<Vec<f64>>,
    fitting: f64,
    scoring: f64,
}

/// A clock: seconds since some moment. The crate knows none of its own.
pub(crate) type Clock<'a> = &'a (dyn Fn() -> f64 + Sync);

impl<'a> Bench<'a> {
    /// Encodes the folds.
    pub(crate) fn new(examples: Examples<'a>, fold_of: &'a [usize], folds: usize, seed: u64, threads: usize) -> Self {
        let folds = (0..folds).map(|fold| Fold::new(examples, fold_of, fold)).collect();
        Self { label: examples.label, fold_of, folds, seed, threads }
    }

    pub(crate) fn folds(&self) -> usize {
        self.folds.len()
    }

    /// Fits each of the learners on all folds but one, for each fold, up to `threads` fits at the same time. With `open`, a
    /// number of trees is the most there may be, and the number with the least log-loss over all folds is taken.
    ///
    /// Stops early when `stop` says so before a fit of the learner at that position: what comes back are the first learners
    /// whose fits are all done. `done` is called on this thread after each fit, with the learner's position and the fold.
    ///
    /// # Errors
    /// The first learner that gives up.
    pub(crate) fn try_all(
        &self,
        learners: &[LearnerParams],
        open: bool,
        clock: Clock<'_>,
        stop: &(dyn Fn(usize) -> bool + Sync),
        done: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<Tried>, TrainError> {
        let tasks = learners.len() * self.folds.len();
        let mut fits: Vec<Option<Fit>> = vec![None; tasks];
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(false);
        let (sender, receiver) = mpsc::channel::<(usize, Result<Fit, TrainError>)>();
        std::thread::scope(|scope| {
            for _ in 0..self.threads.min(tasks) {
                let (sender, next, failed) = (sender.clone(), &next, &failed);
                scope.spawn(move || {
                    loop {
                        let task = next.fetch_add(1, Ordering::Relaxed);
                        let (learner, fold) = (task / self.folds.len(), task % self.folds.len());
                        if task >= tasks || stop(learner) || failed.lock().is_ok_and(|failed| *failed) {
                            return;
                        }
                        let fitted = self.folds[fold].fit(&learners[learner], open, self.seed, clock);
                        if fitted.is_err()
                            && let Ok(mut failed) = failed.lock()
                        {
                            *failed = true;
                        }
                        if sender.send((task, fitted)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for (task, fitted) in receiver {
                fits[task] = Some(fitted?);
                done(task / self.folds.len(), task % self.folds.len());
            }
            Ok(())
        })?;
        let tried = learners.iter().zip(fits.chunks(self.folds.len())).map_while(|(learner, fits)| {
            let fits: Vec<&Fit> = fits.iter().map_while(Option::as_ref).collect();
            (fits.len() == self.folds.len()).then(|| self.gather(learner, &fits))
        });
        Ok(tried.collect())
    }

    /// Puts the folds' margins together, by the stage that does best over all of them.
    fn gather(&self, learner: &LearnerParams, fits: &[&Fit]) -> Tried {
        let of_stage = |stage: usize| {
            let mut margins = vec![0.0; self.label.len()];
            for (fold, fit) in self.folds.iter().zip(fits) {
                fold.rows.iter().zip(&fit.stages[stage]).for_each(|(&row, &margin)| margins[row] = margin);
            }
            margins
        };
        let loss = |margins: &[f64]| log_loss(&Calibration::None.probabilities(margins), self.label);
        let stages = fits.first().map_or(0, |fit| fit.stages.len());
        let mut best = (0, of_stage(0));
        let mut best_loss = loss(&best.1);
        for stage in 1..stages {
            let margins = of_stage(stage);
            let stage_loss = loss(&margins);
            if stage_loss < best_loss {
                (best, best_loss) = ((stage, margins), stage_loss);
            }
        }
        let mut params = learner.clone();
        if let LearnerParams::BoostedTrees(trees) = &mut params
            && stages > 1
        {
            trees.trees = stage_counts(trees.trees)[best.0];
        }
        Tried {
            params,
            margins: best.1,
            seconds: fits.iter().map(|fit| fit.fitting).sum(),
            seconds_a_row: fits.iter().map(|fit| fit.scoring).sum::<f64>() / self.label.len() as f64,
        }
    }
}

impl Fold {
    fn new(examples: Examples<'_>, fold_of: &[usize], fold: usize) -> Self {
        let (rows, others): (Vec<usize>, Vec<usize>) = (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
        let encoder = Encoder::fit(examples.features, &others);
        Self {
            others: encoder.encode(examples.features, others.iter().copied()),
            other_label: others.iter().map(|&row| examples.label[row]).collect(),
            other_weight: examples.weight.map(|weight| others.iter().map(|&row| weight[row]).collect()),
            held_out: encoder.encode(examples.features, rows.iter().copied()),
            rows,
        }
    }

    /// Fits a learner on the others and scores those held out.
    fn fit(&self, learner: &LearnerParams, open: bool, seed: u64, clock: Clock<'_>) -> Result<Fit, TrainError> {
        let sample = Sample { matrix: &self.others, label: &self.other_label, weight: self.other_weight.as_deref() };
        let start = clock();
        let model = learner.fit(sample, seed, 1)?;
        let fitted = clock();
        let stages = match (&model, learner) {
            (Model::BoostedTrees(trees), LearnerParams::BoostedTrees(params)) if open => {
                trees.staged_margins(&self.held_out.values, &stage_counts(params.trees))
            }
            _ => vec![model.margins(&self.held_out)],
        };
        Ok(Fit { stages, fitting: fitted - start, scoring: clock() - fitted })
    }
}

/// The numbers of trees that are compared when the number is open: sixteenths of the most there may be, from a quarter on.
fn stage_counts(most: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = (4..=16).map(|part| (most * part / 16).max(1)).collect();
    counts.dedup();
    counts
}
