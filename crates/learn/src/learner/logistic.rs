//! Logistic regression with an L2 penalty: fitted by linfa, scored here.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::{Matrix, TrainError};

/// Settings of the logistic regression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticParams {
    /// Weight of half the squared coefficients (of standardised columns) against the sum of the losses: the inverse of
    /// scikit-learn's C. Above 0.
    pub l2: f64,
}

impl Default for LogisticParams {
    fn default() -> Self {
        Self { l2: 1.0 }
    }
}

/// A fitted logistic regression. A missing value counts as the mean of the fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    intercept: f64,
    /// Mean of each column over the rows of the fit that have it.
    mean: Vec<f64>,
    /// Log-odds for one unit of each column above its mean.
    coefficient: Vec<f64>,
}

impl Logistic {
    pub(super) const NAME: &'static str = "logistic";
    /// Beyond this a coefficient is taken for damage: money within its bounds would overflow no sum.
    const MAX_COEFFICIENT: f64 = 1e12;

    pub(super) fn fit(params: &LogisticParams, matrix: &Matrix, label: &[bool]) -> Result<Self, TrainError> {
        let failed = |problem| TrainError::Learner { learner: Self::NAME, problem };
        let scale = Scale::fit(matrix);
        let rows = Array2::from_shape_vec((matrix.rows(), matrix.columns), scale.standardise(matrix))
            .map_err(|error| failed(error.to_string()))?;
        let dataset = Dataset::new(rows, Array1::from(label.to_vec()));
        let fitted = LogisticRegression::default()
            .alpha(params.l2)
            .max_iterations(500)
            .gradient_tolerance(1e-6 * label.len() as f64)
            .fit(&dataset)
            .map_err(|error| failed(error.to_string()))?;
        // linfa counts the larger class as positive; here it is always leaving.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let coefficient =
            fitted.params().iter().zip(&scale.deviation).map(|(weight, deviation)| sign * weight / deviation);
        let model = Self { intercept: sign * fitted.intercept(), coefficient: coefficient.collect(), mean: scale.mean };
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

    pub(super) fn columns(&self) -> usize {
        self.coefficient.len()
    }

    pub(super) fn margins_into(&self, values: &[f32], margins: &mut Vec<f64>) {
        let margin = |row: &[f32]| {
            let terms = row.iter().zip(&self.mean).zip(&self.coefficient);
            terms.fold(self.intercept, |sum, ((&value, mean), coefficient)| {
                let above = if value.is_nan() { 0.0 } else { f64::from(value) - mean };
                sum + above * coefficient
            })
        };
        margins.extend(values.chunks_exact(self.coefficient.len()).map(margin));
    }
}

/// Mean and standard deviation of each column over its values that are not missing.
struct Scale {
    mean: Vec<f64>,
    /// 1 for a column without spread, which then is 0 everywhere and gets the coefficient 0.
    deviation: Vec<f64>,
}

impl Scale {
    fn fit(matrix: &Matrix) -> Self {
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

    fn standardise(&self, matrix: &Matrix) -> Vec<f64> {
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
    struct Case {
        tolerance: f64,
        l2: f64,
        columns: usize,
        values: Vec<f32>,
        label: Vec<bool>,
        expected_margin: Vec<f64>,
    }

    fn case() -> (Matrix, Case) {
        let mut case: Case = serde_json::from_str(include_str!("../../tests/numerical/logistic.json")).unwrap();
        (Matrix { values: std::mem::take(&mut case.values), columns: case.columns }, case)
    }

    #[test]
    fn margins_equal_scikit_learns() {
        let (matrix, case) = case();
        let model = Logistic::fit(&LogisticParams { l2: case.l2 }, &matrix, &case.label).unwrap();
        let mut margins = Vec::new();
        model.margins_into(&matrix.values, &mut margins);
        assert_eq!(margins.len(), case.expected_margin.len());
        for (found, expected) in margins.iter().zip(&case.expected_margin) {
            assert!((found - expected).abs() < case.tolerance, "{found} {expected}");
        }
    }

    #[test]
    fn leaving_is_the_positive_class_whichever_class_is_larger() {
        let (matrix, case) = case();
        let turned: Vec<bool> = case.label.iter().map(|left| !left).collect();
        let fit = |label| Logistic::fit(&LogisticParams::default(), &matrix, label).unwrap();
        let (straight, turned) = (fit(&case.label), fit(&turned));
        for (straight, turned) in straight.coefficient.iter().zip(&turned.coefficient) {
            assert!((straight + turned).abs() < 1e-3, "{straight} {turned}");
        }
    }

    #[test]
    fn a_missing_value_counts_as_the_mean_and_a_constant_column_as_nothing() {
        let values = vec![1.0, 5.0, f32::NAN, 5.0, 3.0, 5.0, 2.0, 5.0];
        let matrix = Matrix { values, columns: 2 };
        let model = Logistic::fit(&LogisticParams::default(), &matrix, &[false, true, true, false]).unwrap();
        assert_eq!((model.mean[0], model.coefficient[1]), (2.0, 0.0));
        let mut margins = Vec::new();
        model.margins_into(&[2.0, 5.0, f32::NAN, 7.0], &mut margins);
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
