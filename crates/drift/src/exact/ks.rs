//! The two-sample test of Kolmogorov and Smirnov, two-sided.
//!
//! As `scipy.stats.ks_2samp` with method "auto": exact where neither sample has more than 10,000 values, otherwise
//! by the distribution of the one-sample statistic at the effective size nm / (n + m).

use super::sample::{Pair, by_value};
use super::{Score, Test, Undefined, kolmogorov};
use crate::PValue;

/// Larger samples are compared by the asymptotic distribution: the exact one takes time with the product of the sizes.
const MAX_EXACT: usize = 10_000;

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// Largest difference of the two distribution functions.
    pub statistic: f64,
    /// Probability of one as large between samples of one distribution.
    pub p_value: f64,
}

/// Compares two samples of finite numbers, both ascending. `None` when either is empty.
pub fn kolmogorov_smirnov(reference: &[f64], current: &[f64]) -> Option<KolmogorovSmirnov> {
    let (n, m) = (reference.len(), current.len());
    if n == 0 || m == 0 {
        return None;
    }
    let largest = largest_difference(reference, current);
    if n.max(m) > MAX_EXACT {
        let (n, m) = (n as f64, m as f64);
        let effective = (n * m / (n + m)).round_ties_even();
        let p_value = kolmogorov::upper_tail(effective as u64, largest).clamp(0.0, 1.0);
        return Some(KolmogorovSmirnov { statistic: largest, p_value });
    }
    let divisor = greatest_common_divisor(n, m);
    let multiple = (n / divisor) * m;
    let steps = (largest * multiple as f64).round_ties_even() as usize;
    let statistic = steps as f64 / multiple as f64;
    let p_value = match steps {
        0 => 1.0,
        _ if n == m => of_equal_sizes(n, steps),
        _ => of_sizes(n, m, divisor, steps),
    };
    Some(KolmogorovSmirnov { statistic, p_value: p_value.clamp(0.0, 1.0) })
}

pub(super) fn score(pair: &Pair) -> Result<Score, Undefined> {
    let (reference, current) = pair.numbers(Test::KolmogorovSmirnov)?;
    let found = kolmogorov_smirnov(reference, current).ok_or(Undefined::EmptyReference)?;
    let p_value = PValue::new(found.p_value).ok_or(Undefined::Range)?;
    Ok(Score::Significance { statistic: found.statistic, p_value })
}

fn largest_difference(reference: &[f64], current: &[f64]) -> f64 {
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let (mut seen_r, mut seen_c) = (0_u64, 0_u64);
    let mut largest = 0.0_f64;
    for (_, [r, c]) in by_value(reference, current) {
        seen_r += r;
        seen_c += c;
        largest = largest.max((seen_r as f64 / n - seen_c as f64 / m).abs());
    }
    largest
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Two samples of `n` values each: the probability that their distribution functions differ by `steps` / n or more. By
/// reflection (Gnedenko and Korolyuk 1951): 2 (C(2n, n-h) - C(2n, n-2h) + C(2n, n-3h) - ...) / C(2n, n), taken as
/// 2 A0 (1 - A1 (1 - A2 (...))) so that nothing cancels.
fn of_equal_sizes(n: usize, steps: usize) -> f64 {
    let mut probability = 0.0;
    for reflection in (0..=n / steps).rev() {
        let done = reflection * steps;
        let ratio: f64 = (0..steps)
            .map(|j| (n as f64 - done as f64 - j as f64) / (n as f64 + done as f64 + j as f64 + 1.0))
            .product();
        probability = ratio * (1.0 - probability);
    }
    2.0 * probability
}

/// Two samples of different sizes. Merging them at random walks from (0, 0) to (n, m), each value a step along its own
/// sample; the probability sought is that of ever coming `steps` / (nm / divisor) or further from the diagonal. It is
/// summed up where the walk leaves the band, so a small one keeps its digits.
fn of_sizes(n: usize, m: usize, divisor: usize, steps: usize) -> f64 {
    let (n, m) = (n.max(m), n.min(m));
    let (n_step, m_step) = ((m / divisor) as i64, (n / divisor) as i64);
    let steps = steps as i64;
    let (total, m_all) = ((n + m) as f64, m as f64);
    let mut outside = 0.0;
    // at[j]: probability of being at (i, j) without having left the band.
    let mut at = vec![0.0; m + 1];
    at[0] = 1.0;
    for i in 0..=n {
        let column = i as i64 * n_step;
        // The band in this column: |i n_step - j m_step| < steps.
        let low = ((column - steps).div_euclid(m_step) + 1).max(0) as usize;
        let high = (((column + steps - 1).div_euclid(m_step)).max(-1) + 1).min(m as i64 + 1) as usize;
        // Walks that came from the left below or above the band have just left it.
        let left_low: f64 = at[..low.min(m + 1)].iter().sum();
        at[..low.min(m + 1)].fill(0.0);
        outside += left_low;
        if low > m {
            return outside;
        }
        let left_high: f64 = at[high.max(low)..].iter().sum();
        at[high.max(low)..].fill(0.0);
        outside += left_high;
        for j in low..high {
            let mass = at[j];
            if mass == 0.0 {
                continue;
            }
            let left = total - (i + j) as f64;
            if left == 0.0 {
                break;
            }
            let up = mass * (m_all - j as f64) / left;
            if j + 1 < high {
                at[j + 1] += up;
            } else {
                outside += up;
            }
            at[j] = mass - up;
        }
    }
    outside
}
