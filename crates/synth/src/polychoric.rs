//! The correlation of the two normal numbers behind a table of counts (Olsson 1979, two-step maximum likelihood).

use crate::marginal::cuts;
use crate::normal::bivariate_cdf;

/// Counts of two ordered columns against each other.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    cells: Vec<f64>,
    height: usize,
    width: usize,
}

/// Largest correlation that is reported. Beyond it a projected matrix has no freedom left, and the quadrature of the
/// bivariate distribution loses digits.
const LIMIT: f64 = 0.97;
/// Steps of the golden section; 22 leave an error below 1e-4, far below the sampling error of any data.
const STEPS: usize = 22;
/// Below any probability that a count could come from; keeps the logarithm finite.
const FLOOR: f64 = 1e-12;

impl Counts {
    pub(crate) fn new(height: usize, width: usize) -> Self {
        Self { cells: vec![0.0; height * width], height, width }
    }

    pub(crate) fn add(&mut self, row: usize, column: usize) {
        self.cells[row * self.width + column] += 1.0;
    }

    pub(crate) fn total(&self) -> f64 {
        self.cells.iter().sum()
    }

    /// The correlation, none where a column never varies.
    pub(crate) fn correlation(&self) -> Option<f64> {
        let rows: Vec<f64> = self.cells.chunks(self.width).map(|row| row.iter().sum()).collect();
        let columns: Vec<f64> =
            (0..self.width).map(|column| self.cells.iter().skip(column).step_by(self.width).sum()).collect();
        let varies = |sums: &[f64]| sums.iter().filter(|sum| **sum > 0.0).count() > 1;
        if !varies(&rows) || !varies(&columns) {
            return None;
        }
        let (rows, columns) = (cuts(&rows), cuts(&columns));
        Some(maximum(|rho| self.log_likelihood(&rows, &columns, rho)))
    }

    fn log_likelihood(&self, rows: &[f64], columns: &[f64], rho: f64) -> f64 {
        let edge = |cuts: &[f64], at: usize| match at.checked_sub(1) {
            None => f64::NEG_INFINITY,
            Some(cut) => cuts.get(cut).copied().unwrap_or(f64::INFINITY),
        };
        let mut above = vec![0.0; self.width + 1];
        let mut sum = 0.0;
        for row in 0..self.height {
            let below: Vec<f64> =
                (0..=self.width).map(|column| bivariate_cdf(edge(rows, row + 1), edge(columns, column), rho)).collect();
            for column in 0..self.width {
                let count = self.cells[row * self.width + column];
                if count > 0.0 {
                    let probability = below[column + 1] - below[column] - above[column + 1] + above[column];
                    sum += count * probability.max(FLOOR).ln();
                }
            }
            above = below;
        }
        sum
    }
}

/// The place of the maximum of a function with one peak, by golden section.
fn maximum(function: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-LIMIT, LIMIT);
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (function(left), function(right));
    for _ in 0..STEPS {
        if at_left > at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = function(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = function(right);
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both halves cut at the median: P(both below) = 1/4 + asin(rho) / (2 pi), so the tetrachoric correlation of a
    /// table with share p on the diagonal is sin(pi (p - 1/2)).
    #[test]
    fn tetrachoric_correlation_of_a_median_split_is_sheppards() {
        for (agree, disagree) in [(300, 200), (450, 50), (100, 400)] {
            let mut counts = Counts::new(2, 2);
            (0..agree).for_each(|n| counts.add(n % 2, n % 2));
            (0..disagree).for_each(|n| counts.add(n % 2, 1 - n % 2));
            let expected = (std::f64::consts::PI * (agree as f64 / 500.0 - 0.5)).sin();
            assert!((counts.correlation().unwrap() - expected).abs() < 2e-4, "{agree}");
        }
    }

    #[test]
    fn a_constant_column_has_no_correlation() {
        let mut counts = Counts::new(2, 3);
        (0..30).for_each(|n| counts.add(1, n % 3));
        assert_eq!(counts.correlation(), None);
        assert_eq!(counts.total(), 30.0);
    }
}
