//! Drift detection method (Gama, Medas, Castillo and Rodrigues 2004).

use serde::{Deserialize, Serialize};

use super::{Mean, Signal};

/// Values before anything is said.
const WARM_START: f64 = 30.0;

/// Watches a classifier's errors: 1 for a wrong label, 0 for a right one. It speaks up when the error rate exceeds its
/// lowest so far by some of its standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ddm {
    warning: f64,
    drift: f64,
    errors: Mean,
    /// Error rate and standard deviation where their sum was lowest.
    lowest: Option<(f64, f64)>,
    begin_anew: bool,
}

impl Default for Ddm {
    fn default() -> Self {
        Self::new(2.0, 3.0)
    }
}

impl Ddm {
    /// Warns and calls a drift at so many standard deviations.
    pub fn new(warning: f64, drift: f64) -> Self {
        Self { warning, drift, errors: Mean::default(), lowest: None, begin_anew: false }
    }

    /// Takes the next value, from 0 to 1.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.begin_anew {
            *self = Self::new(self.warning, self.drift);
        }
        self.errors.update(value);
        let (rate, rows) = (self.errors.mean, self.errors.rows);
        if rows <= WARM_START {
            return Signal::Calm;
        }
        // A mean of ones may round to just above 1.
        let deviation = (rate * (1.0 - rate) / rows).max(0.0).sqrt();
        let (low_rate, low_deviation) = match self.lowest {
            Some(lowest) if rate + deviation > lowest.0 + lowest.1 => lowest,
            _ => *self.lowest.insert((rate, deviation)),
        };
        self.begin_anew = rate + deviation > low_rate + self.drift * low_deviation;
        if self.begin_anew {
            Signal::Drift
        } else if rate + deviation > low_rate + self.warning * low_deviation {
            Signal::Warning
        } else {
            Signal::Calm
        }
    }
}
