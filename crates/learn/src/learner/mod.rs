//! The learners: each is fitted on a matrix and answers with a margin, the log-odds of leaving before calibration.
//!
//! Every learner's margin is a sum of terms of one or two columns or of small trees, so that each can be explained exactly
//! ([`crate::Explainer`]), and so can their weighted sum, the [`Blend`].

mod bayes;
mod blend;
mod ebm;
mod forest;
mod logistic;
mod params;
mod trees;

use serde::{Deserialize, Serialize};

pub use bayes::BayesParams;
pub(crate) use bayes::NaiveBayes;
pub(crate) use blend::{Blend, Member};
pub use blend::{BlendParams, MemberParams};
pub use ebm::EbmParams;
pub(crate) use ebm::{Axis, Ebm, Term};
pub(crate) use forest::Split;
pub(crate) use logistic::Logistic;
pub use logistic::LogisticParams;
pub(crate) use params::check;
pub use trees::TreeParams;
pub(crate) use trees::{BoostedTrees, TreeNode};

use crate::{Matrix, TrainError};

/// What a learner is fitted on.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The customers, encoded.
    pub matrix: &'a Matrix,
    /// Whether each left.
    pub label: &'a [bool],
    /// How much each counts, above 0; 1 for everybody where there is none.
    pub weight: Option<&'a [f32]>,
}

/// A learner and its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "learner", rename_all = "snake_case")]
pub enum LearnerParams {
    /// Logistic regression with an elastic-net penalty.
    Logistic(LogisticParams),
    /// Boosted trees.
    BoostedTrees(TreeParams),
    /// Explainable boosting machine.
    Ebm(EbmParams),
    /// Gaussian naive Bayes.
    NaiveBayes(BayesParams),
    /// A weighted sum of others.
    Blend(BlendParams),
}

impl LearnerParams {
    /// The learner's name, as it stands in artifacts and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic(_) => Logistic::NAME,
            Self::BoostedTrees(_) => BoostedTrees::NAME,
            Self::Ebm(_) => Ebm::NAME,
            Self::NaiveBayes(_) => NaiveBayes::NAME,
            Self::Blend(_) => Blend::NAME,
        }
    }

    /// Whether the learner can count some customers more than others.
    pub fn takes_weights(&self) -> bool {
        match self {
            Self::NaiveBayes(_) => false,
            Self::Blend(blend) => blend.members.iter().all(|member| member.params.takes_weights()),
            _ => true,
        }
    }

    /// Fits the learner. The same on any number of threads.
    ///
    /// # Errors
    /// [`TrainError::Learner`] when the learner gives up, or takes no weights and gets some.
    pub fn fit(&self, sample: Sample<'_>, seed: u64, threads: usize) -> Result<Model, TrainError> {
        match self {
            Self::Logistic(params) => Logistic::fit(params, sample).map(Model::Logistic),
            Self::BoostedTrees(params) => {
                BoostedTrees::fit(params, sample, seed, threads).map(|trees| Model::BoostedTrees(Box::new(trees)))
            }
            Self::Ebm(params) => Ebm::fit(params, sample, seed, threads).map(|ebm| Model::Ebm(Box::new(ebm))),
            Self::NaiveBayes(params) => NaiveBayes::fit(params, sample).map(Model::NaiveBayes),
            Self::Blend(params) => Blend::fit(params, sample, seed, threads).map(Model::Blend),
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
    /// Explainable boosting machine.
    Ebm(Box<Ebm>),
    /// Gaussian naive Bayes.
    NaiveBayes(NaiveBayes),
    /// A weighted sum of others.
    Blend(Blend),
}

impl Model {
    /// The learner's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic(_) => Logistic::NAME,
            Self::BoostedTrees(_) => BoostedTrees::NAME,
            Self::Ebm(_) => Ebm::NAME,
            Self::NaiveBayes(_) => NaiveBayes::NAME,
            Self::Blend(_) => Blend::NAME,
        }
    }

    /// Checks that no row can give anything but a finite margin, and that the model takes rows of this many columns.
    pub(crate) fn check(&self, columns: usize) -> Result<(), String> {
        let taken = match self {
            Self::Logistic(model) => model.check().map(|()| model.columns())?,
            Self::BoostedTrees(model) => model.columns(),
            Self::Ebm(model) => return model.check(columns),
            Self::NaiveBayes(model) => model.check().map(|()| model.columns())?,
            Self::Blend(model) => return model.check(columns),
        };
        if taken == columns { Ok(()) } else { Err(format!("it takes {taken} columns, the encoder makes {columns}")) }
    }

    /// Adds `weight` times the margin of each row of `values` (whole rows of as many columns as the model was fitted on) to
    /// `sums`, one a row.
    pub(crate) fn add_margins(&self, columns: usize, values: &[f32], weight: f64, sums: &mut [f64]) {
        match self {
            Self::Logistic(model) => model.add_margins(values, weight, sums),
            Self::BoostedTrees(model) => model.add_margins(values, weight, sums),
            Self::Ebm(model) => model.add_margins(columns, values, weight, sums),
            Self::NaiveBayes(model) => model.add_margins(values, weight, sums),
            Self::Blend(model) => model.add_margins(columns, values, weight, sums),
        }
    }

    /// The margin of each row of a matrix.
    pub fn margins(&self, matrix: &Matrix) -> Vec<f64> {
        let mut margins = vec![0.0; matrix.rows()];
        self.add_margins(matrix.columns, &matrix.values, 1.0, &mut margins);
        margins
    }
}
