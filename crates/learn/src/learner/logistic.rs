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
        let coefficient = fitted.params().iter().zip(&scale.deviation).map(|(weight, deviation)| sign * weight / deviation);
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
        match numbers.copied().find(|number| !(number.abs() <= Self::MAX_COEFFICIENT)) {
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
        let (mut count, mut sum, mut squares) =
            (vec![0.0; matrix.columns], vec![0.0; matrix.columns], vec![0.0; matrix.columns]);
        let present = |row: &[f32], mut each: Box<dyn FnMut(usize, f64) + '_>| {
            row.iter().enumerate().filter(|(_, value)| !value.is_nan()).for_each(|(at, &value)| each(at, f64::from(value)));
        };
        for row in matrix.values.chunks_exact(matrix.columns) {
            present(row, Box::new(|at, value| (count[at], sum[at]) = (count[at] + 1.0, sum[at] + value)));
        }
        let mean: Vec<f64> = sum.iter().zip(&count).map(|(sum, count): (&f64, &f64)| sum / count.max(1.0)).collect();
        for row in matrix.values.chunks_exact(matrix.columns) {
            present(row, Box::new(|at, value| squares[at] += (value - mean[at]).powi(2)));
        }
        let deviation = |(squares, count): (&f64, &f64)| match (squares / count.max(1.0)).sqrt() {
            deviation if deviation > 0.0 => deviation,
            _ => 1.0,
        };
        let deviation = squares.iter().zip(&count).map(deviation).collect();
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
