//! A logistic regression that tells two sets of rows apart.

const FOLDS: usize = 5;
/// Steps of Newton's method at most.
const STEPS: usize = 12;
/// Weight of the penalty on coefficients, as of one row.
const RIDGE: f64 = 1.0;

/// Area under the ROC curve over all rows, each judged by a model of the other folds. Folds take every fifth row.
pub(super) fn area(before: &[Vec<f64>], after: &[Vec<f64>]) -> f64 {
    let rows = || {
        let side = |rows: &'_ [Vec<f64>], is_after: bool| -> Vec<(usize, bool)> {
            (0..rows.len()).map(|at| (at, is_after)).collect()
        };
        [side(before, false), side(after, true)].concat()
    };
    let row = |(at, is_after): (usize, bool)| if is_after { &after[at] } else { &before[at] };
    let mut scored = Vec::with_capacity(before.len() + after.len());
    for fold in 0..FOLDS {
        let (test, train): (Vec<_>, Vec<_>) = rows().into_iter().partition(|(at, _)| at % FOLDS == fold);
        let coefficients = fit(&train.iter().map(|&place| (row(place).as_slice(), place.1)).collect::<Vec<_>>());
        scored.extend(test.into_iter().map(|place| (score(&coefficients, row(place)), place.1)));
    }
    ranked(scored)
}

/// The probability that a random row of the second side scores higher than one of the first; ties count half.
fn ranked(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut won, mut positives) = (0.0, 0.0, 0.0);
    for ties in scored.chunk_by(|a, b| a.0 == b.0) {
        let after = ties.iter().filter(|row| row.1).count() as f64;
        let before = ties.len() as f64 - after;
        won += after * (below + before / 2.0);
        below += before;
        positives += after;
    }
    won / (below * positives)
}

fn score(coefficients: &[f64], row: &[f64]) -> f64 {
    coefficients[0] + row.iter().zip(&coefficients[1..]).map(|(value, weight)| value * weight).sum::<f64>()
}

/// Newton's method with a ridge; each side weighs as much as the other. The intercept comes first.
fn fit(rows: &[(&[f64], bool)]) -> Vec<f64> {
    let width = rows.first().map_or(0, |(row, _)| row.len()) + 1;
    let after = rows.iter().filter(|(_, is_after)| *is_after).count() as f64;
    let half = rows.len() as f64 / 2.0;
    let weights = [half / (rows.len() as f64 - after).max(1.0), half / after.max(1.0)];
    let mut coefficients = vec![0.0; width];
    for _ in 0..STEPS {
        let mut gradient: Vec<f64> = coefficients.iter().map(|c| RIDGE * c).collect();
        let mut curvature = vec![vec![0.0; width]; width];
        (1..width).for_each(|at| curvature[at][at] = RIDGE);
        gradient[0] = 0.0;
        let mut full = vec![1.0; width];
        for (row, is_after) in rows {
            full[1..].copy_from_slice(row);
            let p = 1.0 / (1.0 + (-score(&coefficients, row)).exp());
            let weight = weights[usize::from(*is_after)];
            let error = weight * (p - f64::from(u8::from(*is_after)));
            let slope = weight * (p * (1.0 - p)).max(1e-9);
            for (at, &value) in full.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                gradient[at] += error * value;
                let scaled = slope * value;
                curvature[at].iter_mut().zip(&full).for_each(|(sum, other)| *sum += scaled * other);
            }
        }
        let step = solve(curvature, gradient);
        coefficients.iter_mut().zip(&step).for_each(|(coefficient, step)| *coefficient -= step);
        if step.iter().all(|step| step.abs() < 1e-6) {
            break;
        }
    }
    coefficients
}

/// Gauss's elimination with the largest pivot; what cannot be solved for stays 0.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let width = right.len();
    for at in 0..width {
        let pivot = (at..width).max_by(|a, b| matrix[*a][at].abs().total_cmp(&matrix[*b][at].abs())).unwrap_or(at);
        matrix.swap(at, pivot);
        right.swap(at, pivot);
        if matrix[at][at].abs() < 1e-12 {
            continue;
        }
        for below in at + 1..width {
            let factor = matrix[below][at] / matrix[at][at];
            let (upper, lower) = matrix.split_at_mut(below);
            lower[0].iter_mut().zip(&upper[at]).skip(at).for_each(|(value, from)| *value -= factor * from);
            right[below] -= factor * right[at];
        }
    }
    let mut solution = vec![0.0; width];
    for at in (0..width).rev() {
        let known: f64 = (at + 1..width).map(|other| matrix[at][other] * solution[other]).sum();
        if matrix[at][at].abs() >= 1e-12 {
            solution[at] = (right[at] - known) / matrix[at][at];
        }
    }
    solution
}
