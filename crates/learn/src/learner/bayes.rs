//! Gaussian naive Bayes: fitted by linfa, scored here.
//!
//! Each column's log-likelihood ratio of two normal distributions is a parabola, so the margin is a sum of parabolas.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_bayes::{GaussianNb, NaiveBayes as _};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::Sample;
use super::logistic::Scale;
use crate::TrainError;

/// Settings of naive Bayes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BayesParams {
    /// Added to the variance of each standardised column in either class, from 0.001 to 10: the larger, the less a rare word
    /// can say.
    pub smoothing: f64,
}

impl Default for BayesParams {
    fn default() -> Self {
        Self { smoothing: 1.0 }
    }
}

/// A fitted naive Bayes. A missing value counts as the mean of the fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NaiveBayes {
    intercept: f64,
    /// Mean of each column over the rows of the fit that have it.
    pub(crate) mean: Vec<f64>,
    /// Log-odds for the distance from the mean.
    pub(crate) linear: Vec<f64>,
    /// Log-odds for the squared distance from the mean.
    pub(crate) square: Vec<f64>,
    /// What each column brings on average over the customers of the fit.
    pub(crate) expected: Vec<f64>,
}

impl NaiveBayes {
    pub(super) const NAME: &'static str = "naive_bayes";
    /// A column further from its mean than this many deviations says no more than one that is as far as this.
    const FAR: f64 = 1e6;

    pub(super) fn fit(params: &BayesParams, sample: Sample<'_>) -> Result<Self, TrainError> {
        let failed = |problem| TrainError::Learner { learner: Self::NAME, problem };
        if sample.weight.is_some() {
            return Err(failed("it cannot count some customers more than others".into()));
        }
        let columns = sample.matrix.columns;
        let scale = Scale::fit(sample.matrix);
        let rows = Array2::from_shape_vec((sample.matrix.rows(), columns), scale.standardise(sample.matrix))
            .map_err(|error| failed(error.to_string()))?;
        let classes = Array1::from_iter(sample.label.iter().map(|&left| usize::from(left)));
        let fitted = GaussianNb::params()
            .var_smoothing(params.smoothing)
            .fit(&Dataset::new(rows, classes))
            .map_err(|error| failed(error.to_string()))?;
        // The parabola of a column is known from the ratio at three points.
        let probes = Array2::from_shape_fn((2 * columns + 1, columns), |(probe, column)| match probe {
            probe if probe == column => 1.0,
            probe if probe == columns + column => -1.0,
            _ => 0.0,
        });
        let likelihood = fitted.joint_log_likelihood(probes.view());
        let (Some(left), Some(stayed)) = (likelihood.get(&1), likelihood.get(&0)) else {
            return Err(failed("it needs both classes".into()));
        };
        let ratio = left - stayed;
        let at_mean = ratio[2 * columns];
        let parabola = |column: usize| {
            let (above, below) = (ratio[column] - at_mean, ratio[columns + column] - at_mean);
            let deviation = scale.deviation[column];
            ((above - below) / 2.0 / deviation, (above + below) / 2.0 / (deviation * deviation))
        };
        let (linear, square) = (0..columns).map(parabola).unzip();
        let mut model = Self { intercept: at_mean, mean: scale.mean, linear, square, expected: vec![0.0; columns] };
        for row in sample.matrix.values.chunks_exact(columns) {
            let terms = row.iter().enumerate().map(|(column, &value)| model.term(column, value)).collect::<Vec<_>>();
            model.expected.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term / sample.label.len() as f64);
        }
        model.check().map_err(failed)?;
        Ok(model)
    }

    /// Checks that no row can give anything but a finite margin.
    pub(crate) fn check(&self) -> Result<(), String> {
        let lists = [&self.mean, &self.linear, &self.square, &self.expected];
        if lists.iter().any(|list| list.len() != self.mean.len()) {
            return Err(format!("its lists have the lengths {:?}", lists.map(Vec::len)));
        }
        let numbers = lists.into_iter().flatten().chain([&self.intercept]);
        match numbers.copied().find(|number| number.is_nan() || number.abs() > Self::FAR * Self::FAR) {
            Some(number) => Err(format!("{number} is no coefficient or mean")),
            None => Ok(()),
        }
    }

    /// The margin where every column brings nothing.
    pub(crate) fn intercept(&self) -> f64 {
        self.intercept
    }

    pub(super) fn columns(&self) -> usize {
        self.mean.len()
    }

    /// The part of the margin that a column brings, 0 at its mean.
    #[inline]
    pub(crate) fn term(&self, column: usize, value: f32) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        let above = (f64::from(value) - self.mean[column]).clamp(-Self::FAR, Self::FAR);
        above * (self.linear[column] + above * self.square[column])
    }

    pub(super) fn add_margins(&self, values: &[f32], weight: f64, sums: &mut [f64]) {
        for (row, sum) in values.chunks_exact(self.mean.len()).zip(sums) {
            let terms = row.iter().enumerate().map(|(column, &value)| self.term(column, value));
            *sum += weight * terms.fold(self.intercept, |sum, term| sum + term);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matrix;

    #[derive(Deserialize)]
    struct Case {
        tolerance: f64,
        smoothing: f64,
        columns: usize,
        values: Vec<f32>,
        label: Vec<bool>,
        expected_margin: Vec<f64>,
    }

    #[test]
    fn margins_equal_scikit_learns() {
        let case: Case = serde_json::from_str(include_str!("../../tests/numerical/bayes.json")).unwrap();
        let matrix = Matrix { values: case.values, columns: case.columns };
        let sample = Sample { matrix: &matrix, label: &case.label, weight: None };
        let model = NaiveBayes::fit(&BayesParams { smoothing: case.smoothing }, sample).unwrap();
        let mut margins = vec![0.0; matrix.rows()];
        model.add_margins(&matrix.values, 1.0, &mut margins);
        assert_eq!(margins.len(), case.expected_margin.len());
        for (found, expected) in margins.iter().zip(&case.expected_margin) {
            assert!((found - expected).abs() < case.tolerance, "{found} {expected}");
        }
    }

    #[test]
    fn weights_are_refused_rather_than_ignored() {
        let matrix = Matrix { values: vec![0.0, 1.0, 2.0, 3.0], columns: 1 };
        let sample = Sample { matrix: &matrix, label: &[true, false, true, false], weight: Some(&[1.0; 4]) };
        assert!(NaiveBayes::fit(&BayesParams::default(), sample).is_err());
    }
}
