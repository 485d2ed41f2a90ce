//! Explainable boosting machine: a shape for each column and for a few pairs of columns. hessboost grows it; what is kept and
//! scored are the shapes, as tables.
//!
//! An EBM (Lou, Caruana and Gehrke 2012; Nori et al. 2019, "InterpretML") is a generalised additive model whose terms are
//! sums of small trees: piecewise constant, so a term is a table of cells.

use hessboost::config::{BoosterKind, Ebm as Booster, GrowPolicy, TrainingParams, TreeMethod};
use hessboost::ebm::{ShapeFunctions, TermAxis, shape_functions};
use hessboost::objective::{Objective, RegLoss};
use serde::{Deserialize, Serialize};

use super::Sample;
use super::trees::labelled;
use crate::{Matrix, TrainError};

/// Settings of the explainable boosting machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EbmParams {
    /// Turns that each term gets, from 1 to 5000.
    pub rounds: usize,
    /// Share of each tree's answer that counts, above 0 to 1.
    pub learning_rate: f64,
    /// Leaves of a tree, from 2 to 16.
    pub leaves: usize,
    /// Pairs of columns with a term of their own, from 0 to 50.
    pub interactions: usize,
    /// Machines that are averaged, each grown on 85 % of the customers, from 1 (on all of them) to 32.
    pub bags: usize,
    /// Bins that a number's values are spread over, from 2 to 256.
    pub bins: usize,
    /// Least sum of second derivatives in a leaf.
    pub min_child_weight: f64,
    /// Share of the customers that each tree sees, drawn anew, above 0 to 1.
    pub row_share: f64,
}

impl Default for EbmParams {
    fn default() -> Self {
        Self {
            rounds: 40,
            learning_rate: 0.05,
            leaves: 3,
            interactions: 0,
            bags: 1,
            bins: 64,
            min_child_weight: 5.0,
            row_share: 0.7,
        }
    }
}

/// A fitted machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ebm {
    /// The margin where every term is 0.
    intercept: f64,
    pub(crate) terms: Vec<Term>,
}

/// One shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Term {
    /// One axis a column: one or two.
    pub(crate) axes: Vec<Axis>,
    /// The value of each cell, those of the last axis side by side.
    pub(crate) values: Vec<f64>,
}

/// How a column's values fall into cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Axis {
    pub(crate) column: usize,
    /// Cell `i` holds the values from `edges[i - 1]` to below `edges[i]`, the first and the last are open. One more cell
    /// holds the missing values.
    edges: Vec<f32>,
    /// How many customers of the fit fell into each cell: what an explanation compares with.
    pub(crate) rows: Vec<u64>,
}

impl Axis {
    pub(crate) fn cells(&self) -> usize {
        self.edges.len() + 2
    }

    #[inline]
    pub(crate) fn cell(&self, value: f32) -> usize {
        if value.is_nan() { self.edges.len() + 1 } else { self.edges.partition_point(|&edge| edge <= value) }
    }
}

impl Ebm {
    pub(super) const NAME: &'static str = "ebm";
    /// Share of the customers that each of several machines is grown on (InterpretML's `1 - validation_size`).
    const BAG_SHARE: f64 = 0.85;
    /// A term beyond these bounds is taken for damage.
    const MAX_VALUE: f64 = 1e6;

    pub(super) fn fit(params: &EbmParams, sample: Sample<'_>, seed: u64, threads: usize) -> Result<Self, TrainError> {
        let failed = |problem| TrainError::Learner { learner: Self::NAME, problem };
        let grow = || -> hessboost::error::Result<ShapeFunctions> {
            let columns = sample.matrix.columns;
            let bag_share = if params.bags > 1 { Self::BAG_SHARE } else { 1.0 };
            let booster = Booster::builder()
                .interactions(params.interactions.min(columns * (columns - 1) / 2))
                .outer_bags(params.bags)
                .bag_fraction(bag_share)
                .build()?;
            let settings = TrainingParams::builder()
                .objective(Objective::BinaryLogistic(RegLoss::default()))
                .tree_method(TreeMethod::Hist)
                .booster(BoosterKind::Ebm(booster))
                .grow_policy(GrowPolicy::LossGuide)
                .max_leaves(params.leaves)
                .max_bin(params.bins)
                .eta(params.learning_rate)
                .min_child_weight(params.min_child_weight)
                .subsample(params.row_share)
                .seed(seed)
                .nthread(threads.max(1))
                .build()?;
            let grown = hessboost::training::train(&settings, &labelled(sample)?, params.rounds)?;
            shape_functions(&grown)
        };
        let shapes = grow().map_err(|error| failed(error.to_string()))?;
        let ebm = Self::of(&shapes, sample.matrix).map_err(failed)?;
        ebm.check(sample.matrix.columns).map_err(failed)?;
        Ok(ebm)
    }

    /// Keeps the shapes that say anything.
    fn of(shapes: &ShapeFunctions, matrix: &Matrix) -> Result<Self, String> {
        let mut terms = Vec::new();
        for shape in &shapes.terms {
            if shape.values().iter().all(|&value| value == 0.0) {
                continue;
            }
            let axes = shape.features().iter().zip(shape.axes()).map(|(&column, axis)| match axis {
                TermAxis::Numeric { edges, .. } => Ok(Self::axis(column as usize, edges, matrix)),
                _ => Err(format!("column {column} is not numeric")),
            });
            terms.push(Term { axes: axes.collect::<Result<_, _>>()?, values: shape.values().to_vec() });
        }
        Ok(Self { intercept: shapes.intercept, terms })
    }

    fn axis(column: usize, edges: &[f32], matrix: &Matrix) -> Axis {
        let mut axis = Axis { column, edges: edges.to_vec(), rows: vec![0; edges.len() + 2] };
        for row in matrix.values.chunks_exact(matrix.columns) {
            let cell = axis.cell(row[column]);
            axis.rows[cell] += 1;
        }
        axis
    }

    /// Checks that the tables fit rows of this many columns and hold nothing but finite numbers.
    pub(crate) fn check(&self, columns: usize) -> Result<(), String> {
        let mut numbers = self.terms.iter().flat_map(|term| &term.values).chain([&self.intercept]);
        if let Some(number) = numbers.find(|number| number.is_nan() || number.abs() > Self::MAX_VALUE) {
            return Err(format!("{number} is no value of a term"));
        }
        for (at, term) in self.terms.iter().enumerate() {
            let problem = |problem: &str| Err(format!("term {at} {problem}"));
            if !(1..=2).contains(&term.axes.len()) {
                return problem("has not one or two columns");
            }
            if term.axes.iter().map(Axis::cells).product::<usize>() != term.values.len() {
                return problem("has more or fewer values than cells");
            }
            for axis in &term.axes {
                if axis.column >= columns {
                    return Err(format!("term {at} looks at column {} of {columns}", axis.column));
                }
                if axis.rows.len() != axis.cells() || axis.rows.iter().all(|&rows| rows == 0) {
                    return problem("does not say how many rows fell into its cells");
                }
                if !axis.edges.windows(2).all(|edges| edges[0] < edges[1]) || axis.edges.iter().any(|e| !e.is_finite())
                {
                    return problem("has edges that do not ascend");
                }
            }
        }
        Ok(())
    }

    /// The mean margin, where columns come as they did in the fit, each by itself.
    pub(crate) fn expected(&self) -> f64 {
        let mean = |term: &Term| {
            let share = |axis: &Axis, cell: usize| axis.rows[cell] as f64 / axis.rows.iter().sum::<u64>() as f64;
            let cells = term.values.iter().enumerate();
            match term.axes.as_slice() {
                [axis] => cells.map(|(cell, value)| share(axis, cell) * value).sum::<f64>(),
                [first, second] => cells
                    .map(|(at, value)| share(first, at / second.cells()) * share(second, at % second.cells()) * value)
                    .sum(),
                _ => unreachable!("check wants one or two axes"),
            }
        };
        self.intercept + self.terms.iter().map(mean).sum::<f64>()
    }

    pub(super) fn add_margins(&self, columns: usize, values: &[f32], weight: f64, sums: &mut [f64]) {
        sums.iter_mut().for_each(|sum| *sum += weight * self.intercept);
        for term in &self.terms {
            let rows = values.chunks_exact(columns).zip(sums.iter_mut());
            match term.axes.as_slice() {
                [axis] => rows.for_each(|(row, sum)| *sum += weight * term.values[axis.cell(row[axis.column])]),
                [first, second] => rows.for_each(|(row, sum)| {
                    let cell = first.cell(row[first.column]) * second.cells() + second.cell(row[second.column]);
                    *sum += weight * term.values[cell];
                }),
                _ => unreachable!("check wants one or two axes"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hessboost::data::DMatrix;
    use hessboost::model::Iterations;

    use super::*;
    use crate::math::split_mix;

    /// Who leaves depends on column 0, bent, and on columns 1 and 2 together.
    fn sample() -> (Matrix, Vec<bool>) {
        let columns = 4;
        let unit = |seed: u64| (split_mix(seed) >> 40) as f32 / (1_u64 << 24) as f32;
        let values: Vec<f32> = (0..2_000 * columns as u64)
            .map(|at| if split_mix(at ^ 77).is_multiple_of(13) { f32::NAN } else { unit(at) })
            .collect();
        let zero = |value: f32| if value.is_nan() { 0.0 } else { value };
        let leaves = |(row, at): (&[f32], u64)| {
            let together = f32::from(u8::from((zero(row[1]) > 0.5) == (zero(row[2]) > 0.5)));
            (3.0 * zero(row[0])).sin() + together + unit(at + 1_000_000) > 1.4
        };
        let label = values.chunks(columns).zip(0..).map(leaves).collect();
        (Matrix { values, columns }, label)
    }

    fn margins(ebm: &Ebm, matrix: &Matrix) -> Vec<f64> {
        let mut sums = vec![0.0; matrix.rows()];
        ebm.add_margins(matrix.columns, &matrix.values, 1.0, &mut sums);
        sums
    }

    #[test]
    fn tables_score_as_the_trees_they_were_made_from() {
        let (matrix, label) = sample();
        let sample = Sample { matrix: &matrix, label: &label, weight: None };
        let booster = Booster::builder().interactions(2).build().unwrap();
        let settings = TrainingParams::builder()
            .objective(Objective::BinaryLogistic(RegLoss::default()))
            .tree_method(TreeMethod::Hist)
            .booster(BoosterKind::Ebm(booster))
            .grow_policy(GrowPolicy::LossGuide)
            .max_leaves(3)
            .eta(0.1)
            .build()
            .unwrap();
        let grown = hessboost::training::train(&settings, &labelled(sample).unwrap(), 30).unwrap();
        let ours = margins(&Ebm::of(&shape_functions(&grown).unwrap(), &matrix).unwrap(), &matrix);
        let data = DMatrix::from_dense(&matrix.values, matrix.rows(), matrix.columns).unwrap();
        let theirs = grown.predict_margin(&data, Iterations::Best).unwrap();
        for (ours, &theirs) in ours.iter().zip(theirs.as_slice()) {
            assert!((ours - f64::from(theirs)).abs() < 1e-4, "{ours} {theirs}");
        }
    }

    #[test]
    fn pairs_find_what_single_columns_cannot() {
        let (matrix, label) = sample();
        let sample = Sample { matrix: &matrix, label: &label, weight: None };
        let auc = |interactions| {
            let params = EbmParams { interactions, ..EbmParams::default() };
            let ebm = Ebm::fit(&params, sample, 7, 1).unwrap();
            crate::metrics::auc(&margins(&ebm, &matrix), &label).unwrap()
        };
        assert!(auc(1) > auc(0) + 0.05, "{} {}", auc(1), auc(0));
    }

    #[test]
    fn the_number_of_threads_changes_no_bit_and_damage_is_refused() {
        let (matrix, label) = sample();
        let sample = Sample { matrix: &matrix, label: &label, weight: None };
        let params = EbmParams { bags: 3, rounds: 10, interactions: 1, ..EbmParams::default() };
        let ebm = Ebm::fit(&params, sample, 7, 1).unwrap();
        assert_eq!(ebm, Ebm::fit(&params, sample, 7, 3).unwrap());
        assert!(ebm.check(4).is_ok());
        assert!(ebm.check(2).unwrap_err().contains("column"));
        let damaged = |damage: fn(&mut Ebm)| {
            let mut ebm = ebm.clone();
            damage(&mut ebm);
            ebm.check(4).unwrap_err()
        };
        assert!(damaged(|ebm| ebm.intercept = f64::NAN).contains("NaN"));
        assert!(damaged(|ebm| ebm.terms[0].values[0] = 1e300).contains("no value"));
        assert!(damaged(|ebm| ebm.terms[0].values.push(0.0)).contains("cells"));
        assert!(damaged(|ebm| ebm.terms[0].axes.clear()).contains("one or two"));
        assert!(damaged(|ebm| ebm.terms[0].axes[0].edges.reverse()).contains("ascend"));
        assert!(damaged(|ebm| ebm.terms[0].axes[0].rows.fill(0)).contains("rows fell"));
    }
}
