//! Why a customer got a probability: how much each feature moved the log-odds.
//!
//! The contributions are Shapley values on the scale of the margin, the log-odds before calibration (which turns no two
//! customers around). With the mean margin they add up to the customer's margin. Each learner's are exact: path-dependent
//! TreeSHAP for trees, linear SHAP and its like for sums of terms. A blend's margin is the weighted sum of its members'
//! margins, and so are its contributions; each member compares with its own mean. The columns of one feature are added up; a
//! derived column's share goes to the features that it is computed from in equal parts.

mod additive;
mod shap;
mod tables;
mod trees;

use std::ops::Range;

use churn_domain::{FEATURE_COUNT, Reasons, Table};

use self::additive::{Tables, add_bayes, add_logistic};
use self::trees::{TreeScratch, Trees};
use crate::learner::{Logistic, NaiveBayes};
use crate::{EncodeStats, Model, ScoringModel, Scratch};

/// What explains the scores of one model. Made from it in a few milliseconds, to be kept beside it.
#[derive(Clone, Debug)]
pub struct Explainer {
    parts: Vec<Part>,
    shares: Shares,
    expected: f64,
}

#[derive(Clone, Debug)]
enum Part {
    Logistic(Logistic, f64),
    NaiveBayes(NaiveBayes, f64),
    Ebm(Tables),
    Trees(Trees),
}

/// The features of each column, each with its share.
#[derive(Clone, Debug)]
struct Shares(Vec<Vec<(usize, f64)>>);

impl Shares {
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is made where it is passed")]
    fn add(&self, column: usize, rows: usize, values: impl Iterator<Item = f32> + Clone, features: &mut [f32]) {
        for &(feature, share) in &self.0[column] {
            let (share, sums) = (share as f32, &mut features[feature * rows..][..rows]);
            sums.iter_mut().zip(values.clone()).for_each(|(sum, value)| *sum += share * value);
        }
    }
}

/// Buffers of one explaining thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExplainScratch {
    columns: Vec<f32>,
    features: Vec<f32>,
    trees: TreeScratch,
}

impl Explainer {
    /// Customers explained at a time: their columns and contributions stay in the second cache while all trees go by.
    const BLOCK_ROWS: usize = 512;

    /// Prepares the tables of a model.
    pub fn new(model: &ScoringModel) -> Self {
        let features = model.encoder().column_features();
        let share = |features: &Vec<usize>| features.iter().map(|&at| (at, 1.0 / features.len() as f64)).collect();
        let mut explainer =
            Self { parts: Vec::new(), shares: Shares(features.iter().map(share).collect()), expected: 0.0 };
        explainer.add(model.model(), 1.0);
        explainer
    }

    fn add(&mut self, model: &Model, weight: f64) {
        match model {
            Model::Logistic(model) => {
                self.expected += weight * model.intercept();
                self.parts.push(Part::Logistic(model.clone(), weight));
            }
            Model::NaiveBayes(model) => {
                self.expected += weight * (model.intercept() + model.expected.iter().sum::<f64>());
                self.parts.push(Part::NaiveBayes(model.clone(), weight));
            }
            Model::Ebm(ebm) => {
                self.expected += weight * ebm.expected();
                self.parts.push(Part::Ebm(Tables::new(ebm, weight)));
            }
            Model::BoostedTrees(model) => {
                let trees = Trees::new(&model.trees(), weight);
                self.expected += weight * model.base() + trees.expected;
                self.parts.push(Part::Trees(trees));
            }
            Model::Blend(blend) => {
                for member in &blend.members {
                    self.add(&member.model, weight * member.weight);
                }
            }
        }
    }

    /// The mean margin, which a customer's contributions are added to.
    pub fn expected_margin(&self) -> f64 {
        self.expected
    }

    /// The contributions of a block of encoded rows, feature after feature, `rows` values each.
    fn contributions<'s>(&self, encoded: &[f32], rows: usize, scratch: &'s mut ExplainScratch) -> &'s [f32] {
        let width = self.shares.0.len();
        scratch.columns.resize(rows * width, 0.0);
        for (row, values) in encoded.chunks_exact(width).enumerate() {
            values.iter().enumerate().for_each(|(column, &value)| scratch.columns[column * rows + row] = value);
        }
        scratch.features.clear();
        scratch.features.resize(rows * FEATURE_COUNT, 0.0);
        let ExplainScratch { columns, features, trees: of_trees } = scratch;
        for part in &self.parts {
            match part {
                Part::Logistic(model, weight) => add_logistic(model, *weight, columns, rows, &self.shares, features),
                Part::NaiveBayes(model, weight) => add_bayes(model, *weight, columns, rows, &self.shares, features),
                Part::Ebm(tables) => tables.add(columns, rows, &self.shares, features),
                Part::Trees(trees) => trees.add(columns, rows, &self.shares, of_trees, features),
            }
        }
        features
    }

    /// Each feature's contribution to the margin of each of the given customers, row by row in the order of
    /// [`FEATURES`](churn_domain::FEATURES).
    pub fn explain(&self, model: &ScoringModel, table: &Table, rows: Range<usize>) -> Vec<[f32; FEATURE_COUNT]> {
        let mut all = Vec::with_capacity(rows.len());
        let (mut encoded, mut scratch) = (Vec::new(), ExplainScratch::default());
        for block in blocks(rows) {
            model.encoder().encode_into(table, block.clone(), &mut encoded);
            let count = block.len();
            let features = self.contributions(&encoded, count, &mut scratch);
            all.extend((0..count).map(|row| std::array::from_fn(|feature| features[feature * count + row])));
        }
        all
    }
}

impl ScoringModel {
    /// As [`Self::predict`], and appends the `top` features with the largest contributions of each customer, whichever way they
    /// go, to `reasons`: the largest first, the order of the features among equals. Features that contribute nothing are no
    /// reasons.
    ///
    /// # Panics
    /// When `rows` reaches beyond the table.
    #[expect(clippy::too_many_arguments, reason = "what predict takes, and three for the reasons")]
    pub fn predict_with_reasons(
        &self,
        explainer: &Explainer,
        top: usize,
        table: &Table,
        rows: Range<usize>,
        scratch: &mut Scratch,
        probability: &mut Vec<f64>,
        reasons: &mut Reasons,
    ) -> EncodeStats {
        let mut stats = EncodeStats::default();
        probability.reserve(rows.len());
        for block in blocks(rows) {
            let count = block.len();
            stats.merge(&self.score_block(table, block, scratch, probability));
            let features = explainer.contributions(&scratch.encoded, count, &mut scratch.explain);
            for row in 0..count {
                let contribution: [f32; FEATURE_COUNT] = std::array::from_fn(|feature| features[feature * count + row]);
                push_top(&contribution, top, reasons);
            }
        }
        stats
    }
}

fn push_top(contribution: &[f32; FEATURE_COUNT], top: usize, reasons: &mut Reasons) {
    let mut size = contribution.map(f32::abs);
    for _ in 0..top.min(FEATURE_COUNT) {
        let mut largest = 0;
        for feature in 1..FEATURE_COUNT {
            if size[feature] > size[largest] {
                largest = feature;
            }
        }
        if size[largest] <= 0.0 {
            break;
        }
        reasons.push(largest, contribution[largest]);
        size[largest] = 0.0;
    }
    reasons.end_row();
}

fn blocks(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    rows.clone().step_by(Explainer::BLOCK_ROWS).map(move |start| start..rows.end.min(start + Explainer::BLOCK_ROWS))
}
