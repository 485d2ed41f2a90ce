//! The step of an amount: real price lists do not use every cent.

use serde::{Deserialize, Serialize};

use super::Bounds;

/// The step that amounts are multiples of, in cents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tick(pub(crate) i64);

impl Tick {
    const CANDIDATES: [i64; 5] = [100, 50, 25, 10, 5];
    /// Share of the amounts that must be multiples. Below 1 so that a few typing errors do not hide a price list.
    const SHARE: f64 = 0.99;

    /// The coarsest step that nearly all amounts are multiples of, one cent when there is none.
    pub(crate) fn of(amounts: &[i64]) -> Self {
        let fits = |step: &i64| {
            let multiples = amounts.iter().filter(|&&amount| amount % step == 0).count();
            multiples as f64 >= Self::SHARE * amounts.len() as f64
        };
        Self(Self::CANDIDATES.into_iter().find(fits).unwrap_or(1))
    }

    /// The multiple nearest to an amount in cents, within bounds; the nearest cent where the bounds hold no multiple.
    pub(crate) fn round_within(self, cents: f64, bounds: Bounds<i64>) -> i64 {
        let step = self.0;
        let (low, high) = (bounds.min.div_euclid(step) * step, bounds.max.div_euclid(step) * step);
        let low = if low < bounds.min { low + step } else { low };
        if low > high {
            return bounds.clamp(cents.round() as i64);
        }
        (((cents / step as f64).round() as i64) * step).clamp(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_found_despite_a_stray_cent() {
        let mut amounts: Vec<i64> = (0..200).map(|n| n * 5).collect();
        assert_eq!(Tick::of(&amounts), Tick(5));
        amounts.push(3);
        assert_eq!(Tick::of(&amounts), Tick(5));
        amounts.extend([1; 50]);
        assert_eq!(Tick::of(&amounts), Tick(1));
    }

    #[test]
    fn rounding_never_leaves_the_bounds() {
        let bounds = Bounds { min: 7, max: 23 };
        assert_eq!(Tick(5).round_within(0.0, bounds), 10);
        assert_eq!(Tick(5).round_within(99.0, bounds), 20);
        assert_eq!(Tick(50).round_within(99.0, bounds), 23);
    }
}
