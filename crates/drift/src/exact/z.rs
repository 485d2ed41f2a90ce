//! Two proportions.

use statrs::function::erf::erfc;

use super::sample::Pair;
use super::{Score, Undefined};
use crate::PValue;

/// Pooled z-test of the shares of values that are not the first one in order, as Evidently has it. Two constants that
/// are the same cannot differ: p is 1.
pub(super) fn score(pair: &Pair) -> Result<Score, Undefined> {
    let counts = pair.counts();
    let [n, m] = pair.sizes().map(|size| size as f64);
    let statistic = match counts.as_slice() {
        [] => return Err(Undefined::EmptyReference),
        [_] => 0.0,
        [first, ..] => {
            let (p, q) = ((n - first[0] as f64) / n, (m - first[1] as f64) / m);
            let pooled = (p * n + q * m) / (n + m);
            (p - q) / (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt()
        }
    };
    let p_value =
        PValue::new(erfc(statistic.abs() / std::f64::consts::SQRT_2).clamp(0.0, 1.0)).ok_or(Undefined::Range)?;
    Ok(Score::Significance { statistic, p_value })
}
