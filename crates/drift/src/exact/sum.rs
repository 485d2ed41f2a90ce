//! Sums as numpy adds up.

/// Numbers that are added up without halving.
const BLOCK: usize = 128;
/// Sums that run beside each other in a block.
const LANES: usize = 8;

/// `numpy.sum`: halves are added up apart, so that the error grows with the logarithm of the length only; in a block every
/// eighth number goes to one sum.
fn sum(values: &[f64]) -> f64 {
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % LANES);
        return sum(left) + sum(right);
    }
    let (eights, rest) = values.as_chunks::<LANES>();
    let [a, b, c, d, e, f, g, h] = match eights {
        [] => return rest.iter().sum(),
        [first, others @ ..] => others.iter().fold(*first, |mut sums, eight| {
            sums.iter_mut().zip(eight).for_each(|(sum, value)| *sum += value);
            sums
        }),
    };
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// Standard deviation, the sum of squares over n, as pandas takes it of values in the order of their rows.
pub(super) fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = sum(values) / n;
    let squares: Vec<f64> = values.iter().map(|value| (mean - value) * (mean - value)).collect();
    (sum(&squares) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_deviations_have_numpy_s_very_digits() {
        const EXPECTED: [(u32, f64, f64); 7] = [
            (1, 1e15, 0.0),
            (7, 7_000_000_000_000_406.0, 41.874_680_169_354_3),
            (8, 8_000_000_000_000_541.0, 46.768_650_190_325_14),
            (100, 1.000_000_000_000_072_6e17, 42.026_433_274_190_66),
            (129, 1.290_000_000_000_093_8e17, 41.773_817_650_356_92),
            (1_000, 1.000_000_000_000_072_2e18, 41.623_364_457_357_36),
            (4_321, 4.321_000_000_000_311_3e18, 41.621_401_809_394_08),
        ];
        // numpy.sum and pandas.Series.std(ddof=0) of [(i * 7919 % 1009) / 7 + 1e15 for i in range(n)].
        for (n, total, spread) in EXPECTED {
            let values: Vec<f64> = (0..n).map(|i| f64::from(i * 7_919 % 1_009) / 7.0 + 1e15).collect();
            assert_eq!((sum(&values), deviation(&values)), (total, spread), "{n}");
        }
    }
}
