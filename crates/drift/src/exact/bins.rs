//! Two samples cut into the bins that Evidently cuts them into.

use super::Undefined;
use super::sample::{Pair, by_value};
use crate::Edges;
use crate::psi::MAX_DISTINCT;

/// Rows of each side in each bin, as Evidently's `get_binned_data` cuts: by Sturges' rule over both sides together where
/// the reference has more than 20 distinct numbers, otherwise one bin a value.
pub(super) fn binned(pair: &Pair) -> Result<Vec<[u64; 2]>, Undefined> {
    let Pair::Numbers { reference, current, whole, .. } = pair else { return Ok(pair.counts()) };
    if by_value(reference, &[]).take(MAX_DISTINCT + 1).count() <= MAX_DISTINCT {
        return Ok(pair.counts());
    }
    let (min, max) = range(reference, current)?;
    let edges = sturges(min, max, reference.len() + current.len(), whole[0] && whole[1])?;
    Ok(histogram(&edges, reference).into_iter().zip(histogram(&edges, current)).map(|(r, c)| [r, c]).collect())
}

/// Smallest and largest value of two ascending samples.
pub(super) fn range(reference: &[f64], current: &[f64]) -> Result<(f64, f64), Undefined> {
    let min = match (reference.first(), current.first()) {
        (Some(&r), Some(&c)) => r.min(c),
        _ => return Err(Undefined::EmptyReference),
    };
    let max = match (reference.last(), current.last()) {
        (Some(&r), Some(&c)) => r.max(c),
        _ => return Err(Undefined::EmptyCurrent),
    };
    Ok((min, max))
}

/// `numpy.histogram_bin_edges(values, "sturges")` of `count` values.
pub(super) fn sturges(min: f64, max: f64, count: usize, whole: bool) -> Result<Edges, Undefined> {
    // As numpy does, one value has a bin of width 1 around it.
    let edges =
        if min == max { Edges::uniform(min - 0.5, max + 0.5, 1) } else { Edges::sturges(min, max, count, whole) };
    edges.map_err(|_| Undefined::Range)
}

/// `numpy.histogram` of ascending values, none of them outside the edges.
pub(super) fn histogram(edges: &Edges, ascending: &[f64]) -> Vec<u64> {
    let mut below = 0;
    (1..=edges.bins())
        .map(|bin| {
            let up_to = if bin == edges.bins() {
                ascending.len()
            } else {
                ascending.partition_point(|&value| value < edges.edge(bin))
            };
            let count = up_to - below;
            below = up_to;
            count as u64
        })
        .collect()
}
