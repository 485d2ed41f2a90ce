//! Whether synthetic values could be real ones: SDMetrics' diagnostic.

use std::collections::BTreeSet;

use serde::Serialize;

use super::view::{Customers, Values, names, views};

/// BoundaryAdherence: share of the synthetic numbers between the smallest and the largest real one. Missing values
/// (`NaN`) are left out where the real column has some, and lie outside where it has none; none without a value.
pub fn boundary_adherence(real: &[f64], synthetic: &[f64]) -> Option<f64> {
    let may_miss = real.iter().any(|value| value.is_nan());
    let (low, high) = real
        .iter()
        .filter(|value| !value.is_nan())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    let counted = synthetic.iter().filter(|value| !(may_miss && value.is_nan())).count();
    let inside = synthetic.iter().filter(|value| (low..=high).contains(*value)).count();
    (counted > 0).then(|| inside as f64 / counted as f64)
}

/// CategoryAdherence: share of the synthetic values that a real row has too. A missing value is a value of its own; none
/// without a synthetic value.
pub fn category_adherence<T: Ord + Copy>(real: &[T], synthetic: &[T]) -> Option<f64> {
    let seen: BTreeSet<T> = real.iter().copied().collect();
    let known = synthetic.iter().filter(|value| seen.contains(value)).count();
    (!synthetic.is_empty()).then(|| known as f64 / synthetic.len() as f64)
}

/// What SDMetrics' diagnostic report says. 1 is the goal, not a good mark: less means that a value cannot be real.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnostic {
    /// Each column's share of values that could be real ones, the label first.
    pub columns: Vec<(&'static str, Option<f64>)>,
    /// Mean of the columns.
    pub validity: f64,
    /// Share of the columns that both tables have. Always 1: a table that lacks a column cannot be read.
    pub structure: f64,
    /// Mean of the two.
    pub overall: f64,
}

/// Looks for values that no real customer could have.
pub fn diagnostic(real: Customers<'_>, synthetic: Customers<'_>) -> Diagnostic {
    let [real, synthetic] = views([real, synthetic]);
    let columns: Vec<(&'static str, Option<f64>)> = names()
        .into_iter()
        .zip(real.iter().zip(&synthetic))
        .map(|(name, sides)| match sides {
            (Values::Number { values: real, .. }, Values::Number { values: synthetic, .. }) => {
                (name, boundary_adherence(real, synthetic))
            }
            (real, synthetic) => (name, category_adherence(real.codes(), synthetic.codes())),
        })
        .collect();
    let scores: Vec<f64> = columns.iter().filter_map(|(_, score)| *score).collect();
    let validity = scores.iter().sum::<f64>() / scores.len() as f64;
    Diagnostic { columns, validity, structure: 1.0, overall: (validity + 1.0) / 2.0 }
}
