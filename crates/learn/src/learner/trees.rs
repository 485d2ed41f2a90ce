//! Gradient-boosted trees: the one place that knows hessboost.
//!
//! hessboost grows the trees and reads and writes them as XGBoost's JSON; [`Forest`] scores them. Should hessboost have to
//! go, anything that writes that format can take its place.

use hessboost::config::{TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::model::{BoostedModel, ModelFormat};
use hessboost::objective::{Objective, RegLoss};
use hessboost::tree::{Node, RegTree};
use serde::{Deserialize, Serialize};

use super::Sample;
use super::forest::{Forest, Split};
use super::params::{above_zero_to_one, count, not_negative};
use crate::TrainError;

/// Settings of the boosted trees, with XGBoost's meanings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeParams {
    /// Number of trees, at least 1.
    pub trees: usize,
    /// Greatest depth of a tree, from 1 to 12.
    pub depth: usize,
    /// Share of each tree's answer that counts (`eta`), above 0 to 1.
    pub learning_rate: f64,
    /// Least sum of second derivatives in a leaf (`min_child_weight`).
    pub min_child_weight: f64,
    /// L2 penalty on a leaf's answer (`lambda`).
    pub l2: f64,
    /// Share of the customers that each tree sees, drawn anew (`subsample`), above 0 to 1.
    pub row_share: f64,
    /// Share of the columns that each split may use, drawn anew (`colsample_bynode`), above 0 to 1.
    pub column_share: f64,
}

/// Shallow trees that each see half of the customers and few columns: because the one-hot columns of the internet services
/// say much the same, shares of 1 cost .003 of log-loss.
impl Default for TreeParams {
    fn default() -> Self {
        Self {
            trees: 320,
            depth: 2,
            learning_rate: 0.04,
            min_child_weight: 1.0,
            l2: 1.0,
            row_share: 0.5,
            column_share: 0.15,
        }
    }
}

impl TreeParams {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        count("trees", self.trees, 1..=10_000)?;
        count("depth", self.depth, 1..=12)?;
        above_zero_to_one("learning_rate", self.learning_rate)?;
        above_zero_to_one("row_share", self.row_share)?;
        above_zero_to_one("column_share", self.column_share)?;
        not_negative("min_child_weight", self.min_child_weight)?;
        not_negative("l2", self.l2)
    }
}

/// Fitted boosted trees.
#[derive(Clone, Debug)]
pub struct BoostedTrees {
    source: BoostedModel,
    forest: Forest,
}

impl BoostedTrees {
    pub(super) const NAME: &'static str = "boosted_trees";

    pub(super) fn fit(params: &TreeParams, sample: Sample<'_>, seed: u64, threads: usize) -> Result<Self, TrainError> {
        let failed = |problem| TrainError::Learner { learner: Self::NAME, problem };
        let grow = || -> hessboost::error::Result<BoostedModel> {
            let data = labelled(sample)?;
            let settings = TrainingParams::builder()
                .objective(Objective::BinaryLogistic(RegLoss::default()))
                .tree_method(TreeMethod::Hist)
                .max_depth(params.depth)
                .eta(params.learning_rate)
                .min_child_weight(params.min_child_weight)
                .lambda(params.l2)
                .subsample(params.row_share)
                .colsample_bynode(params.column_share)
                .seed(seed)
                .nthread(threads.max(1))
                .build()?;
            hessboost::training::train(&settings, &data, params.trees)
        };
        // A model scores what its stored form scores, so it is made from that.
        let source = grow().map_err(|error| failed(error.to_string()))?;
        let stored = source.encode(ModelFormat::XgboostJson).map_err(|error| failed(error.to_string()))?;
        Self::from_xgboost_json(&stored).map_err(failed)
    }

    /// Reads trees in XGBoost's JSON.
    pub(crate) fn from_xgboost_json(bytes: &[u8]) -> Result<Self, String> {
        let source = BoostedModel::decode(bytes, ModelFormat::XgboostJson).map_err(|error| error.to_string())?;
        let forest = flatten(&source)?;
        Ok(Self { source, forest })
    }

    /// The trees in XGBoost's JSON.
    pub(crate) fn to_xgboost_json(&self) -> Result<Vec<u8>, String> {
        self.source.encode(ModelFormat::XgboostJson).map_err(|error| error.to_string())
    }

    pub(super) fn columns(&self) -> usize {
        self.source.n_features()
    }

    pub(super) fn add_margins(&self, values: &[f32], weight: f64, sums: &mut [f64]) {
        self.forest.add_margins(values, weight, sums);
    }

    /// The margins of the first trees only: one vector for each of `counts`, which ascend.
    pub(crate) fn staged_margins(&self, values: &[f32], counts: &[usize]) -> Vec<Vec<f64>> {
        self.forest.staged_margins(values, counts)
    }

    /// The base score of the margin.
    pub(crate) fn base(&self) -> f64 {
        f64::from(self.source.base_score())
    }

    /// The trees' nodes, each tree's root first.
    pub(crate) fn trees(&self) -> Vec<Vec<TreeNode>> {
        self.source.trees().iter().zip(self.source.tree_weights()).map(nodes).collect()
    }
}

/// One node of a tree, for whoever wants to know more of it than how it scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TreeNode {
    /// What it does.
    pub(crate) split: Split,
    /// How many customers of the fit came here, each weighted by the second derivative of its loss.
    pub(crate) cover: f64,
}

fn nodes((tree, weight): (&RegTree, f32)) -> Vec<TreeNode> {
    tree.nodes().iter().map(|node| TreeNode { split: split(node, weight), cover: f64::from(node.sum_hess) }).collect()
}

fn split(node: &Node, weight: f32) -> Split {
    if node.is_leaf() {
        return Split::Leaf(f64::from(node.leaf_value * weight));
    }
    Split::At {
        column: node.split_feature as usize,
        threshold: node.split_cond,
        missing_left: node.default_left,
        left: node.left.unsigned_abs() as usize,
        right: node.right.unsigned_abs() as usize,
    }
}

/// A sample as hessboost wants it.
pub(super) fn labelled(sample: Sample<'_>) -> hessboost::error::Result<DMatrix> {
    let Sample { matrix, label, weight } = sample;
    let labels: Vec<f32> = label.iter().map(|&left| f32::from(u8::from(left))).collect();
    let data = DMatrix::from_dense(&matrix.values, matrix.rows(), matrix.columns)?.with_labels(&labels)?;
    match weight {
        Some(weight) => data.with_weights(weight),
        None => Ok(data),
    }
}

fn flatten(source: &BoostedModel) -> Result<Forest, String> {
    if source.n_outputs() != 1 || source.linear().is_some() || source.objective().name() != "binary:logistic" {
        return Err("expected trees of objective binary:logistic with one output".into());
    }
    let mut forest = Forest::new(source.n_features(), f64::from(source.base_score()))?;
    for (tree, weight) in source.trees().iter().zip(source.tree_weights()) {
        if tree.has_categorical_splits() || tree.linear_leaves().is_some() || tree.is_vector_leaf() {
            return Err("expected trees with numeric splits and one number in each leaf".into());
        }
        forest.push(tree.depth(), |at| split(tree.node(at), weight))?;
    }
    Ok(forest)
}

#[cfg(test)]
mod tests {
    use hessboost::model::Iterations;

    use super::*;
    use crate::Matrix;
    use crate::math::split_mix;

    fn matrix() -> (Matrix, Vec<bool>) {
        let columns = 6;
        let values: Vec<f32> = (0..1_500 * columns as u64)
            .map(|at| if split_mix(at).is_multiple_of(11) { f32::NAN } else { (split_mix(at) % 100) as f32 / 10.0 })
            .collect();
        let label = values.chunks(columns).zip(0..).map(|(row, at)| row[0] + row[3] > 9.0 + (split_mix(at) % 3) as f32);
        let label = label.collect();
        (Matrix { values, columns }, label)
    }

    #[derive(Deserialize)]
    struct Case {
        tolerance_read: f64,
        tolerance_grown: f64,
        trees: usize,
        depth: usize,
        learning_rate: f64,
        columns: usize,
        values: Vec<Option<f32>>,
        label: Vec<bool>,
        model: serde_json::Value,
        expected_margin: Vec<f64>,
    }

    fn margins(trees: &BoostedTrees, matrix: &Matrix) -> Vec<f64> {
        let mut margins = vec![0.0; matrix.rows()];
        trees.add_margins(&matrix.values, 1.0, &mut margins);
        margins
    }

    fn fit(params: &TreeParams, matrix: &Matrix, label: &[bool], threads: usize) -> BoostedTrees {
        BoostedTrees::fit(params, Sample { matrix, label, weight: None }, 7, threads).unwrap()
    }

    /// The largest distance of the trees' margins from those of Python's XGBoost.
    fn distance(trees: &BoostedTrees, matrix: &Matrix, case: &Case) -> f64 {
        let margins = margins(trees, matrix);
        assert_eq!(margins.len(), case.expected_margin.len());
        margins.iter().zip(&case.expected_margin).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn xgboosts_own_model_scores_as_xgboost_does_and_the_same_parameters_grow_the_same_trees() {
        let case: Case = serde_json::from_str(include_str!("../../tests/numerical/xgboost.json")).unwrap();
        let values = case.values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
        let matrix = Matrix { values, columns: case.columns };
        let read = BoostedTrees::from_xgboost_json(case.model.to_string().as_bytes()).unwrap();
        let read = distance(&read, &matrix, &case);
        assert!(read < case.tolerance_read, "{read}");
        let params = TreeParams {
            trees: case.trees,
            depth: case.depth,
            learning_rate: case.learning_rate,
            // The two draw differently, so nothing is drawn.
            row_share: 1.0,
            column_share: 1.0,
            ..TreeParams::default()
        };
        let grown = fit(&params, &matrix, &case.label, 1);
        let grown = distance(&grown, &matrix, &case);
        assert!(grown < case.tolerance_grown, "{grown}");
    }

    #[test]
    fn damaged_trees_are_refused() {
        let (matrix, label) = matrix();
        let params = TreeParams { trees: 3, ..TreeParams::default() };
        let stored = fit(&params, &matrix, &label, 1).to_xgboost_json().unwrap();
        for length in [0, 1, stored.len() / 2, stored.len() - 1] {
            assert!(BoostedTrees::from_xgboost_json(&stored[..length]).is_err());
        }
        let text = String::from_utf8(stored).unwrap();
        let other = text.replace("binary:logistic", "reg:squarederror");
        assert!(BoostedTrees::from_xgboost_json(other.as_bytes()).is_err());
    }

    #[test]
    fn the_forest_scores_as_hessboost_does() {
        let (matrix, label) = matrix();
        for depth in [1, 3, 7] {
            let params = TreeParams { trees: 60, depth, ..TreeParams::default() };
            let trees = fit(&params, &matrix, &label, 1);
            let theirs = trees.source.predict_margin_rows(&matrix.values, Iterations::Best).unwrap();
            let ours = margins(&trees, &matrix);
            assert_eq!(ours.len(), matrix.rows());
            for (ours, &theirs) in ours.iter().zip(theirs.as_slice()) {
                assert!((ours - f64::from(theirs)).abs() < 1e-5, "{ours} {theirs}");
            }
        }
    }

    #[test]
    fn a_stage_of_the_trees_scores_as_if_only_so_many_had_been_grown() {
        let (matrix, label) = matrix();
        let grown = |trees| fit(&TreeParams { trees, ..TreeParams::default() }, &matrix, &label, 1);
        let stages = grown(40).staged_margins(&matrix.values, &[10, 25, 40]);
        for (stage, count) in stages.iter().zip([10, 25, 40]) {
            assert_eq!(stage, &margins(&grown(count), &matrix));
        }
    }

    #[test]
    fn a_customer_of_weight_two_counts_as_two_customers() {
        let (matrix, label) = matrix();
        let weight: Vec<f32> = (0..label.len()).map(|row| if row < 300 { 2.0 } else { 1.0 }).collect();
        let params = TreeParams { trees: 20, row_share: 1.0, column_share: 1.0, ..TreeParams::default() };
        let sample = Sample { matrix: &matrix, label: &label, weight: Some(&weight) };
        let weighted = BoostedTrees::fit(&params, sample, 7, 1).unwrap();
        let mut values = matrix.values[..300 * matrix.columns].to_vec();
        values.extend_from_slice(&matrix.values);
        let twice = Matrix { values, columns: matrix.columns };
        let labels = [&label[..300], &label[..]].concat();
        let doubled = fit(&params, &twice, &labels, 1);
        for (a, b) in margins(&weighted, &matrix).iter().zip(&margins(&doubled, &matrix)) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let (matrix, label) = matrix();
        let grown = |threads| fit(&TreeParams::default(), &matrix, &label, threads).to_xgboost_json().unwrap();
        assert_eq!(grown(1), grown(4));
    }
}
