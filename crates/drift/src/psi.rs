//! Population stability index of two samples, equal to Evidently's.
//!
//! Formula: sum over bins of (r - c) ln(r / c), r and c the shares of the bin in reference and current. Missing and
//! infinite values are dropped from each side first. A number column whose reference has more than 20 distinct values
//! is cut by Sturges' rule over both samples together; any other column has one bin a value. A share of 0 is replaced,
//! on each side apart and without renormalising, by 0.0001, or by a millionth of the side's smallest share where that
//! is at most 0.0001. (Evidently 0.7, `legacy/calculations/stattests/psi.py` and `utils.py`.)

use std::collections::{BTreeMap, BTreeSet};

use churn_domain::{Column, Table};

use crate::{Distance, Edges};

/// Evidently's share for an empty bin; the smaller, the more one empty bin weighs.
const EMPTY_SHARE: f64 = 0.0001;
/// What the smallest share is divided by where it is no larger than [`EMPTY_SHARE`].
const EMPTY_DIVISOR: f64 = 1e6;
/// Number columns with at most so many distinct reference values have one bin a value.
pub(crate) const MAX_DISTINCT: usize = 20;

/// PSI of two histograms over the same bins, in nats. `None` when either is empty.
pub fn of_counts(reference: &[u64], current: &[u64]) -> Option<Distance> {
    let reference = shares(reference)?;
    let current = shares(current)?;
    Distance::new(reference.zip(current).map(|(r, c)| (r - c) * (r / c).ln()).sum())
}

/// The shares of a histogram, none of them 0.
pub(crate) fn shares(counts: &[u64]) -> Option<impl Iterator<Item = f64> + '_> {
    let total = counts.iter().sum::<u64>() as f64;
    let smallest = counts.iter().filter(|&&count| count > 0).min().map(|&count| count as f64 / total)?;
    let empty = if smallest <= EMPTY_SHARE { smallest / EMPTY_DIVISOR } else { EMPTY_SHARE };
    Some(counts.iter().map(move |&count| if count == 0 { empty } else { count as f64 / total }))
}

/// PSI of two samples of numbers. `whole_numbers` says that both samples are of a whole-number type, for which numpy
/// makes no bin narrower than 1. `None` when either side has no finite number, or when no bins can be made over their
/// range.
pub fn of_numbers(reference: &[f64], current: &[f64], whole_numbers: bool) -> Option<Distance> {
    let reference = finite(reference);
    let current = finite(current);
    if reference.is_empty() || current.is_empty() {
        return None;
    }
    if distinct(&reference).is_some() {
        return of_values(reference.iter().map(|v| v.to_bits()), current.iter().map(|v| v.to_bits()));
    }
    let both = || reference.iter().chain(&current);
    let min = both().copied().fold(f64::INFINITY, f64::min);
    let max = both().copied().fold(f64::NEG_INFINITY, f64::max);
    let edges = Edges::sturges(min, max, reference.len() + current.len(), whole_numbers).ok()?;
    of_counts(&histogram(&edges, &reference), &histogram(&edges, &current))
}

/// PSI of two samples of words, missing ones dropped. `None` when either side has no word.
pub fn of_words<'a>(
    reference: impl IntoIterator<Item = Option<&'a str>>,
    current: impl IntoIterator<Item = Option<&'a str>>,
) -> Option<Distance> {
    of_values(reference.into_iter().flatten(), current.into_iter().flatten())
}

/// PSI of each feature of two tables, in the order of [`FEATURES`](churn_domain::FEATURES). `None` where a side has no
/// value.
pub fn of_tables(reference: &Table, current: &Table) -> Vec<Option<Distance>> {
    let pair = |(reference, current): (&Column, &Column)| match (reference, current) {
        (Column::Category(reference), Column::Category(current)) => of_words(reference.iter(), current.iter()),
        (Column::Number(reference), Column::Number(current)) => of_numbers(reference, current, false),
        _ => None,
    };
    reference.columns().iter().zip(current.columns()).map(pair).collect()
}

fn of_values<T: Ord>(reference: impl Iterator<Item = T>, current: impl Iterator<Item = T>) -> Option<Distance> {
    let mut counts: BTreeMap<T, [u64; 2]> = BTreeMap::new();
    reference.for_each(|value| counts.entry(value).or_default()[0] += 1);
    current.for_each(|value| counts.entry(value).or_default()[1] += 1);
    let side = |side: usize| counts.values().map(|count| count[side]).collect::<Vec<_>>();
    of_counts(&side(0), &side(1))
}

/// The finite numbers; both zeros are one value.
pub(crate) fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().filter(|value| value.is_finite()).map(|value| value + 0.0).collect()
}

/// The distinct values, ascending, where there are at most [`MAX_DISTINCT`].
pub(crate) fn distinct(finite: &[f64]) -> Option<Vec<f64>> {
    let mut seen = BTreeSet::new();
    for value in finite {
        seen.insert(value.to_bits());
        if seen.len() > MAX_DISTINCT {
            return None;
        }
    }
    let mut values: Vec<f64> = seen.into_iter().map(f64::from_bits).collect();
    values.sort_by(f64::total_cmp);
    Some(values)
}

fn histogram(edges: &Edges, values: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.bins()];
    values.iter().for_each(|&value| counts[edges.bin(value)] += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_without_values_has_no_index() {
        assert_eq!(of_counts(&[0, 0], &[1, 2]), None);
        assert_eq!(of_numbers(&[f64::NAN, f64::INFINITY], &[1.0], false), None);
        assert_eq!(of_words([None], [Some("a")]), None);
    }

    #[test]
    fn equal_samples_are_no_distance_apart() {
        let ramp: Vec<f64> = (0..1_000).map(f64::from).collect();
        assert_eq!(of_numbers(&ramp, &ramp, true), Distance::new(0.0));
        assert_eq!(of_numbers(&[0.0, 1.0], &[-0.0, 1.0], false), Distance::new(0.0));
    }
}
