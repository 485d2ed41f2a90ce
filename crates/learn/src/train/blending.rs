//! Which learners to add up: greedy selection on the margins out of fold.
//!
//! Caruana, Niculescu-Mizil, Crew and Ksikes 2004, "Ensemble selection from libraries of models", with margins in the place of
//! probabilities: start with the best learner, add (again and again, the same ones too) the one that lowers the log-loss of
//! the mean most. The weights are shares of few additions, so there is little to overfit. What a blend is judged by comes from
//! weights that were chosen without the fold that is judged.

use super::bench::Tried;
use crate::{BlendParams, LearnerParams, MemberParams};

/// Additions at most: more only move weights by less than 1/20.
const ADDITIONS: usize = 20;
/// Different members at most, and trees in all of them: what a score may cost.
const MEMBERS: usize = 4;
const TREES: usize = 1_200;
/// An addition must lower the mean log-loss by this much; anything less is chance.
const GAIN: f64 = 2e-6;

/// A blend of learners that were tried.
#[derive(Clone, Debug)]
pub(crate) struct Blended {
    pub(crate) params: LearnerParams,
    /// The margin of each customer, by weights chosen on the other folds.
    pub(crate) margins: Vec<f64>,
}

/// Chooses weights, on all customers for the blend and without each fold for its margins. None when one learner alone does
/// best.
pub(crate) fn blend(
    tried: &[&Tried],
    label: &[bool],
    fold_of: &[usize],
    folds: usize,
    threads: usize,
) -> Option<Blended> {
    let all: Vec<usize> = (0..label.len()).collect();
    let weights = weigh(tried, label, &all);
    if weights.iter().filter(|&&weight| weight > 0.0).count() < 2 {
        return None;
    }
    let mut margins = vec![0.0; label.len()];
    let of_fold = |fold: usize| {
        let (held_out, others): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&row| fold_of[row] == fold);
        (held_out, weigh(tried, label, &others))
    };
    let workers = threads.clamp(1, folds);
    let found: Vec<(Vec<usize>, Vec<f64>)> = std::thread::scope(|scope| {
        let of_fold = &of_fold;
        let share = |worker| scope.spawn(move || (worker..folds).step_by(workers).map(of_fold).collect::<Vec<_>>());
        let shares: Vec<_> = (0..workers).map(share).collect();
        shares
            .into_iter()
            .flat_map(|share| share.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    for (held_out, weights) in found {
        for row in held_out {
            margins[row] = tried.iter().zip(&weights).map(|(tried, weight)| weight * tried.margins[row]).sum();
        }
    }
    let members = tried.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
    let members = members.map(|(tried, &weight)| MemberParams { weight, params: tried.params.clone() }).collect();
    Some(Blended { params: LearnerParams::Blend(BlendParams { members }), margins })
}

/// Weight of each learner, adding up to 1.
fn weigh(tried: &[&Tried], label: &[bool], rows: &[usize]) -> Vec<f64> {
    // Leaving counts -1, so that the loss is the same function of either class.
    let sign: Vec<f64> = rows.iter().map(|&row| if label[row] { -1.0 } else { 1.0 }).collect();
    let margins: Vec<Vec<f64>> =
        tried.iter().map(|tried| rows.iter().map(|&row| tried.margins[row]).collect()).collect();
    let mut counts = vec![0_usize; tried.len()];
    let mut sum = vec![0.0; rows.len()];
    let mut best_loss = f64::INFINITY;
    for additions in 1..=ADDITIONS {
        let mut best: Option<(usize, f64)> = None;
        for candidate in (0..tried.len()).filter(|&candidate| affordable(tried, &counts, candidate)) {
            let loss = mean_loss(&sum, &margins[candidate], &sign, additions as f64);
            if best.is_none_or(|(_, best)| loss < best) {
                best = Some((candidate, loss));
            }
        }
        let Some((candidate, loss)) = best.filter(|&(_, loss)| loss < best_loss - GAIN) else { break };
        best_loss = loss;
        counts[candidate] += 1;
        sum.iter_mut().zip(&margins[candidate]).for_each(|(sum, margin)| *sum += margin);
    }
    let total = counts.iter().sum::<usize>().max(1) as f64;
    counts.iter().map(|&count| count as f64 / total).collect()
}

fn mean_loss(sum: &[f64], candidate: &[f64], sign: &[f64], additions: f64) -> f64 {
    let loss = |((sum, margin), sign): ((&f64, &f64), &f64)| {
        let wrong = sign * (sum + margin) / additions;
        wrong.max(0.0) + (-wrong.abs()).exp().ln_1p()
    };
    sum.iter().zip(candidate).zip(sign).map(loss).sum::<f64>() / sign.len() as f64
}

fn affordable(tried: &[&Tried], counts: &[usize], candidate: usize) -> bool {
    let members = || (0..tried.len()).filter(|&at| counts[at] > 0 || at == candidate);
    let trees = |at: usize| match &tried[at].params {
        LearnerParams::BoostedTrees(params) => params.trees,
        _ => 0,
    };
    counts[candidate] > 0 || (members().count() <= MEMBERS && members().map(trees).sum::<usize>() <= TREES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{sigmoid, split_mix};
    use crate::metrics::log_loss;
    use crate::{LogisticParams, TreeParams, stratified_folds};

    fn unit(seed: u64) -> f64 {
        (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Learners that each see the truth through a noise of their own.
    fn tried(noises: &[f64]) -> (Vec<Tried>, Vec<bool>) {
        let truth: Vec<f64> = (0..3_000).map(|row| 4.0 * unit(row) - 2.0).collect();
        let label = truth.iter().zip(50_000..).map(|(&m, seed)| unit(seed) < sigmoid(m)).collect();
        let learner = |(at, &noise): (usize, &f64)| Tried {
            params: LearnerParams::Logistic(LogisticParams { l1: 0.0, l2: 1.0 + at as f64 }),
            margins: truth
                .iter()
                .zip(1_000_000 * (at as u64 + 1)..)
                .map(|(m, s)| m + noise * (2.0 * unit(s) - 1.0))
                .collect(),
            seconds: 0.0,
            seconds_a_row: 0.0,
        };
        (noises.iter().enumerate().map(learner).collect(), label)
    }

    fn loss(margins: &[f64], label: &[bool]) -> f64 {
        log_loss(&margins.iter().map(|&m| sigmoid(m)).collect::<Vec<_>>(), label)
    }

    #[test]
    fn different_errors_are_averaged_out_and_a_useless_learner_is_left_out() {
        let (tried, label) = tried(&[2.0, 2.0, 60.0]);
        let all: Vec<&Tried> = tried.iter().collect();
        let blended = blend(&all, &label, &stratified_folds(&label, 5, 1), 5, 2).unwrap();
        let alone = tried.iter().map(|tried| loss(&tried.margins, &label)).fold(f64::INFINITY, f64::min);
        assert!(loss(&blended.margins, &label) < alone - 0.01);
        let LearnerParams::Blend(BlendParams { members }) = blended.params else { panic!() };
        assert_eq!(members.len(), 2);
        assert!((members.iter().map(|member| member.weight).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn one_learner_that_knows_everything_is_not_blended() {
        let (tried, label) = tried(&[0.0, 40.0]);
        let all: Vec<&Tried> = tried.iter().collect();
        assert!(blend(&all, &label, &stratified_folds(&label, 5, 1), 5, 1).is_none());
    }

    #[test]
    fn a_blend_has_no_more_trees_than_a_score_may_cost() {
        let (mut tried, label) = tried(&[2.0, 2.0, 2.0]);
        for (tried, trees) in tried.iter_mut().zip([700, 600, 400]) {
            tried.params = LearnerParams::BoostedTrees(TreeParams { trees, ..TreeParams::default() });
        }
        let all: Vec<&Tried> = tried.iter().collect();
        let weights = weigh(&all, &label, &(0..label.len()).collect::<Vec<_>>());
        let trees: usize = weights.iter().zip([700, 600, 400]).filter(|(w, _)| **w > 0.0).map(|(_, trees)| trees).sum();
        assert!((700..=TREES).contains(&trees), "{weights:?}");
    }
}
