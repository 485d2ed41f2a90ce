//! Whether calibrating makes probabilities better, as NannyML decides it.

use super::isotonic::Isotonic;
use super::split::splits;

/// Bins of equal count that the calibration error is taken over.
const BINS: usize = 10;
/// A model that ranks this well is left alone.
const NEARLY_PERFECT: f64 = 0.999;

/// Whether isotonic calibration lowers the expected calibration error on rows that it was not fitted on, over ten
/// stratified splits. Never with a single class or a nearly perfect ranking.
pub(super) fn helps(probability: &[f64], actual: &[bool]) -> bool {
    match area(probability, actual) {
        Some(area) if area <= NEARLY_PERFECT => {}
        _ => return false,
    }
    let Some(splits) = splits(actual) else { return false };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for split in splits {
        let fitted = Isotonic::fit(&pick(probability, &split.train), &pick(actual, &split.train));
        for row in split.test {
            before.push((probability[row], actual[row]));
            after.push((fitted.calibrate(probability[row]), actual[row]));
        }
    }
    matches!((calibration_error(before), calibration_error(after)), (Some(before), Some(after)) if before > after)
}

fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row]).collect()
}

/// Mean over bins of equal count of the difference between mean probability and share of positives, weighted by rows.
/// `None` for too few rows.
fn calibration_error(mut rows: Vec<(f64, bool)>) -> Option<f64> {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bins = if rows.len() <= 2 * BINS { rows.len() / 2 } else { BINS };
    if bins < 2 {
        return None;
    }
    let width = rows.len() / bins;
    // numpy's range ends where a full width no longer fits, and the last edge is moved to the end.
    let edges = rows.len() / width;
    let total = rows.len() as f64;
    let sum = (0..edges)
        .map(|bin| {
            let end = if bin + 1 == edges { rows.len() } else { (bin + 1) * width };
            let bin = &rows[bin * width..end];
            let count = bin.len() as f64;
            let mean = bin.iter().map(|row| row.0).sum::<f64>() / count;
            let share = bin.iter().filter(|row| row.1).count() as f64 / count;
            count / total * (mean - share).abs()
        })
        .sum();
    Some(sum)
}

/// The exact area under the ROC curve; `None` unless both classes occur.
pub(super) fn area(probability: &[f64], actual: &[bool]) -> Option<f64> {
    let mut rows: Vec<(f64, bool)> = probability.iter().copied().zip(actual.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut twice_won, mut positives) = (0_u64, 0_u64, 0_u64);
    for ties in rows.chunk_by(|a, b| a.0 == b.0) {
        let churned = ties.iter().filter(|row| row.1).count() as u64;
        let stayed = ties.len() as u64 - churned;
        twice_won += churned * (2 * below + stayed);
        below += stayed;
        positives += churned;
    }
    let pairs = positives * below;
    (pairs > 0).then(|| twice_won as f64 / 2.0 / pairs as f64)
}
