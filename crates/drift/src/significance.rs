//! Whether a difference is more than chance: the chi-square test of two histograms, and many tests at once.

use statrs::function::gamma::checked_gamma_ur;

use crate::PValue;

/// Pearson's chi-square test that two histograms over the same bins come from one distribution.
///
/// Both sides are samples here, unlike in Evidently's goodness of fit, which takes the reference for the truth: with a
/// reference no larger than the window that would halve the variance and raise false alarms. Equal to
/// `scipy.stats.chi2_contingency([reference, current], correction=False)` over the bins that are not empty on both
/// sides; degrees of freedom are these bins less one. With a single such bin there is nothing to tell apart: 1.
///
/// `None` when either side is empty.
pub fn chi_square(reference: &[u64], current: &[u64]) -> Option<PValue> {
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let mut statistic = 0.0;
    let mut bins = 0_u32;
    for (&r, &c) in reference.iter().zip(current) {
        let both = (r + c) as f64;
        if both > 0.0 {
            bins += 1;
            let (expected_r, expected_c) = (both * n / (n + m), both * m / (n + m));
            statistic += (r as f64 - expected_r).powi(2) / expected_r + (c as f64 - expected_c).powi(2) / expected_c;
        }
    }
    if bins < 2 || statistic == 0.0 {
        return PValue::new(1.0);
    }
    let upper_tail = checked_gamma_ur(f64::from(bins - 1) / 2.0, statistic / 2.0).ok()?;
    PValue::new(upper_tail.clamp(0.0, 1.0))
}

/// Benjamini and Hochberg's (1995) adjusted p-values, in the given order: calling those at most `q` significant keeps
/// the expected share of false ones among them at `q`. Equal to `scipy.stats.false_discovery_control`.
pub fn benjamini_hochberg(p_values: &[PValue]) -> Vec<PValue> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].get().total_cmp(&p_values[b].get()));
    let mut adjusted = p_values.to_vec();
    let mut smallest = 1.0_f64;
    for (rank, &at) in order.iter().enumerate().rev() {
        smallest = smallest.min(p_values[at].get() * p_values.len() as f64 / (rank + 1) as f64);
        if let Some(value) = PValue::new(smallest) {
            adjusted[at] = value;
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_side_has_no_p_value_and_a_single_bin_cannot_differ() {
        assert_eq!(chi_square(&[0, 0], &[1, 2]), None);
        assert_eq!(chi_square(&[5, 0], &[7, 0]), PValue::new(1.0));
        assert_eq!(chi_square(&[5, 3], &[10, 6]), PValue::new(1.0));
    }

    #[test]
    fn no_tests_have_no_adjusted_values() {
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
