//! The normal distribution in one and two dimensions.

use std::f64::consts::TAU;

use statrs::function::erf;

/// Probability that a standard normal number is below `x`.
pub(crate) fn cdf(x: f64) -> f64 {
    0.5 * erf::erfc(-x / std::f64::consts::SQRT_2)
}

/// The number below which a standard normal one is with probability `p`; infinite for 0 and 1.
pub(crate) fn quantile(p: f64) -> f64 {
    if p <= 0.0 {
        f64::NEG_INFINITY
    } else if p >= 1.0 {
        f64::INFINITY
    } else {
        -std::f64::consts::SQRT_2 * erf::erfc_inv(2.0 * p)
    }
}

/// Nodes and weights of the ten-point Gauss-Legendre rule on [-1, 1], half of each: the rule is symmetric.
/// Abramowitz and Stegun, Handbook of Mathematical Functions, table 25.4.
const GAUSS_LEGENDRE: [(f64, f64); 5] = [
    (0.148_874_338_981_631_2, 0.295_524_224_714_752_87),
    (0.433_395_394_129_247_2, 0.269_266_719_309_996_35),
    (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
    (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
    (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
];

/// Probability that two standard normal numbers of correlation `rho` are below `h` and `k`, to about 1e-6 for
/// |rho| <= 0.98.
///
/// Sheppard's formula after the substitution r = sin t:
/// P = cdf(h) cdf(k) + 1/(2 pi) * integral from 0 to asin(rho) of exp(-(h² - 2hk sin t + k²) / (2 cos² t)) dt.
pub(crate) fn bivariate_cdf(h: f64, k: f64, rho: f64) -> f64 {
    if h == f64::NEG_INFINITY || k == f64::NEG_INFINITY {
        return 0.0;
    }
    if h == f64::INFINITY {
        return cdf(k);
    }
    if k == f64::INFINITY {
        return cdf(h);
    }
    let half = 0.5 * rho.asin();
    let integrand = |angle: f64| {
        let (sine, cosine) = angle.sin_cos();
        (-(h * h - 2.0 * h * k * sine + k * k) / (2.0 * cosine * cosine)).exp()
    };
    let sum: f64 = GAUSS_LEGENDRE
        .iter()
        .map(|(node, weight)| weight * (integrand(half * (1.0 + node)) + integrand(half * (1.0 - node))))
        .sum();
    (cdf(h) * cdf(k) + half * sum / TAU).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_inverts_the_cdf() {
        for p in [1e-9, 0.01, 0.3, 0.5, 0.9, 0.999_999] {
            assert!((cdf(quantile(p)) - p).abs() < 1e-10, "{p}");
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    /// At the origin the probability is 1/4 + asin(rho) / (2 pi), exactly (Sheppard 1899).
    #[test]
    fn bivariate_cdf_is_sheppards_at_the_origin_and_a_product_without_correlation() {
        for rho in [-0.98_f64, -0.5, 0.0, 0.3, 0.9, 0.98] {
            assert!((bivariate_cdf(0.0, 0.0, rho) - (0.25 + rho.asin() / TAU)).abs() < 1e-9, "{rho}");
        }
        assert!((bivariate_cdf(0.7, -1.2, 0.0) - cdf(0.7) * cdf(-1.2)).abs() < 1e-12);
        assert!((bivariate_cdf(0.7, 0.7, 0.999_999_9_f64.min(0.98)) - cdf(0.7)).abs() < 0.06);
    }
}
