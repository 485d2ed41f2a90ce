//! Pairs of columns.

use std::collections::BTreeMap;

/// Pearson's correlation of the pairs without a missing value (`NaN`); none when a side is constant or there are fewer
/// than two pairs.
pub fn correlation(left: &[f64], right: &[f64]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> =
        left.iter().copied().zip(right.iter().copied()).filter(|(x, y)| !x.is_nan() && !y.is_nan()).collect();
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (x0, y0) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in &pairs {
        xx += (x - x0) * (x - x0);
        yy += (y - y0) * (y - y0);
        xy += (x - x0) * (y - y0);
    }
    (pairs.len() > 1 && xx > 0.0 && yy > 0.0).then(|| xy / (xx.sqrt() * yy.sqrt()))
}

/// CorrelationSimilarity: 1 minus half the difference of the two correlations, from 0 to 1; none when one of them does
/// not exist.
pub fn correlation_similarity(real: (&[f64], &[f64]), synthetic: (&[f64], &[f64])) -> Option<f64> {
    Some(1.0 - (correlation(real.0, real.1)? - correlation(synthetic.0, synthetic.1)?).abs() / 2.0)
}

/// ContingencySimilarity: 1 minus half the summed differences of the shares of all combinations of two columns, from 0
/// to 1. A missing value counts as a value of its own; none when a side has no rows.
///
/// # Panics
/// When the columns of a side differ in length.
pub fn contingency_similarity<T: Ord + Copy, U: Ord + Copy>(
    real: (&[T], &[U]),
    synthetic: (&[T], &[U]),
) -> Option<f64> {
    let (real_rows, synthetic_rows) = (real.0.len() as f64, synthetic.0.len() as f64);
    if real_rows == 0.0 || synthetic_rows == 0.0 {
        return None;
    }
    let mut shares: BTreeMap<(T, U), f64> =
        table(real).into_iter().map(|(at, count)| (at, count / real_rows)).collect();
    for (at, count) in table(synthetic) {
        *shares.entry(at).or_insert(0.0) -= count / synthetic_rows;
    }
    Some(1.0 - shares.values().map(|difference| difference.abs()).sum::<f64>() / 2.0)
}

fn table<T: Ord + Copy, U: Ord + Copy>((left, right): (&[T], &[U])) -> BTreeMap<(T, U), f64> {
    assert_eq!(left.len(), right.len(), "both columns have one value a row");
    let mut table = BTreeMap::new();
    left.iter().zip(right).for_each(|(x, y)| *table.entry((*x, *y)).or_insert(0.0) += 1.0);
    table
}

/// Cramér's V of two columns without correction, from 0 to 1; none when a column is constant.
pub fn cramers_v<T: Ord + Copy, U: Ord + Copy>(left: &[T], right: &[U]) -> Option<f64> {
    let cells = table((left, right));
    let (mut rows, mut columns) = (BTreeMap::<T, f64>::new(), BTreeMap::<U, f64>::new());
    for ((x, y), count) in &cells {
        *rows.entry(*x).or_default() += count;
        *columns.entry(*y).or_default() += count;
    }
    let freedom = rows.len().min(columns.len()).checked_sub(1).filter(|freedom| *freedom > 0)?;
    let total = left.len() as f64;
    let mut chi_squared = 0.0;
    for (x, row) in &rows {
        for (y, column) in &columns {
            let expected = row * column / total;
            let found = cells.get(&(*x, *y)).copied().unwrap_or(0.0);
            chi_squared += (found - expected) * (found - expected) / expected;
        }
    }
    Some((chi_squared / total / freedom as f64).sqrt())
}

/// Bins of a number column for comparing it with a category.
const BINS: usize = 10;

/// The eleven edges of ten equal bins between the smallest and the largest value, missing ones left out, as
/// `numpy.histogram_bin_edges` gives them; without a value those of 0 to 1.
pub fn bin_edges(values: &[f64]) -> [f64; BINS + 1] {
    let present = || values.iter().copied().filter(|value| !value.is_nan());
    let (low, high) = present().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => (low, high),
        Some(std::cmp::Ordering::Equal) => (low - 0.5, high + 0.5),
        _ => (0.0, 1.0),
    };
    let step = (high - low) / BINS as f64;
    std::array::from_fn(|edge| if edge == BINS { high } else { edge as f64 * step + low })
}

/// The number of edges at or below the value, as `numpy.digitize`; a missing value lies above all of them.
pub fn digitise(value: f64, edges: &[f64]) -> u16 {
    let place = if value.is_nan() { edges.len() } else { edges.partition_point(|edge| *edge <= value) };
    u16::try_from(place).unwrap_or(u16::MAX)
}
