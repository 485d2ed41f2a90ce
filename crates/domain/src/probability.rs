//! A probability that is one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

/// A number that is no probability.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("{0} is no probability, expected a number from 0 to 1")]
pub struct InvalidProbability(pub f64);

impl Probability {
    /// Accepts a number from 0 to 1.
    pub fn new(value: f64) -> Result<Self, InvalidProbability> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(InvalidProbability(value)) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = InvalidProbability;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> Self {
        probability.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_unit_interval_are_refused() {
        for bad in [-1e-12, 1.0 + 1e-12, f64::NAN, f64::INFINITY] {
            assert!(Probability::new(bad).is_err());
        }
        assert_eq!(Probability::new(1.0).map(Probability::get), Ok(1.0));
    }
}
