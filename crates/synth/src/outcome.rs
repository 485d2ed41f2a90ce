//! Whether a returning customer leaves: a logistic regression on the real customers.
//!
//! A new customer's label is drawn together with its features. A returning customer's features are the earlier ones,
//! changed, so its label is drawn from the probability given them.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::roles::cardinality;
use crate::row::Row;

/// Log-odds of leaving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    intercept: f64,
    /// One weight for each code of each feature, in feature order; a feature that is a number has none.
    codes: Vec<Vec<f64>>,
    /// Weights of [`numbers`].
    numbers: [f64; NUMBERS],
}

const NUMBERS: usize = 3;
const ITERATIONS: usize = 25;
/// Keeps the weights finite where a value decides the label alone; one row's worth of evidence against any weight.
const RIDGE: f64 = 1.0;

/// Tenure bends: the first months decide most, which its square root follows.
fn numbers(row: &Row) -> [f64; NUMBERS] {
    let tenure = f64::from(row.tenure);
    [tenure / 100.0, tenure.sqrt() / 10.0, row.monthly as f64 / 10_000.0]
}

impl Outcome {
    /// Iteratively reweighted least squares with a ridge. None when it leaves the finite numbers.
    pub(crate) fn fit(rows: &[Row]) -> Option<Self> {
        let offsets = offsets();
        let width = offsets.last()? + NUMBERS;
        let inputs: Vec<(Vec<usize>, [f64; NUMBERS])> =
            rows.iter().map(|row| (places(row, &offsets), numbers(row))).collect();
        let mut weights = DVector::<f64>::zeros(width);
        for _ in 0..ITERATIONS {
            let mut hessian = DMatrix::<f64>::identity(width, width) * RIDGE;
            let mut gradient = -&weights * RIDGE;
            for ((places, numbers), row) in inputs.iter().zip(rows) {
                let entries: Vec<(usize, f64)> = std::iter::once((0, 1.0))
                    .chain(places.iter().map(|&place| (place, 1.0)))
                    .chain(numbers.iter().enumerate().map(|(at, &number)| (width - NUMBERS + at, number)))
                    .collect();
                let probability = logistic(entries.iter().map(|&(at, value)| weights[at] * value).sum());
                let error = f64::from(u8::from(row.churned)) - probability;
                let curvature = probability * (1.0 - probability);
                for &(i, left) in &entries {
                    gradient[i] += error * left;
                    for &(j, right) in &entries {
                        hessian[(i, j)] += curvature * left * right;
                    }
                }
            }
            let step = hessian.cholesky()?.solve(&gradient);
            weights += &step;
            if step.amax() < 1e-9 {
                break;
            }
        }
        let codes =
            (0..offsets.len() - 1).map(|at| weights.as_slice()[offsets[at]..offsets[at + 1]].to_vec()).collect();
        let outcome =
            Self { intercept: weights[0], codes, numbers: std::array::from_fn(|at| weights[width - NUMBERS + at]) };
        outcome.is_sound().then_some(outcome)
    }

    /// Probability that the customer leaves.
    pub(crate) fn probability(&self, row: &Row) -> f64 {
        let codes: f64 = self
            .codes
            .iter()
            .zip(&row.codes)
            .map(|(weights, &code)| weights.get(usize::from(code)).copied().unwrap_or(0.0))
            .sum();
        let numbers: f64 = self.numbers.iter().zip(numbers(row)).map(|(weight, number)| weight * number).sum();
        logistic(self.intercept + codes + numbers)
    }

    pub(crate) fn is_sound(&self) -> bool {
        let offsets = offsets();
        self.codes.len() == offsets.len() - 1
            && self.codes.iter().enumerate().all(|(at, weights)| weights.len() == offsets[at + 1] - offsets[at])
            && self
                .codes
                .iter()
                .flatten()
                .chain(&self.numbers)
                .chain([&self.intercept])
                .all(|weight| weight.is_finite())
    }
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// First weight of each feature, after the intercept, and the end.
fn offsets() -> Vec<usize> {
    let mut offsets = vec![1];
    for feature in 0..churn_domain::FEATURE_COUNT {
        offsets.push(offsets[feature] + cardinality(feature));
    }
    offsets
}

fn places(row: &Row, offsets: &[usize]) -> Vec<usize> {
    (0..churn_domain::FEATURE_COUNT)
        .filter(|&feature| cardinality(feature) > 0)
        .map(|feature| offsets[feature] + usize::from(row.codes[feature]))
        .collect()
}
