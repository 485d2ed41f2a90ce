//! Shapley values of boosted trees, fast enough for every score.
//!
//! A tree with up to seven splits gives a customer one of at most 128 patterns of answers, and the pattern decides all Shapley
//! values: they are computed once a pattern ([`super::shap`]) and looked up from then on. The answers of many customers to one
//! split are compared side by side. Larger trees are computed for each customer.

use super::Shares;
use super::shap::{expected, shapley};
use crate::learner::{Split, TreeNode};

/// Splits of the largest tree that has a table: 2^7 patterns of a few values fit into the first cache.
const TABLE_SPLITS: usize = 7;

/// One split of a tree.
#[derive(Clone, Copy, Debug)]
struct Question {
    column: usize,
    threshold: f32,
    missing_left: bool,
}

impl Question {
    #[inline]
    fn right(self, value: f32) -> bool {
        if value.is_nan() { !self.missing_left } else { value >= self.threshold }
    }
}

/// One tree.
#[derive(Clone, Debug)]
enum Explained {
    Table { questions: Vec<Question>, features: Vec<usize>, values: Vec<f32> },
    Large { nodes: Vec<TreeNode>, weight: f64 },
}

/// All trees of a model.
#[derive(Clone, Debug)]
pub(super) struct Trees {
    trees: Vec<Explained>,
    /// What they answer on average, weighted.
    pub(super) expected: f64,
}

impl Trees {
    pub(super) fn new(trees: &[Vec<TreeNode>], weight: f64, shares: &Shares) -> Self {
        Self {
            trees: trees.iter().map(|nodes| Explained::new(nodes, weight, shares)).collect(),
            expected: trees.iter().map(|nodes| weight * expected(nodes)).sum(),
        }
    }

    /// Adds the contributions of a block of customers, whose `columns` stand one after the other, `rows` values each, to those
    /// of the `features`, laid out alike.
    pub(super) fn add(
        &self,
        columns: &[f32],
        rows: usize,
        shares: &Shares,
        patterns: &mut Vec<u8>,
        features: &mut [f32],
    ) {
        for tree in &self.trees {
            match tree {
                Explained::Table { questions, features: of, values } => {
                    patterns.clear();
                    patterns.resize(rows, 0);
                    for (bit, question) in questions.iter().enumerate() {
                        let column = &columns[question.column * rows..][..rows];
                        ask(*question, 1 << bit, column, patterns);
                    }
                    for (feature, values) in of.iter().zip(values.chunks_exact(1 << questions.len())) {
                        let sums = &mut features[feature * rows..][..rows];
                        look_up(values, patterns, sums);
                    }
                }
                Explained::Large { nodes, weight } => {
                    for row in 0..rows {
                        let right =
                            |at: usize| question(nodes, at).is_some_and(|q| q.right(columns[q.column * rows + row]));
                        shapley(nodes, &right, &mut |column, value| {
                            for &(feature, share) in &shares.0[column] {
                                features[feature * rows + row] += (weight * share * value) as f32;
                            }
                        });
                    }
                }
            }
        }
    }
}

fn ask(question: Question, bit: u8, column: &[f32], patterns: &mut [u8]) {
    let Question { threshold, missing_left, .. } = question;
    let answers = column.iter().zip(patterns);
    if missing_left {
        answers.for_each(|(&value, pattern)| *pattern |= if value >= threshold { bit } else { 0 });
    } else {
        answers.for_each(|(&value, pattern)| *pattern |= if value < threshold { 0 } else { bit });
    }
}

fn look_up(values: &[f32], patterns: &[u8], sums: &mut [f32]) {
    let mask = values.len() - 1;
    for (sum, &pattern) in sums.iter_mut().zip(patterns) {
        *sum += values[usize::from(pattern) & mask];
    }
}

fn question(nodes: &[TreeNode], at: usize) -> Option<Question> {
    match nodes[at].split {
        Split::At { column, threshold, missing_left, .. } => Some(Question { column, threshold, missing_left }),
        Split::Leaf(_) => None,
    }
}

impl Explained {
    fn new(nodes: &[TreeNode], weight: f64, shares: &Shares) -> Self {
        let splits: Vec<usize> = (0..nodes.len()).filter(|&at| question(nodes, at).is_some()).collect();
        if splits.len() > TABLE_SPLITS {
            return Self::Large { nodes: nodes.to_vec(), weight };
        }
        let questions: Vec<Question> = splits.iter().filter_map(|&at| question(nodes, at)).collect();
        let mut features: Vec<usize> = questions
            .iter()
            .flat_map(|question| shares.0[question.column].iter().map(|&(feature, _)| feature))
            .collect();
        features.sort_unstable();
        features.dedup();
        let patterns = 1 << splits.len();
        let mut values = vec![0.0; features.len() * patterns];
        let bit: Vec<Option<usize>> = (0..nodes.len()).map(|at| splits.iter().position(|&split| split == at)).collect();
        for pattern in 0..patterns {
            let right = |at: usize| bit[at].is_some_and(|bit| pattern >> bit & 1 == 1);
            shapley(nodes, &right, &mut |column, value| {
                for &(feature, share) in &shares.0[column] {
                    if let Ok(place) = features.binary_search(&feature) {
                        values[place * patterns + pattern] += weight * share * value;
                    }
                }
            });
        }
        Self::Table { questions, features, values: values.into_iter().map(|value| value as f32).collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::learner::BoostedTrees;

    #[derive(Deserialize)]
    struct Case {
        columns: usize,
        values: Vec<Option<f32>>,
        model: serde_json::Value,
        expected_contributions: Vec<f64>,
    }

    /// Contributions by Python's XGBoost, with missing values; the trees as they are and with tables.
    #[test]
    fn contributions_equal_xgboosts_with_tables_and_without() {
        let case: Case = serde_json::from_str(include_str!("../../tests/numerical/xgboost.json")).unwrap();
        let model = BoostedTrees::from_xgboost_json(case.model.to_string().as_bytes()).unwrap();
        let shares = Shares((0..case.columns).map(|column| vec![(column, 1.0)]).collect());
        let tables = Trees::new(&model.trees(), 1.0, &shares);
        assert!(tables.trees.iter().all(|tree| matches!(tree, Explained::Table { .. })));
        let large = Trees {
            trees: model.trees().into_iter().map(|nodes| Explained::Large { nodes, weight: 1.0 }).collect(),
            expected: tables.expected,
        };
        let rows = case.expected_contributions.len() / (case.columns + 1);
        let mut columns = vec![0.0; rows * case.columns];
        for (at, value) in case.values[..rows * case.columns].iter().enumerate() {
            columns[at % case.columns * rows + at / case.columns] = value.unwrap_or(f32::NAN);
        }
        for trees in [tables, large] {
            let mut features = vec![0.0; rows * case.columns];
            trees.add(&columns, rows, &shares, &mut Vec::new(), &mut features);
            for (row, expected) in case.expected_contributions.chunks_exact(case.columns + 1).enumerate() {
                for column in 0..case.columns {
                    let found = f64::from(features[column * rows + row]);
                    assert!((found - expected[column]).abs() < 1e-5, "{found} {}", expected[column]);
                }
                assert!((model.base() + trees.expected - expected[case.columns]).abs() < 1e-5);
            }
        }
    }
}
