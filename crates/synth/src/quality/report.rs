//! The quality report: all columns, all pairs, one score.

use churn_domain::MISSING;
use serde::Serialize;

use super::view::{Customers, Values, names, views};
use super::{contingency_similarity, correlation, correlation_similarity, cramers_v, ks_complement, tv_complement};

/// Correlation and Cramér's V that a real pair must pass to count in the trends (SDMetrics' rule since 0.27).
const CORRELATION_THRESHOLD: f64 = 0.5;
const ASSOCIATION_THRESHOLD: f64 = 0.3;

/// Score of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnShape {
    /// The column's name.
    pub column: &'static str,
    /// KSComplement of a number, TVComplement of anything else; none when a side has no value.
    pub score: Option<f64>,
}

/// Score of one pair of columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairTrend {
    /// Names of the columns.
    pub columns: (&'static str, &'static str),
    /// CorrelationSimilarity of two numbers, ContingencySimilarity of any other pair; none where it does not exist.
    pub score: Option<f64>,
    /// The real pair's Pearson correlation (two numbers) or Cramér's V (any other pair).
    pub real: Option<f64>,
    /// Whether the pair counts in [`QualityReport::pair_trends`].
    pub counts: bool,
}

/// How alike two tables are, from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QualityReport {
    /// Every column, the label first.
    pub columns: Vec<ColumnShape>,
    /// Every pair.
    pub pairs: Vec<PairTrend>,
    /// Mean score of the columns.
    pub column_shapes: f64,
    /// Mean score of the pairs that count under SDMetrics' rule since 0.27.
    pub pair_trends: f64,
    /// Mean score of all pairs, SDMetrics' rule before.
    pub pair_trends_all: f64,
    /// Mean of [`Self::column_shapes`] and [`Self::pair_trends`].
    pub overall: f64,
}

/// Compares features and label of real and synthetic customers. Flags and the label are taken for categories.
pub fn report(real: Customers<'_>, synthetic: Customers<'_>) -> QualityReport {
    let names = names();
    let [real, synthetic] = views([real, synthetic]);
    let columns: Vec<ColumnShape> =
        (0..names.len()).map(|at| ColumnShape { column: names[at], score: shape(&real[at], &synthetic[at]) }).collect();
    let mut pairs = Vec::new();
    for left in 0..names.len() {
        for right in left + 1..names.len() {
            pairs.push(trend(
                (names[left], names[right]),
                [&real[left], &real[right]],
                [&synthetic[left], &synthetic[right]],
            ));
        }
    }
    let column_shapes = mean(columns.iter().filter_map(|column| column.score));
    let pair_trends = mean(pairs.iter().filter(|pair| pair.counts).filter_map(|pair| pair.score));
    let pair_trends_all = mean(pairs.iter().filter_map(|pair| pair.score));
    let overall = mean([column_shapes, pair_trends].into_iter().filter(|score| !score.is_nan()));
    QualityReport { columns, pairs, column_shapes, pair_trends, pair_trends_all, overall }
}

/// `NaN` of nothing.
fn mean(scores: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = scores.fold((0.0, 0.0), |(sum, count), score| (sum + score, count + 1.0));
    sum / count
}

fn shape(real: &Values, synthetic: &Values) -> Option<f64> {
    match (real, synthetic) {
        (Values::Number { values: real, .. }, Values::Number { values: synthetic, .. }) => {
            ks_complement(real, synthetic)
        }
        _ => {
            let present = |side: &Values| -> Vec<Option<u16>> {
                side.codes().iter().map(|&code| Some(code).filter(|&code| code != MISSING)).collect()
            };
            tv_complement(&present(real), &present(synthetic))
        }
    }
}

fn trend(columns: (&'static str, &'static str), real: [&Values; 2], synthetic: [&Values; 2]) -> PairTrend {
    if let (
        [Values::Number { values: a, .. }, Values::Number { values: b, .. }],
        [Values::Number { values: c, .. }, Values::Number { values: d, .. }],
    ) = (real, synthetic)
    {
        let strength = correlation(a, b);
        let counts = strength.is_some_and(|strength| strength.abs() > CORRELATION_THRESHOLD);
        return PairTrend { columns, score: correlation_similarity((a, b), (c, d)), real: strength, counts };
    }
    let strength = cramers_v(real[0].codes(), real[1].codes());
    let score =
        contingency_similarity((real[0].codes(), real[1].codes()), (synthetic[0].codes(), synthetic[1].codes()));
    PairTrend { columns, score, real: strength, counts: strength.is_some_and(|v| v > ASSOCIATION_THRESHOLD) }
}
