//! The learners: each is fitted on a matrix and answers with a margin, the log-odds of leaving before calibration.

mod forest;
mod logistic;
mod trees;

use serde::{Deserialize, Serialize};

pub(crate) use logistic::Logistic;
pub use logistic::LogisticParams;
pub(crate) use trees::BoostedTrees;
pub use trees::TreeParams;

use crate::{Matrix, TrainError};

/// A learner and its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "learner", rename_all = "snake_case")]
pub enum LearnerParams {
    /// Logistic regression.
    Logistic(LogisticParams),
    /// Boosted trees.
    BoostedTrees(TreeParams),
}

impl LearnerParams {
    /// The learner's name, as it stands in artifacts and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic(_) => Logistic::NAME,
            Self::BoostedTrees(_) => BoostedTrees::NAME,
        }
    }

    /// Fits the learner on a matrix and its labels. The same on any number of threads.
    ///
    /// # Errors
    /// [`TrainError::Learner`] when the learner gives up.
    pub fn fit(&self, matrix: &Matrix, label: &[bool], seed: u64, threads: usize) -> Result<Model, TrainError> {
        match self {
            Self::Logistic(params) => Logistic::fit(params, matrix, label).map(Model::Logistic),
            Self::BoostedTrees(params) => BoostedTrees::fit(params, matrix, label, seed, threads)
                .map(|trees| Model::BoostedTrees(Box::new(trees))),
        }
    }
}

/// A fitted learner.
#[derive(Clone, Debug)]
pub enum Model {
    /// Logistic regression.
    Logistic(Logistic),
    /// Boosted trees.
    BoostedTrees(Box<BoostedTrees>),
}

impl Model {
    /// The learner's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic(_) => Logistic::NAME,
            Self::BoostedTrees(_) => BoostedTrees::NAME,
        }
    }

    /// Number of columns the model was fitted on.
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Logistic(model) => model.columns(),
            Self::BoostedTrees(model) => model.columns(),
        }
    }

    /// Appends the margin of each row of `values`, which holds whole rows of as many columns as the model was fitted on.
    pub fn margins_into(&self, values: &[f32], margins: &mut Vec<f64>) {
        match self {
            Self::Logistic(model) => model.margins_into(values, margins),
            Self::BoostedTrees(model) => model.margins_into(values, margins),
        }
    }

    /// The margin of each row of a matrix.
    pub fn margins(&self, matrix: &Matrix) -> Vec<f64> {
        let mut margins = Vec::with_capacity(matrix.rows());
        self.margins_into(&matrix.values, &mut margins);
        margins
    }
}
