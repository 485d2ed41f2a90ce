//! Distributions of single columns, held so that a standard normal number becomes a value without computing a
//! probability.

use serde::{Deserialize, Serialize};

use crate::normal;

/// The distribution of one column in one stratum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Marginal {
    /// Separate values by frequency: categories, flags, months. Months pile up at the first and the last value, which
    /// no smooth family follows.
    Steps {
        /// Values in the order of the latent normal number; each occurs.
        values: Vec<u16>,
        /// Their weights, above 0.
        weights: Vec<f64>,
    },
    /// Amounts: the empirical quantiles at [`KNOTS`] equally spaced normal quantiles, straight between them, and the
    /// extreme real value beyond.
    Smooth {
        /// Quantiles, ascending.
        knots: Vec<f64>,
    },
}

/// Number of knots of a smooth marginal. Fewer smear the peaks of the data, more follow its noise.
const KNOTS: usize = 61;
/// Normal quantile of the last knot, exceeded once in 11,000 rows.
const REACH: f64 = 3.75;
const STEP: f64 = 2.0 * REACH / (KNOTS - 1) as f64;

impl Marginal {
    /// By frequency: `counts` weighs `values`; values that never occur are left out.
    pub(crate) fn steps(values: &[u16], counts: &[f64]) -> Self {
        let occurring = || values.iter().zip(counts).filter(|&(_, &count)| count > 0.0);
        Self::Steps {
            values: occurring().map(|pair| *pair.0).collect(),
            weights: occurring().map(|pair| *pair.1).collect(),
        }
    }

    /// By the quantiles of a sample; all zero without one.
    pub(crate) fn smooth(mut sample: Vec<f64>) -> Self {
        sample.sort_by(f64::total_cmp);
        let quantile = |knot: usize| {
            let Some(last) = sample.len().checked_sub(1) else { return 0.0 };
            // Hazen's plotting position: the k-th of n values is the (k - ½)/n quantile.
            let place = normal::cdf(-REACH + STEP * knot as f64) * sample.len() as f64 - 0.5;
            let below = (place.max(0.0) as usize).min(last);
            let above = (below + 1).min(last);
            sample[below] + (place - below as f64).clamp(0.0, 1.0) * (sample[above] - sample[below])
        };
        Self::Smooth { knots: (0..KNOTS).map(quantile).collect() }
    }

    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Steps { values, weights } => {
                !values.is_empty()
                    && values.len() == weights.len()
                    && weights.iter().all(|weight| weight.is_finite() && *weight > 0.0)
            }
            Self::Smooth { knots } => {
                knots.len() == KNOTS && knots.iter().all(|knot| knot.is_finite()) && knots.is_sorted()
            }
        }
    }
}

/// A marginal made ready for drawing.
#[derive(Clone, Debug)]
pub(crate) enum Quantile {
    /// Value `i` lies between the cuts `i - 1` and `i`.
    Steps { cuts: Vec<f64>, values: Vec<u16> },
    /// See [`Marginal::Smooth`].
    Smooth(Vec<f64>),
}

impl Quantile {
    pub(crate) fn of(marginal: &Marginal) -> Self {
        match marginal {
            Marginal::Steps { values, weights } => Self::Steps { cuts: cuts(weights), values: values.clone() },
            Marginal::Smooth { knots } => Self::Smooth(knots.clone()),
        }
    }

    /// The separate value at a standard normal number. 0 for a smooth marginal.
    pub(crate) fn step(&self, latent: f64) -> u16 {
        match self {
            Self::Steps { cuts, values } if cuts.len() <= 8 => {
                values[cuts.iter().map(|cut| usize::from(*cut <= latent)).sum::<usize>()]
            }
            Self::Steps { cuts, values } => values[cuts.partition_point(|cut| *cut <= latent)],
            Self::Smooth(_) => 0,
        }
    }

    /// The stretch of the standard normal number that gives a separate value, none where it never occurs.
    pub(crate) fn stretch(&self, value: u16) -> Option<(f64, f64)> {
        let Self::Steps { cuts, values } = self else { return None };
        let place = values.iter().position(|candidate| *candidate == value)?;
        let low = place.checked_sub(1).map_or(f64::NEG_INFINITY, |below| cuts[below]);
        Some((low, cuts.get(place).copied().unwrap_or(f64::INFINITY)))
    }

    /// The separate values, none of a smooth marginal.
    pub(crate) fn values(&self) -> &[u16] {
        match self {
            Self::Steps { values, .. } => values,
            Self::Smooth(_) => &[],
        }
    }

    /// The amount at a standard normal number. 0 for separate values.
    pub(crate) fn amount(&self, latent: f64) -> f64 {
        let Self::Smooth(knots) = self else { return 0.0 };
        let place = ((latent + REACH) / STEP).clamp(0.0, (KNOTS - 1) as f64);
        let below = (place as usize).min(KNOTS - 2);
        knots[below] + (place - below as f64) * (knots[below + 1] - knots[below])
    }
}

/// The normal quantiles between neighbouring values of the given weights.
pub(crate) fn cuts(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut below = 0.0;
    let inner = weights.len().saturating_sub(1);
    weights[..inner]
        .iter()
        .map(|weight| {
            below += weight;
            normal::quantile(below / total)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_out_by_frequency_and_never_outside_the_seen_values() {
        let marginal = Marginal::steps(&[3, 1, 2], &[1.0, 0.0, 3.0]);
        let quantile = Quantile::of(&marginal);
        let below_quarter = normal::quantile(0.249);
        assert_eq!((quantile.step(below_quarter), quantile.step(-below_quarter), quantile.step(-9.0)), (3, 2, 3));
    }

    #[test]
    fn smooth_quantiles_stay_between_the_extremes() {
        let quantile = Quantile::of(&Marginal::smooth((0..=1_000).map(f64::from).collect()));
        assert_eq!((quantile.amount(-9.0), quantile.amount(9.0)), (0.0, 1_000.0));
        assert!((quantile.amount(0.0) - 500.0).abs() < 1.0);
        assert!((quantile.amount(1.0) - 841.3).abs() < 2.0);
        assert_eq!(Quantile::of(&Marginal::smooth(vec![4.0])).amount(0.3), 4.0);
    }
}
