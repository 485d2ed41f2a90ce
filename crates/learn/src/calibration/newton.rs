//! Logistic regression with two or three coefficients, by Newton's method.

use crate::math::sigmoid;

/// Newton's method takes about six steps; this many mean that there is no maximum.
const STEPS: usize = 100;
/// Largest change of the coefficients that counts as none.
const SETTLED: f64 = 1e-10;

/// The coefficients with the greatest likelihood of the targets (from 0 to 1), from a start. `None` where they do not settle.
pub(super) fn fit<const N: usize>(rows: &[[f64; N]], targets: &[f64], start: [f64; N]) -> Option<[f64; N]> {
    let mut coefficients = start;
    let mut now = loss(rows, targets, &coefficients);
    for _ in 0..STEPS {
        let (mut gradient, mut hessian) = ([0.0; N], [[0.0; N]; N]);
        for (row, target) in rows.iter().zip(targets) {
            let probability = sigmoid(margin(row, &coefficients));
            let weight = probability * (1.0 - probability);
            for i in 0..N {
                gradient[i] += (probability - target) * row[i];
                for j in 0..N {
                    hessian[i][j] += weight * row[i] * row[j];
                }
            }
        }
        let mut step = solve(hessian, gradient)?;
        let size = |step: &[f64; N]| step.iter().map(|step| step.abs()).sum::<f64>();
        let ahead = |step: &[f64; N]| std::array::from_fn(|at| coefficients[at] - step[at]);
        let mut next = loss(rows, targets, &ahead(&step));
        // Where the curve is far from a parabola a whole step leads away from the maximum; some part of it does not.
        while next > now && size(&step) >= SETTLED {
            step = step.map(|step| step / 2.0);
            next = loss(rows, targets, &ahead(&step));
        }
        coefficients = ahead(&step);
        now = next;
        if size(&step) < SETTLED {
            return Some(coefficients);
        }
    }
    None
}

fn margin<const N: usize>(row: &[f64; N], coefficients: &[f64; N]) -> f64 {
    row.iter().zip(coefficients).map(|(value, coefficient)| value * coefficient).sum()
}

/// Negative log-likelihood.
fn loss<const N: usize>(rows: &[[f64; N]], targets: &[f64], coefficients: &[f64; N]) -> f64 {
    let of = |(row, target): (&[f64; N], &f64)| {
        let margin = margin(row, coefficients);
        margin.max(0.0) + (-margin.abs()).exp().ln_1p() - target * margin
    };
    rows.iter().zip(targets).map(of).sum()
}

/// Solves the equations by elimination with the largest pivots. `None` where there is no single solution.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let pivot = (column..N).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let scale = matrix[column][column];
        if !scale.is_normal() {
            return None;
        }
        for row in (0..N).filter(|&row| row != column) {
            let factor = matrix[row][column] / scale;
            let pivot = matrix[column];
            matrix[row].iter_mut().zip(pivot).skip(column).for_each(|(value, pivot)| *value -= factor * pivot);
            right[row] -= factor * right[column];
        }
    }
    let solution: [f64; N] = std::array::from_fn(|row| right[row] / matrix[row][row]);
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}
