//! Logistic regression with an elastic-net penalty: by Newton's steps, each solved by linfa, scored here.
//!
//! A step fits weighted least squares to the working response, as glmnet does (Friedman, Hastie, Tibshirani 2010,
//! "Regularization paths for generalized linear models via coordinate descent", section 3). With the penalty's squared part in
//! it, the weighted Gram matrix has a Cholesky factor, and the step is a lasso on that factor instead of on the customers:
//! its cost does not depend on their number.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_elasticnet::ElasticNet;
use linfa_linalg::cholesky::{Cholesky, SolveC};
use linfa_linalg::triangular::{SolveTriangular, UPLO};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use super::Sample;
use crate::math::sigmoid;
use crate::{Matrix, TrainError};

/// Settings of the logistic regression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticParams {
    /// Weight of the absolute coefficients (of standardised columns) against the sum of the losses: scikit-learn's
    /// `l1_ratio / C`. 0 or more.
    #[serde(default)]
    pub l1: f64,
    /// Weight of half the squared coefficients against the sum of the losses: scikit-learn's `(1 - l1_ratio) / C`. Above 0.
    pub l2: f64,
}

impl Default for LogisticParams {
    fn default() -> Self {
        Self { l1: 0.0, l2: 1.0 }
    }
}

/// A fitted logistic regression. A missing value counts as the mean of the fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    intercept: f64,
    /// Mean of each column over the rows of the fit that have it.
    pub(crate) mean: Vec<f64>,
    /// Log-odds for one unit of each column above its mean.
    pub(crate) coefficient: Vec<f64>,
}

/// Intercept and coefficients of standardised columns.
struct Solution {
    intercept: f64,
    coefficient: Array1<f64>,
}

impl Logistic {
    pub(super) const NAME: &'static str = "logistic";
    /// Beyond this a coefficient is taken for damage: money within its bounds would overflow no sum.
    const MAX_COEFFICIENT: f64 = 1e12;
    /// Newton's method takes about seven steps here; this many mean that something is wrong.
    const MAX_STEPS: usize = 100;
    /// Largest change of a coefficient (for one standard deviation) that counts as none.
    const SETTLED: f64 = 1e-8;

    pub(super) fn fit(params: &LogisticParams, sample: Sample<'_>) -> Result<Self, TrainError> {
        let failed = |problem| TrainError::Learner { learner: Self::NAME, problem };
        let scale = Scale::fit(sample.matrix);
        let shape = (sample.matrix.rows(), sample.matrix.columns);
        let rows = Array2::from_shape_vec(shape, scale.standardise(sample.matrix))
            .map_err(|error| failed(error.to_string()))?;
        let solution = solve(params, &rows, sample).map_err(failed)?;
        let coefficient =
            solution.coefficient.iter().zip(&scale.deviation).map(|(weight, deviation)| weight / deviation);
        let model = Self { intercept: solution.intercept, coefficient: coefficient.collect(), mean: scale.mean };
        model.check().map_err(failed)?;
        Ok(model)
    }

    /// Checks that no row can give anything but a finite margin.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.mean.len() != self.coefficient.len() {
            return Err(format!("{} means for {} coefficients", self.mean.len(), self.coefficient.len()));
        }
        let numbers = self.mean.iter().chain(&self.coefficient).chain([&self.intercept]);
        match numbers.copied().find(|number| number.is_nan() || number.abs() > Self::MAX_COEFFICIENT) {
            Some(number) => Err(format!("{number} is no coefficient or mean")),
            None => Ok(()),
        }
    }

    /// The margin where every column is at its mean.
    pub(crate) fn intercept(&self) -> f64 {
        self.intercept
    }

    pub(super) fn columns(&self) -> usize {
        self.coefficient.len()
    }

    /// The part of the margin that a column brings, 0 at its mean.
    #[inline]
    pub(crate) fn term(&self, column: usize, value: f32) -> f64 {
        let above = if value.is_nan() { 0.0 } else { f64::from(value) - self.mean[column] };
        above * self.coefficient[column]
    }

    pub(super) fn add_margins(&self, values: &[f32], weight: f64, sums: &mut [f64]) {
        for (row, sum) in values.chunks_exact(self.coefficient.len()).zip(sums) {
            let terms = row.iter().enumerate().map(|(column, &value)| self.term(column, value));
            *sum += weight * terms.fold(self.intercept, |sum, term| sum + term);
        }
    }
}

fn solve(params: &LogisticParams, rows: &Array2<f64>, sample: Sample<'_>) -> Result<Solution, String> {
    let label = Array1::from_iter(sample.label.iter().map(|&left| f64::from(u8::from(left))));
    let weight = match sample.weight {
        Some(weight) => weight.iter().map(|&weight| f64::from(weight)).collect(),
        None => Array1::ones(label.len()),
    };
    let share = (&label * &weight).sum() / weight.sum();
    let mut now = Solution { intercept: (share / (1.0 - share)).ln(), coefficient: Array1::zeros(rows.ncols()) };
    let mut loss = penalised_loss(params, rows, &label, &weight, &now);
    for _ in 0..Logistic::MAX_STEPS {
        let mut next = step(params, rows, &label, &weight, &now)?;
        let mut next_loss = penalised_loss(params, rows, &label, &weight, &next);
        // Newton's step may overshoot; half of it, or half of that, does not.
        while next_loss > loss + 1e-9 * loss.abs() && !settled(&now, &next) {
            next = Solution {
                intercept: f64::midpoint(now.intercept, next.intercept),
                coefficient: (&now.coefficient + &next.coefficient) / 2.0,
            };
            next_loss = penalised_loss(params, rows, &label, &weight, &next);
        }
        let done = settled(&now, &next);
        (now, loss) = (next, next_loss);
        if done {
            return Ok(now);
        }
    }
    Err(format!("it did not settle in {} steps", Logistic::MAX_STEPS))
}

fn settled(before: &Solution, after: &Solution) -> bool {
    let moved = before.coefficient.iter().zip(&after.coefficient).map(|(before, after)| (before - after).abs());
    moved.fold((before.intercept - after.intercept).abs(), f64::max) < Logistic::SETTLED
}

fn penalised_loss(
    params: &LogisticParams,
    rows: &Array2<f64>,
    label: &Array1<f64>,
    weight: &Array1<f64>,
    at: &Solution,
) -> f64 {
    let margin = rows.dot(&at.coefficient) + at.intercept;
    // ln(1 + e^m) - y m, without overflow.
    let loss = |((&m, &y), &w): ((&f64, &f64), &f64)| w * (m.max(0.0) + (-m.abs()).exp().ln_1p() - y * m);
    let losses: f64 = margin.iter().zip(label).zip(weight).map(loss).sum();
    let penalty = at.coefficient.iter().map(|c| params.l1 * c.abs() + params.l2 / 2.0 * c * c).sum::<f64>();
    losses + penalty
}

/// Weighted least squares of the working response, penalised; the intercept is not.
fn step(
    params: &LogisticParams,
    rows: &Array2<f64>,
    label: &Array1<f64>,
    weight: &Array1<f64>,
    at: &Solution,
) -> Result<Solution, String> {
    /// A customer the model is certain of has no curvature left; this keeps the working response finite.
    const LEAST_CURVATURE: f64 = 1e-6;
    let margin = rows.dot(&at.coefficient) + at.intercept;
    let probability = margin.mapv(sigmoid);
    let slope = probability.mapv(|p| (p * (1.0 - p)).max(LEAST_CURVATURE));
    let response = &margin + &((label - &probability) / &slope);
    let curvature = &slope * weight;
    let total = curvature.sum();
    let mean = rows.t().dot(&curvature) / total;
    let mean_response = response.dot(&curvature) / total;
    let weighted = rows * &curvature.view().insert_axis(Axis(1));
    let outer = mean.view().insert_axis(Axis(1)).dot(&mean.view().insert_axis(Axis(0)));
    let mut gram = rows.t().dot(&weighted) - outer * total;
    gram.diag_mut().mapv_inplace(|value| value + params.l2);
    let right = weighted.t().dot(&response) - &mean * (total * mean_response);
    let coefficient = if params.l1 == 0.0 {
        gram.solvec(&right.insert_axis(Axis(1))).map_err(|error| error.to_string())?.remove_axis(Axis(1))
    } else {
        lasso(params.l1, &gram, right)?
    };
    Ok(Solution { intercept: mean_response - mean.dot(&coefficient), coefficient })
}

/// Minimises ½ cᵀ gram c - rightᵀ c + l1 |c|: with gram = L Lᵀ, that is a lasso of L⁻¹ right on the rows of Lᵀ.
fn lasso(l1: f64, gram: &Array2<f64>, right: Array1<f64>) -> Result<Array1<f64>, String> {
    let lower = gram.cholesky().map_err(|error| error.to_string())?;
    let response =
        lower.solve_triangular(&right.insert_axis(Axis(1)), UPLO::Lower).map_err(|error| error.to_string())?;
    let rows = lower.reversed_axes();
    let penalty = l1 / rows.nrows() as f64;
    let fitted = ElasticNet::params()
        .l1_ratio(1.0)
        .penalty(penalty)
        .with_intercept(false)
        .tolerance(1e-12)
        .max_iterations(10_000)
        .fit(&Dataset::new(rows, response.remove_axis(Axis(1))))
        .map_err(|error| error.to_string())?;
    Ok(fitted.hyperplane().clone())
}

/// Mean and standard deviation of each column over its values that are not missing.
pub(super) struct Scale {
    pub(super) mean: Vec<f64>,
    /// 1 for a column without spread, which then is 0 everywhere and gets the coefficient 0.
    pub(super) deviation: Vec<f64>,
}

impl Scale {
    pub(super) fn fit(matrix: &Matrix) -> Self {
        let mut count = vec![0.0_f64; matrix.columns];
        let mut mean = vec![0.0_f64; matrix.columns];
        for (column, value) in present(matrix) {
            count[column] += 1.0;
            mean[column] += value;
        }
        // A column without any value has the mean 0.
        mean.iter_mut().zip(&count).for_each(|(sum, count)| *sum /= count.max(1.0));
        let mut deviation = vec![0.0_f64; matrix.columns];
        for (column, value) in present(matrix) {
            deviation[column] += (value - mean[column]).powi(2);
        }
        for (squares, count) in deviation.iter_mut().zip(&count) {
            *squares = (*squares / count.max(1.0)).sqrt();
            if *squares == 0.0 {
                *squares = 1.0;
            }
        }
        Self { mean, deviation }
    }

    pub(super) fn standardise(&self, matrix: &Matrix) -> Vec<f64> {
        let mut standardised = Vec::with_capacity(matrix.values.len());
        for row in matrix.values.chunks_exact(matrix.columns) {
            let scaled = row.iter().zip(&self.mean).zip(&self.deviation).map(|((&value, mean), deviation)| {
                if value.is_nan() { 0.0 } else { (f64::from(value) - mean) / deviation }
            });
            standardised.extend(scaled);
        }
        standardised
    }
}

/// Column and value of everything that is not missing.
fn present(matrix: &Matrix) -> impl Iterator<Item = (usize, f64)> {
    let rows = matrix.values.chunks_exact(matrix.columns);
    rows.flat_map(|row| row.iter().enumerate())
        .filter(|(_, value)| !value.is_nan())
        .map(|(at, &value)| (at, f64::from(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Cases {
        tolerance: f64,
        columns: usize,
        values: Vec<f32>,
        label: Vec<bool>,
        weight: Vec<f32>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        l1: f64,
        l2: f64,
        weighted: bool,
        expected_margin: Vec<f64>,
    }

    fn cases() -> (Matrix, Cases) {
        let mut cases: Cases = serde_json::from_str(include_str!("../../tests/numerical/logistic.json")).unwrap();
        (Matrix { values: std::mem::take(&mut cases.values), columns: cases.columns }, cases)
    }

    fn margins(model: &Logistic, matrix: &Matrix) -> Vec<f64> {
        let mut margins = vec![0.0; matrix.rows()];
        model.add_margins(&matrix.values, 1.0, &mut margins);
        margins
    }

    #[test]
    fn margins_equal_scikit_learns_with_and_without_weights_and_either_penalty() {
        let (matrix, cases) = cases();
        assert!(cases.cases.len() >= 4);
        for case in &cases.cases {
            let weight = case.weighted.then_some(cases.weight.as_slice());
            let sample = Sample { matrix: &matrix, label: &cases.label, weight };
            let model = Logistic::fit(&LogisticParams { l1: case.l1, l2: case.l2 }, sample).unwrap();
            let found = margins(&model, &matrix);
            assert_eq!(found.len(), case.expected_margin.len());
            for (found, expected) in found.iter().zip(&case.expected_margin) {
                assert!(
                    (found - expected).abs() < cases.tolerance,
                    "l1 {} l2 {}: {found} {expected}",
                    case.l1,
                    case.l2
                );
            }
        }
    }

    #[test]
    fn a_heavy_absolute_penalty_leaves_columns_out() {
        let (matrix, cases) = cases();
        let sample = Sample { matrix: &matrix, label: &cases.label, weight: None };
        let coefficients = |l1| Logistic::fit(&LogisticParams { l1, l2: 1.0 }, sample).unwrap().coefficient;
        assert!(coefficients(0.0).iter().all(|&c| c != 0.0));
        assert!(coefficients(12.0).contains(&0.0));
        assert!(coefficients(1e4).iter().all(|&c| c == 0.0));
    }

    #[test]
    fn separated_classes_and_equal_columns_settle() {
        let values: Vec<f32> =
            (0..40_u8).flat_map(|row| [f32::from(row), f32::from(row), f32::from(row % 2)]).collect();
        let matrix = Matrix { values, columns: 3 };
        let label: Vec<bool> = (0..40).map(|row| row >= 20).collect();
        for params in [LogisticParams { l1: 0.0, l2: 1e-3 }, LogisticParams { l1: 0.1, l2: 1e-3 }] {
            let model = Logistic::fit(&params, Sample { matrix: &matrix, label: &label, weight: None }).unwrap();
            let found = margins(&model, &matrix);
            assert!(found[0] < -2.0 && found[39] > 2.0, "{found:?}");
        }
    }

    #[test]
    fn a_missing_value_counts_as_the_mean_and_a_constant_column_as_nothing() {
        let values = vec![1.0, 5.0, f32::NAN, 5.0, 3.0, 5.0, 2.0, 5.0];
        let matrix = Matrix { values, columns: 2 };
        let sample = Sample { matrix: &matrix, label: &[false, true, true, false], weight: None };
        let model = Logistic::fit(&LogisticParams::default(), sample).unwrap();
        assert_eq!((model.mean[0], model.coefficient[1]), (2.0, 0.0));
        let margins = margins(&model, &Matrix { values: vec![2.0, 5.0, f32::NAN, 7.0], columns: 2 });
        assert_eq!(margins[0], margins[1]);
    }

    #[test]
    fn damaged_coefficients_are_refused() {
        let model = |coefficient| Logistic { intercept: 0.0, mean: vec![0.0], coefficient };
        assert!(model(vec![1.0]).check().is_ok());
        for damaged in [vec![f64::NAN], vec![f64::INFINITY], vec![1e300], vec![], vec![1.0, 2.0]] {
            assert!(model(damaged).check().is_err());
        }
    }
}
