//! How far two samples are apart.

use super::bins::{binned, histogram, range, sturges};
use super::sample::{Pair, by_value};
use super::{Score, Test, Undefined};
use crate::Distance;
use crate::psi::shares;

/// Smallest standard deviation that Evidently divides by.
const MIN_DEVIATION: f64 = 0.001;

/// A number that must not be negative but may come out so by rounding.
fn distance(value: f64) -> Result<Score, Undefined> {
    Distance::new(value.max(0.0)).map(Score::Distance).filter(|_| !value.is_nan()).ok_or(Undefined::Range)
}

fn sides(counts: &[[u64; 2]]) -> [Vec<u64>; 2] {
    [0, 1].map(|side| counts.iter().map(|count| count[side]).collect())
}

/// Sum of (r - c) ln(r / c) over the bins, empty ones filled up.
pub(super) fn psi(pair: &Pair) -> Result<Score, Undefined> {
    let [reference, current] = sides(&binned(pair)?);
    crate::psi::of_counts(&reference, &current).map(Score::Distance).ok_or(Undefined::Range)
}

/// `scipy.stats.entropy(reference, current)`: sum of r ln(r / c) over the bins, empty ones filled up, each side made to
/// sum to 1 again.
pub(super) fn kullback_leibler(pair: &Pair) -> Result<Score, Undefined> {
    let [reference, current] = sides(&binned(pair)?);
    let reference: Vec<f64> = shares(&reference).ok_or(Undefined::EmptyReference)?.collect();
    let current: Vec<f64> = shares(&current).ok_or(Undefined::EmptyCurrent)?.collect();
    let (r_sum, c_sum) = (reference.iter().sum::<f64>(), current.iter().sum::<f64>());
    distance(reference.iter().zip(&current).map(|(r, c)| r / r_sum * ((r / r_sum) / (c / c_sum)).ln()).sum())
}

/// `scipy.spatial.distance.jensenshannon`: the square root of the mean divergence of both sides from their middle.
pub(super) fn jensen_shannon(pair: &Pair) -> Result<Score, Undefined> {
    let counts = binned(pair)?;
    let [n, m] = pair.sizes().map(|size| size as f64);
    let divergence = |side: usize| -> f64 {
        counts
            .iter()
            .map(|count| (count[side], [count[0] as f64 / n, count[1] as f64 / m]))
            .filter(|&(count, _)| count > 0)
            .map(|(_, share)| share[side] * (share[side] / ((share[0] + share[1]) / 2.0)).ln())
            .sum()
    };
    distance(((divergence(0) + divergence(1)) / 2.0).max(0.0).sqrt())
}

/// The square root of 1 - sum of sqrt(r c). Numbers are always cut, by Sturges' rule over the distinct values of both
/// sides; the order of the operations is Evidently's, because near 0 the last digit of the sum decides.
pub(super) fn hellinger(pair: &Pair) -> Result<Score, Undefined> {
    let overlap = match pair {
        Pair::Words(counts) => {
            let [n, m] = pair.sizes().map(|size| size as f64);
            counts.iter().map(|&[r, c]| (r as f64 / n * (c as f64 / m)).sqrt()).sum::<f64>()
        }
        Pair::Numbers { reference, current, whole, .. } => {
            let distinct = by_value(reference, current).count();
            let (min, max) = range(reference, current)?;
            // Evidently joins two sets, where a value of both is kept as the reference has it: a whole number stays one
            // beside a column that is none, as long as that column brings no value of its own.
            let brings_none = || by_value(reference, current).all(|(_, [in_reference, _])| in_reference > 0);
            let edges = sturges(min, max, distinct, whole[0] && (whole[1] || brings_none()))?;
            let width = (edges.max() - edges.min()) / edges.bins() as f64;
            let density = |values: &[f64]| {
                let total = values.len() as f64;
                let counts = histogram(&edges, values).into_iter().enumerate();
                counts
                    .map(|(bin, count)| count as f64 / (edges.edge(bin + 1) - edges.edge(bin)) / total)
                    .collect::<Vec<_>>()
            };
            density(reference).into_iter().zip(density(current)).map(|(r, c)| (r * c).sqrt() * width).sum::<f64>()
        }
    };
    distance((1.0 - overlap.clamp(0.0, 1.0)).sqrt())
}

/// `scipy.stats.wasserstein_distance` over the reference's standard deviation, 0.001 at least.
pub(super) fn wasserstein(pair: &Pair) -> Result<Score, Undefined> {
    let Pair::Numbers { reference, current, deviation, .. } = pair else {
        return Err(Undefined::NeedsNumbers(Test::Wasserstein));
    };
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let (mut seen_r, mut seen_c) = (0_u64, 0_u64);
    let mut before: Option<f64> = None;
    let mut area = 0.0;
    for (value, [r, c]) in by_value(reference, current) {
        if let Some(before) = before {
            area += (seen_r as f64 / n - seen_c as f64 / m).abs() * (value - before);
        }
        seen_r += r;
        seen_c += c;
        before = Some(value);
    }
    distance(area / deviation.max(MIN_DEVIATION))
}
