//! Goodness of fit of the current sample to the reference.

use statrs::function::gamma::checked_gamma_ur;

use super::sample::Pair;
use super::{Score, Undefined};
use crate::PValue;

/// `scipy.stats.chisquare` of the current counts, the reference's counts scaled to their sum being what is expected. A
/// value that the reference never had makes the statistic infinite and the p-value 0.
pub(super) fn score(pair: &Pair) -> Result<Score, Undefined> {
    let counts = pair.counts();
    if counts.len() < 2 {
        return Err(Undefined::OneValue);
    }
    let [n, m] = pair.sizes().map(|size| size as f64);
    let scale = m / n;
    let statistic: f64 = counts
        .iter()
        .map(|&[r, c]| {
            let expected = r as f64 * scale;
            (c as f64 - expected).powi(2) / expected
        })
        .sum();
    let p_value = upper_tail((counts.len() - 1) as f64, statistic).and_then(PValue::new).ok_or(Undefined::Range)?;
    Ok(Score::Significance { statistic, p_value })
}

/// Probability that a chi-square variable of these degrees of freedom is larger.
fn upper_tail(degrees: f64, statistic: f64) -> Option<f64> {
    if statistic.is_infinite() {
        return Some(0.0);
    }
    if statistic <= 0.0 {
        return Some(1.0);
    }
    checked_gamma_ur(degrees / 2.0, statistic / 2.0).ok().map(|p| p.clamp(0.0, 1.0))
}
