//! Distribution of the one-sample statistic of Kolmogorov and Smirnov.
//!
//! The cases and their borders are those of Simard and L'Ecuyer (2011), "Computing the two-sided Kolmogorov-Smirnov
//! distribution", as SciPy has them, so that the figures agree with `scipy.stats.kstwo.sf` where an approximation is
//! used. Where SciPy takes Pomeranz's recursion, Durbin's matrix stands here: both are exact.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

/// Up to this size every case is exact.
const SMALL: u64 = 140;
/// Numbers are kept within this power of two while the matrix is raised.
const SCALE_BITS: i32 = 128;

/// Probability that the statistic of `n` values is larger than `d`.
pub(super) fn upper_tail(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let t = size * d;
    if d >= 1.0 || n == 0 {
        0.0
    } else if t <= 0.5 {
        1.0
    } else if t <= 1.0 {
        1.0 - near_the_smallest(n, t)
    } else if t >= size - 1.0 {
        2.0 * (1.0 - d).powf(size)
    } else if d >= 0.5 {
        2.0 * one_sided(n, d)
    } else if n <= SMALL {
        if t * d <= 4.0 { 1.0 - durbin(n, d) } else { 2.0 * one_sided(n, d) }
    } else if t * d >= 370.0 {
        0.0
    } else if t * d >= 2.2 {
        2.0 * one_sided(n, d)
    } else if n <= 100_000 && size * d.powf(1.5) <= 1.4 {
        1.0 - durbin(n, d)
    } else {
        pelz_good(size, d)
    }
}

/// n! / n^n (2t - 1)^n, where 1/2 < t = nd <= 1 (Ruben and Gambino 1982).
fn near_the_smallest(n: u64, t: f64) -> f64 {
    let size = n as f64;
    (ln_gamma(size + 1.0) - size * size.ln() + size * (2.0 * t - 1.0).ln()).exp()
}

/// Probability that the one-sided statistic exceeds `d` (Birnbaum and Tingey 1951):
/// d sum over v <= n (1 - d) of C(n, v) (d + v/n)^(v-1) (1 - d - v/n)^(n-v).
fn one_sided(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let last = (size * (1.0 - d)).floor() as u64;
    let all = ln_gamma(size + 1.0);
    (0..=last)
        .map(|v| {
            let v = v as f64;
            let rest = 1.0 - d - v / size;
            if rest <= 0.0 {
                return 0.0;
            }
            let choose = all - ln_gamma(v + 1.0) - ln_gamma(size - v + 1.0);
            (choose + (v - 1.0) * (d + v / size).ln() + (size - v) * rest.ln()).exp()
        })
        .sum::<f64>()
        * d
}

/// Probability that the statistic is at most `d`, exactly: an entry of the n-th power of Durbin's matrix (Marsaglia,
/// Tsang and Wang 2003).
fn durbin(n: u64, d: f64) -> f64 {
    let t = n as f64 * d;
    let k = t.ceil() as usize;
    let side = 2 * k - 1;
    let (power, mut exponent) = Matrix::durbin(side, k as f64 - t).power(n, k - 1);
    let mut entry = power.get(k - 1, k - 1);
    for i in 1..=n {
        entry *= i as f64 / n as f64;
        if entry < 2.0_f64.powi(-SCALE_BITS) {
            entry *= 2.0_f64.powi(SCALE_BITS);
            exponent -= SCALE_BITS;
        }
    }
    (entry * 2.0_f64.powi(exponent)).clamp(0.0, 1.0)
}

/// A square matrix, row by row.
#[derive(Clone)]
struct Matrix {
    side: usize,
    cells: Vec<f64>,
}

impl Matrix {
    fn durbin(side: usize, h: f64) -> Self {
        let mut factorials = vec![1.0];
        (1..=side).for_each(|i| factorials.push(factorials[i - 1] * i as f64));
        let mut matrix = Self { side, cells: vec![0.0; side * side] };
        for i in 0..side {
            for j in 0..side.min(i + 2) {
                matrix.cells[i * side + j] = 1.0 / factorials[i + 1 - j];
            }
        }
        for i in 0..side {
            let edge = (1.0 - h.powi(i as i32 + 1)) / factorials[i + 1];
            matrix.cells[i * side] = edge;
            matrix.cells[(side - 1) * side + side - 1 - i] = edge;
        }
        let corner = 1.0 - 2.0 * h.powi(side as i32) + (2.0 * h - 1.0).max(0.0).powi(side as i32);
        matrix.cells[(side - 1) * side] = corner / factorials[side];
        matrix
    }

    fn get(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.side + column]
    }

    /// The matrix to the power of `n`, and the power of two that it is to be multiplied with. The entry (`watched`,
    /// `watched`) tells when to scale.
    fn power(self, mut n: u64, watched: usize) -> (Self, i32) {
        let side = self.side;
        let mut identity = Self { side, cells: vec![0.0; side * side] };
        (0..side).for_each(|i| identity.cells[i * side + i] = 1.0);
        let (mut result, mut result_exponent) = (identity, 0);
        let (mut base, mut base_exponent) = (self, 0);
        while n > 0 {
            if n % 2 == 1 {
                result = result.times(&base);
                result_exponent += base_exponent;
                result.scale(watched, &mut result_exponent);
            }
            base = base.times(&base);
            base_exponent *= 2;
            base.scale(watched, &mut base_exponent);
            n /= 2;
        }
        (result, result_exponent)
    }

    fn scale(&mut self, watched: usize, exponent: &mut i32) {
        if self.get(watched, watched) > 2.0_f64.powi(SCALE_BITS) {
            let factor = 2.0_f64.powi(-SCALE_BITS);
            self.cells.iter_mut().for_each(|cell| *cell *= factor);
            *exponent += SCALE_BITS;
        }
    }

    fn times(&self, other: &Self) -> Self {
        let side = self.side;
        let mut cells = vec![0.0; side * side];
        for (row, out) in self.cells.chunks(side).zip(cells.chunks_mut(side)) {
            for (&factor, line) in row.iter().zip(other.cells.chunks(side)) {
                out.iter_mut().zip(line).for_each(|(sum, cell)| *sum += factor * cell);
            }
        }
        Self { side, cells }
    }
}

/// Probability that the statistic of `n` values is larger than `d`, by the series of Pelz and Good (1976): the limit
/// distribution with corrections down to n^(-3/2), each turned by the identity of Jacobi's theta functions into a sum
/// that ends after a few terms.
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = n.sqrt() * d;
    let z2 = z * z;
    let pi2 = PI * PI;
    let log_q = -pi2 / 8.0 / z2;
    // Below, e^log_q is no number any more and the statistic is certainly larger.
    if log_q < f64::MIN_POSITIVE.ln() {
        return 1.0;
    }
    let (z4, z6) = (z2 * z2, z2 * z2 * z2);
    let terms = (16.0 * z / PI).ceil() as u32;
    let mut sums = [0.0; 4];
    for k in (1..=terms).rev() {
        let odd = f64::from(2 * k - 1);
        let (m2, m4, m6) = (odd.powi(2), odd.powi(4), odd.powi(6));
        let weight = (log_q * m2).exp();
        sums[0] += weight;
        sums[1] += weight * (-z2 + pi2 / 4.0 * m2);
        sums[2] += weight
            * (6.0 * z6
                + 2.0 * z4
                + (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2
                + pi2.powi(2) * (1.0 - 2.0 * z2) / 16.0 * m4);
        sums[3] += weight
            * (-30.0 * z6 - 90.0 * z4 * z4
                + pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                + pi2.powi(2) * (-60.0 * z2 + 212.0 * z4) / 16.0 * m4
                + pi2.powi(3) * (5.0 - 30.0 * z2) / 64.0 * m6);
    }
    let root = (2.0 * PI).sqrt();
    let divisors = [z, 6.0 * z4, 72.0 * z6 * z, 6_480.0 * z6 * z4];
    sums.iter_mut().zip(divisors).for_each(|(sum, divisor)| *sum *= root / divisor);
    let (second, third) = even_terms(z, terms);
    sums[2] += second * pi2 * root / (-36.0 * z2 * z);
    sums[3] += third * pi2 * root / (216.0 * z6);
    1.0 - sums[0] - sums[1] / n.sqrt() - sums[2] / n - sums[3] / n.powf(1.5)
}

/// The sums over all whole k in the second and the third correction.
fn even_terms(z: f64, terms: u32) -> (f64, f64) {
    let log_q = -PI * PI / 2.0 / (z * z);
    (1..=terms).rev().map(f64::from).fold((0.0, 0.0), |(second, third), k| {
        let weight = k * k * (log_q * k * k).exp();
        (second + weight, third + weight * (3.0 * z * z - PI * PI * k * k))
    })
}
