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
    let exact = if n.max(m) <= MAX_EXACT { exact(n, m, largest) } else { Exact { statistic: largest, p_value: None } };
    let p_value = exact.p_value.unwrap_or_else(|| {
        let (n, m) = (n as f64, m as f64);
        let effective = (n * m / (n + m)).round_ties_even();
        kolmogorov::upper_tail(effective as u64, exact.statistic)
    });
    Some(KolmogorovSmirnov { statistic: exact.statistic, p_value: p_value.clamp(0.0, 1.0) })
}

struct Exact {
    statistic: f64,
    /// None where rounding makes it no probability: there SciPy takes the asymptotic distribution.
    p_value: Option<f64>,
}

fn exact(n: usize, m: usize, largest: f64) -> Exact {
    let divisor = greatest_common_divisor(n, m);
    let multiple = (n / divisor) * m;
    let steps = (largest * multiple as f64).round_ties_even() as usize;
    let p_value = match steps {
        0 => 1.0,
        _ if n == m => of_equal_sizes(n, steps),
        _ => of_sizes(n, m, divisor, steps),
    };
    Exact { statistic: steps as f64 / multiple as f64, p_value: (0.0..=1.0).contains(&p_value).then_some(p_value) }
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
        // In SciPy's order, because it decides whether rounding leaves a probability.
        let ratio = (0..steps).map(|j| (done + j) as f64).fold(1.0, |ratio, passed| {
            let n = n as f64;
            (n - passed) * ratio / (n + passed + 1.0)
        });
        probability = ratio * (1.0 - probability);
    }
    2.0 * probability
}

/// Two samples of different sizes. Merging them at random walks from (0, 0) to (n, m), each value a step along its own
/// sample; the probability sought is that of ever coming `steps` / (nm / divisor) or further from the diagonal. Of the walks
/// to (i, j) a share of i / (i + j) came from the left and the rest from below, so the share that has left the band is the
/// mean of theirs (Viehmann 2021, which SciPy follows): nothing is taken from 1, and a small one keeps its digits.
fn of_sizes(n: usize, m: usize, divisor: usize, steps: usize) -> f64 {
    let (n, m) = (n.max(m), n.min(m));
    let (n_step, m_step) = ((m / divisor) as i64, (n / divisor) as i64);
    let steps = steps as i64;
    // Share of the walks to (i, j) that have left the band; all of those that end outside of it.
    let mut left = vec![1.0; m + 1];
    let mut low_before = 0;
    for i in 0..=n {
        // The band in this column: |i n_step - j m_step| < steps.
        let column = i as i64 * n_step;
        let low = ((column - steps).div_euclid(m_step) + 1).max(0) as usize;
        let high = ((column + steps - 1).div_euclid(m_step) + 1).min(m as i64 + 1) as usize;
        if low >= high {
            return 1.0;
        }
        if i == 0 {
            left[low..high].fill(0.0);
            continue;
        }
        left[low_before..low].fill(1.0);
        low_before = low;
        let mut below = if low == 0 { 0.0 } else { 1.0 };
        for (j, share) in (low..high).zip(&mut left[low..high]) {
            below = (*share * i as f64 + below * j as f64) / (i + j) as f64;
            *share = below;
        }
    }
    left[m]
}
