//! Mean and variance of a stream, and whether two differ.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

use crate::PValue;

/// Number, mean and squared deviations of some values (Welford 1962), in constant memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    rows: u64,
    mean: f64,
    squares: f64,
}

/// How much larger one mean is than another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// Mean of the reference.
    pub before: f64,
    /// Mean of the current values.
    pub now: f64,
    /// Probability of a mean as large or larger, if nothing has changed.
    pub p_value: PValue,
}

impl Moments {
    /// Takes a value.
    pub fn add(&mut self, value: f64) {
        self.rows += 1;
        let deviation = value - self.mean;
        self.mean += deviation / self.rows as f64;
        self.squares += deviation * (value - self.mean);
    }

    /// Takes a value that came `rows` times.
    pub fn add_many(&mut self, value: f64, rows: u64) {
        if rows > 0 {
            // Chan, Golub and LeVeque 1979, with a part that does not scatter.
            let all = self.rows + rows;
            let deviation = value - self.mean;
            self.mean += deviation * rows as f64 / all as f64;
            self.squares += deviation * deviation * self.rows as f64 * rows as f64 / all as f64;
            self.rows = all;
        }
    }

    /// Adds what another has taken.
    pub fn merge(&mut self, other: &Self) {
        if other.rows > 0 {
            let all = self.rows + other.rows;
            let deviation = other.mean - self.mean;
            self.mean += deviation * other.rows as f64 / all as f64;
            self.squares += other.squares + deviation * deviation * self.rows as f64 * other.rows as f64 / all as f64;
            self.rows = all;
        }
    }

    /// Values taken.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Their mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.rows > 0).then_some(self.mean)
    }

    /// The standard error of the mean; `None` for fewer than two values.
    pub fn standard_error(&self) -> Option<f64> {
        self.error_squared().map(f64::sqrt)
    }

    /// The standard error of the mean squared; `None` for fewer than two values.
    fn error_squared(&self) -> Option<f64> {
        (self.rows > 1).then(|| self.squares / (self.rows - 1) as f64 / self.rows as f64)
    }

    /// Whether the mean has grown since the reference: Welch's statistic by the normal distribution, which holds for the
    /// thousands of values that it is meant for. `None` when either side has fewer than two values.
    pub fn shift_from(&self, reference: &Self) -> Option<Shift> {
        let (before, now) = (reference.mean()?, self.mean()?);
        let error = (reference.error_squared()? + self.error_squared()?).sqrt();
        let p_value = match (now - before) / error {
            z if z.is_finite() => erfc(z / std::f64::consts::SQRT_2) / 2.0,
            // Two constants.
            _ if now > before => 0.0,
            _ => 1.0,
        };
        Some(Shift { before, now, p_value: PValue::new(p_value.clamp(0.0, 1.0))? })
    }
}

impl Shift {
    /// The growth as a share of the mean before; 0 when that is not above 0.
    pub fn relative(&self) -> f64 {
        if self.before > 0.0 { (self.now - self.before) / self.before } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: impl IntoIterator<Item = f64>) -> Moments {
        let mut moments = Moments::default();
        values.into_iter().for_each(|value| moments.add(value));
        moments
    }

    #[test]
    fn a_larger_mean_is_significant_and_a_smaller_one_is_not() {
        let spread = |by: f64| moments((0..1_000).map(|i| f64::from(i % 10) + by));
        let grown = spread(1.0).shift_from(&spread(0.0)).unwrap();
        assert!((grown.before - 4.5).abs() < 1e-12 && (grown.now - 5.5).abs() < 1e-12);
        // z = 1 / sqrt(2 * 8.2583 / 1000) = 7.7813, by scipy.stats.norm.sf.
        assert!((grown.p_value.get() / 3.59e-15 - 1.0).abs() < 0.02, "{:?}", grown.p_value);
        assert!((grown.relative() - 1.0 / 4.5).abs() < 1e-12);
        assert!(spread(0.0).shift_from(&spread(1.0)).unwrap().p_value.get() > 0.999);
    }

    #[test]
    fn a_value_that_came_often_counts_as_often() {
        let mut counted = Moments::default();
        [(0.5, 3), (2.0, 0), (4.0, 5)].into_iter().for_each(|(value, rows)| counted.add_many(value, rows));
        let each = moments([0.5, 0.5, 0.5, 4.0, 4.0, 4.0, 4.0, 4.0]);
        assert_eq!(counted.rows(), 8);
        assert!((counted.mean - each.mean).abs() < 1e-12 && (counted.squares - each.squares).abs() < 1e-12);
    }

    #[test]
    fn parts_merged_equal_the_whole() {
        let values = |range: std::ops::Range<u32>| moments(range.map(|i| f64::from(i * 7 % 11)));
        let (mut parts, whole) = (Moments::default(), values(0..100));
        [0..1, 1..40, 40..40, 40..100].into_iter().for_each(|part| parts.merge(&values(part)));
        assert_eq!(parts.rows(), 100);
        assert!((parts.mean - whole.mean).abs() < 1e-12 && (parts.squares - whole.squares).abs() < 1e-9);
    }

    #[test]
    fn constants_and_too_few_values_are_defined() {
        assert_eq!(moments([1.0]).shift_from(&moments([1.0, 1.0])), None);
        assert_eq!(moments([2.0; 5]).shift_from(&moments([1.0; 5])).unwrap().p_value, PValue::new(0.0).unwrap());
        assert_eq!(moments([1.0; 5]).shift_from(&moments([1.0; 5])).unwrap().p_value, PValue::new(1.0).unwrap());
    }
}
