//! The two kinds of figure that a drift test gives.

use serde::{Deserialize, Serialize};

/// Probability of a difference at least as large as the one seen, if nothing has changed: significant when small.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PValue(f64);

impl PValue {
    /// Nothing speaks against chance.
    pub const CERTAIN: Self = Self(1.0);

    /// A number from 0 to 1; `None` for any other.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Whether it is significant at `level`, that is at most `level`.
    pub fn is_significant(self, level: f64) -> bool {
        self.0 <= level
    }
}

/// How far two distributions are apart: matters when large. Its unit depends on the test (nats for PSI).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distance(f64);

impl Distance {
    /// A finite number that is not negative; `None` for any other.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value >= 0.0).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Whether it is at least `threshold`.
    pub fn reaches(self, threshold: f64) -> bool {
        self.0 >= threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_figures_are_refused() {
        for bad in [f64::NAN, -0.1, f64::INFINITY] {
            assert!(PValue::new(bad).is_none() && Distance::new(bad).is_none());
        }
        assert!(PValue::new(1.1).is_none());
    }

    #[test]
    fn the_direction_of_the_comparison_belongs_to_the_type() {
        assert!(PValue::new(0.05).unwrap().is_significant(0.05));
        assert!(!PValue::new(0.06).unwrap().is_significant(0.05));
        assert!(Distance::new(0.1).unwrap().reaches(0.1));
        assert!(!Distance::new(0.09).unwrap().reaches(0.1));
    }
}
