//! Nested cross-validation: the whole search, calibration and threshold see only the folds that are not judged.

use super::{Budget, SearchParams, SearchStep, fit_winner, run};
use crate::{Examples, TrainError};

/// The probability of each customer by a search of its own on the customers of all other folds. The budget is for all
/// searches together. `watch` gets the fold of `fold_of` that is held out, and what its search does.
///
/// # Errors
/// As [`search`](super::search), with the fold that is at fault; and when `fold_of` does not name at least two folds, one a customer.
pub fn nested(
    examples: Examples<'_>,
    fold_of: &[u32],
    params: &SearchParams,
    clock: &(dyn Fn() -> f64 + Sync),
    watch: &mut dyn FnMut(u32, SearchStep),
) -> Result<Vec<f64>, TrainError> {
    if fold_of.len() != examples.label.len() {
        return Err(TrainError::Ragged { features: fold_of.len(), label: examples.label.len() });
    }
    let mut folds = fold_of.to_vec();
    folds.sort_unstable();
    folds.dedup();
    crate::learner::check("folds", &folds.len(), folds.len() >= 2, "at least two different ones")?;
    let mut probability = vec![0.0; fold_of.len()];
    for (done, &fold) in folds.iter().enumerate() {
        let (held_out, others): (Vec<usize>, Vec<usize>) = (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
        let began = clock();
        let left = (folds.len() - done) as f64;
        let seconds = params.budget.seconds.map(|seconds| ((seconds - began) / left).max(0.01));
        let params = SearchParams { budget: Budget { seconds, ..params.budget }, ..params.clone() };
        let features = examples.features.select(others.iter().copied());
        let label: Vec<bool> = others.iter().map(|&row| examples.label[row]).collect();
        let weight: Option<Vec<f32>> = examples.weight.map(|weight| others.iter().map(|&row| weight[row]).collect());
        let others = Examples { features: &features, label: &label, weight: weight.as_deref() };
        let since = move || clock() - began;
        let model = run(others, &params, &since, &mut |step| watch(fold, step), fit_winner)?;
        let found = model.predict_all(&examples.features.select(held_out.iter().copied()));
        held_out.into_iter().zip(found).for_each(|(row, found)| probability[row] = found);
    }
    Ok(probability)
}
