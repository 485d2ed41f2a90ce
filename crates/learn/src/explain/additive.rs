//! Shapley values of sums of one-column and two-column terms.
//!
//! A term of one column contributes itself less its mean over the customers of the fit: for a linear model that is linear
//! SHAP, coefficient times distance from the mean. A term of two columns shares what the two say together equally: its
//! Shapley values where a column that is not known counts by its distribution over the customers of the fit.

use super::Shares;
use crate::learner::{Axis, Ebm, Logistic, NaiveBayes, Term};

/// A table of one or two columns, with what each cell contributes.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    terms: Vec<Explained>,
}

#[derive(Clone, Debug)]
struct Explained {
    axes: Vec<Axis>,
    /// The contribution of each axis in each cell.
    contributions: Vec<Vec<f32>>,
}

impl Tables {
    pub(super) fn new(ebm: &Ebm, weight: f64) -> Self {
        Self { terms: ebm.terms.iter().map(|term| Explained::new(term, weight)).collect() }
    }

    pub(super) fn add(&self, columns: &[f32], rows: usize, shares: &Shares, features: &mut [f32]) {
        for term in &self.terms {
            let column = |axis: &Axis| &columns[axis.column * rows..][..rows];
            match term.axes.as_slice() {
                [axis] => {
                    let values = column(axis).iter().map(|&value| term.contributions[0][axis.cell(value)]);
                    shares.add(axis.column, rows, values, features);
                }
                [first, second] => {
                    let cells: Vec<usize> = column(first)
                        .iter()
                        .zip(column(second))
                        .map(|(&a, &b)| first.cell(a) * second.cells() + second.cell(b))
                        .collect();
                    for (axis, contributions) in term.axes.iter().zip(&term.contributions) {
                        shares.add(axis.column, rows, cells.iter().map(|&cell| contributions[cell]), features);
                    }
                }
                _ => unreachable!("a term has one or two axes"),
            }
        }
    }
}

impl Explained {
    fn new(term: &Term, weight: f64) -> Self {
        let contributions = match term.axes.as_slice() {
            [axis] => {
                let mean = mean(axis, |cell| term.values[cell]);
                vec![term.values.iter().map(|value| (weight * (value - mean)) as f32).collect()]
            }
            [first, second] => {
                let value = |i: usize, j: usize| term.values[i * second.cells() + j];
                let over_first: Vec<f64> = (0..second.cells()).map(|j| mean(first, |i| value(i, j))).collect();
                let over_second: Vec<f64> = (0..first.cells()).map(|i| mean(second, |j| value(i, j))).collect();
                let over_both = mean(first, |i| over_second[i]);
                let cells = || (0..first.cells()).flat_map(|i| (0..second.cells()).map(move |j| (i, j)));
                let of_first = |(i, j)| value(i, j) - over_first[j] + over_second[i] - over_both;
                let of_second = |(i, j)| value(i, j) - over_second[i] + over_first[j] - over_both;
                let half = |contribution: f64| (weight * contribution / 2.0) as f32;
                vec![cells().map(|c| half(of_first(c))).collect(), cells().map(|c| half(of_second(c))).collect()]
            }
            _ => unreachable!("a term has one or two axes"),
        };
        Self { axes: term.axes.clone(), contributions }
    }
}

fn mean(axis: &Axis, value: impl Fn(usize) -> f64) -> f64 {
    let rows: u64 = axis.rows.iter().sum();
    axis.rows.iter().enumerate().map(|(cell, &count)| count as f64 * value(cell)).sum::<f64>() / rows.max(1) as f64
}

pub(super) fn add_logistic(
    model: &Logistic,
    weight: f64,
    columns: &[f32],
    rows: usize,
    shares: &Shares,
    features: &mut [f32],
) {
    for (column, values) in columns.chunks_exact(rows).enumerate() {
        if model.coefficient[column] != 0.0 {
            shares.add(column, rows, values.iter().map(|&value| (weight * model.term(column, value)) as f32), features);
        }
    }
}

pub(super) fn add_bayes(
    model: &NaiveBayes,
    weight: f64,
    columns: &[f32],
    rows: usize,
    shares: &Shares,
    features: &mut [f32],
) {
    for (column, values) in columns.chunks_exact(rows).enumerate() {
        let mean = model.expected[column];
        let contribution = |&value: &f32| (weight * (model.term(column, value) - mean)) as f32;
        shares.add(column, rows, values.iter().map(contribution), features);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::Sample;
    use crate::math::split_mix;
    use crate::{EbmParams, LearnerParams, Matrix, Model};

    /// The margin when only the columns in `known` are: each other column by its distribution over the fit, by itself.
    fn value(ebm: &Ebm, row: &[f32], known: u32) -> f64 {
        let of_axis = |axis: &Axis| -> Vec<(usize, f64)> {
            if known >> axis.column & 1 == 1 {
                return vec![(axis.cell(row[axis.column]), 1.0)];
            }
            let rows: u64 = axis.rows.iter().sum();
            axis.rows.iter().enumerate().map(|(cell, &count)| (cell, count as f64 / rows as f64)).collect()
        };
        let of_term = |term: &Term| -> f64 {
            let mut cells = vec![(0, 1.0)];
            for axis in &term.axes {
                let next = of_axis(axis);
                cells = cells
                    .iter()
                    .flat_map(|&(cell, weight)| {
                        next.iter().map(move |&(at, share)| (cell * axis.cells() + at, weight * share))
                    })
                    .collect();
            }
            cells.into_iter().map(|(cell, weight)| weight * term.values[cell]).sum()
        };
        ebm.terms.iter().map(of_term).sum()
    }

    #[test]
    fn an_ebms_contributions_equal_brute_force_over_all_sets_of_columns() {
        const COLUMNS: usize = 4;
        let values: Vec<f32> = (0..800 * COLUMNS as u64)
            .map(|at| if split_mix(at).is_multiple_of(17) { f32::NAN } else { (split_mix(at ^ 99) % 50) as f32 })
            .collect();
        let matrix = Matrix { values, columns: COLUMNS };
        let label: Vec<bool> =
            matrix.values.chunks(COLUMNS).map(|row| (row[0] > 25.0) != (row[1] > 20.0) || row[2] < 5.0).collect();
        let params = EbmParams { rounds: 20, interactions: 3, ..EbmParams::default() };
        let sample = Sample { matrix: &matrix, label: &label, weight: None };
        let Model::Ebm(ebm) = LearnerParams::Ebm(params).fit(sample, 7, 1).unwrap() else { unreachable!() };
        assert!(ebm.terms.iter().any(|term| term.axes.len() == 2));
        let rows = 40;
        let columns: Vec<f32> = (0..COLUMNS)
            .flat_map(|column| (0..rows).map(move |row| (row, column)))
            .map(|(row, column)| matrix.values[row * COLUMNS + column])
            .collect();
        let shares = Shares((0..COLUMNS).map(|column| vec![(column, 1.0)]).collect());
        let mut found = vec![0.0; rows * COLUMNS];
        Tables::new(&ebm, 0.5).add(&columns, rows, &shares, &mut found);
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        for row in 0..rows {
            let values = &matrix.values[row * COLUMNS..][..COLUMNS];
            for column in 0..COLUMNS {
                let without = (0_u32..1 << COLUMNS).filter(|set| set >> column & 1 == 0);
                let expected: f64 = without
                    .map(|set| {
                        let size = set.count_ones();
                        let weight = factorial(size) * factorial(COLUMNS as u32 - size - 1) / factorial(COLUMNS as u32);
                        weight * (value(&ebm, values, set | 1 << column) - value(&ebm, values, set))
                    })
                    .sum();
                let found = f64::from(found[column * rows + row]);
                assert!((found - 0.5 * expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }
}
