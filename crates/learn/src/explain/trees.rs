//! Shapley values of boosted trees, fast enough for every score.
//!
//! A tree with up to seven splits gives a customer one of at most 128 patterns of answers, and the pattern decides all Shapley
//! values: they are computed once a pattern ([`super::shap`]) and looked up from then on. Trees that ask the same of the same
//! columns share a table ([`super::tables`]). The answers of many customers to one split are compared side by side. Larger trees
//! are computed for each customer.

use super::Shares;
use super::shap::{expected, shapley};
use super::tables::{Question, Table, group, question};
use crate::learner::TreeNode;

/// All trees of a model.
#[derive(Clone, Debug)]
pub(super) struct Trees {
    tables: Vec<Table>,
    /// The columns that the tables look at; a table names them by their place here.
    columns: Vec<usize>,
    large: Vec<Vec<TreeNode>>,
    weight: f64,
    /// What they answer on average, weighted.
    pub(super) expected: f64,
}

/// Buffers of one explaining thread.
#[derive(Clone, Debug, Default)]
pub(super) struct TreeScratch {
    patterns: Vec<u8>,
    /// What each column contributed, column after column.
    sums: Vec<f32>,
}

impl Trees {
    pub(super) fn new(trees: &[Vec<TreeNode>], weight: f64) -> Self {
        let (small, large): (Vec<_>, Vec<_>) = trees.iter().partition(|nodes| Table::is_possible(nodes));
        let (tables, columns) = group(&small, weight);
        let expected = trees.iter().map(|nodes| weight * expected(nodes)).sum();
        Self { tables, columns, large: large.into_iter().cloned().collect(), weight, expected }
    }

    /// Adds the contributions of a block of customers, whose `columns` stand one after the other, `rows` values each, to those
    /// of the `features`, laid out alike.
    pub(super) fn add(
        &self,
        columns: &[f32],
        rows: usize,
        shares: &Shares,
        scratch: &mut TreeScratch,
        features: &mut [f32],
    ) {
        let TreeScratch { patterns, sums } = scratch;
        sums.clear();
        sums.resize(rows * self.columns.len(), 0.0);
        for table in &self.tables {
            patterns.clear();
            patterns.resize(rows, 0);
            for (bit, question) in table.questions.iter().enumerate() {
                ask(*question, 1 << bit, &columns[question.column * rows..][..rows], patterns);
            }
            for (&place, values) in table.columns.iter().zip(table.values.chunks_exact(1 << table.questions.len())) {
                look_up(values, patterns, &mut sums[place * rows..][..rows]);
            }
        }
        for (&column, sums) in self.columns.iter().zip(sums.chunks_exact(rows.max(1))) {
            shares.add(column, rows, sums.iter().copied(), features);
        }
        for nodes in &self.large {
            self.add_large(nodes, columns, rows, shares, features);
        }
    }

    fn add_large(&self, nodes: &[TreeNode], columns: &[f32], rows: usize, shares: &Shares, features: &mut [f32]) {
        for row in 0..rows {
            let right = |at: usize| question(nodes, at).is_some_and(|q| q.right(columns[q.column * rows + row]));
            shapley(nodes, &right, &mut |column, value| {
                for &(feature, share) in &shares.0[column] {
                    features[feature * rows + row] += (self.weight * share * value) as f32;
                }
            });
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
        let tables = Trees::new(&model.trees(), 1.0);
        assert!(tables.large.is_empty() && tables.tables.len() < model.trees().len());
        let large = Trees {
            tables: Vec::new(),
            columns: Vec::new(),
            large: model.trees(),
            expected: tables.expected,
            weight: 1.0,
        };
        let rows = case.expected_contributions.len() / (case.columns + 1);
        let mut columns = vec![0.0; rows * case.columns];
        for (at, value) in case.values[..rows * case.columns].iter().enumerate() {
            columns[at % case.columns * rows + at / case.columns] = value.unwrap_or(f32::NAN);
        }
        for trees in [tables, large] {
            let mut features = vec![0.0; rows * case.columns];
            trees.add(&columns, rows, &shares, &mut TreeScratch::default(), &mut features);
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
