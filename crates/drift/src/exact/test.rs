//! The tests by name, and when each one says drift.

use std::str::FromStr;

use thiserror::Error;

use super::sample::Pair;
use super::{Score, Undefined, chi_square, distance, ks, z};

/// A test of two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Population stability index.
    Psi,
    /// Kullback-Leibler divergence of the reference from the current sample, in nats.
    KullbackLeibler,
    /// Jensen-Shannon distance (the square root of the divergence), natural logarithm.
    JensenShannon,
    /// Hellinger distance.
    Hellinger,
    /// First Wasserstein distance in standard deviations of the reference.
    Wasserstein,
    /// Kolmogorov-Smirnov, two-sided.
    KolmogorovSmirnov,
    /// Chi-square goodness of fit of the current sample to the reference.
    ChiSquare,
    /// Z-test of two proportions: of the values that are not the first one in order.
    Z,
}

/// A name that is no test's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no test, expected psi, kl_div, jensenshannon, hellinger, wasserstein, ks, chisquare or z")]
pub struct UnknownTest(pub String);

impl Test {
    /// All tests.
    pub const ALL: [Self; 8] = [
        Self::Psi,
        Self::KullbackLeibler,
        Self::JensenShannon,
        Self::Hellinger,
        Self::Wasserstein,
        Self::KolmogorovSmirnov,
        Self::ChiSquare,
        Self::Z,
    ];

    /// Evidently's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Psi => "psi",
            Self::KullbackLeibler => "kl_div",
            Self::JensenShannon => "jensenshannon",
            Self::Hellinger => "hellinger",
            Self::Wasserstein => "wasserstein",
            Self::KolmogorovSmirnov => "ks",
            Self::ChiSquare => "chisquare",
            Self::Z => "z",
        }
    }

    /// Whether it gives a p-value rather than a distance.
    pub fn is_significance(self) -> bool {
        matches!(self, Self::KolmogorovSmirnov | Self::ChiSquare | Self::Z)
    }

    /// Evidently's default threshold.
    pub fn threshold(self) -> f64 {
        if self.is_significance() { 0.05 } else { 0.1 }
    }

    /// Whether the score is a drift at the default threshold. As in Evidently, a p-value at the threshold is one for
    /// Kolmogorov-Smirnov only.
    pub fn is_drift(self, score: Score) -> bool {
        match score {
            Score::Distance(distance) => distance.reaches(self.threshold()),
            Score::Significance { p_value, .. } if self == Self::KolmogorovSmirnov => {
                p_value.is_significant(self.threshold())
            }
            Score::Significance { p_value, .. } => p_value.get() < self.threshold(),
        }
    }

    pub(super) fn score(self, pair: &Pair) -> Result<Score, Undefined> {
        match self {
            Self::Psi => distance::psi(pair),
            Self::KullbackLeibler => distance::kullback_leibler(pair),
            Self::JensenShannon => distance::jensen_shannon(pair),
            Self::Hellinger => distance::hellinger(pair),
            Self::Wasserstein => distance::wasserstein(pair),
            Self::KolmogorovSmirnov => ks::score(pair),
            Self::ChiSquare => chi_square::score(pair),
            Self::Z => z::score(pair),
        }
    }
}

impl FromStr for Test {
    type Err = UnknownTest;

    /// Evidently's names, and the words that people use for them.
    fn from_str(text: &str) -> Result<Self, UnknownTest> {
        let plain: String = text.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
        Ok(match plain.as_str() {
            "psi" => Self::Psi,
            "kldiv" | "kl" | "kullbackleibler" => Self::KullbackLeibler,
            "jensenshannon" | "js" => Self::JensenShannon,
            "hellinger" => Self::Hellinger,
            "wasserstein" => Self::Wasserstein,
            "ks" | "kolmogorovsmirnov" => Self::KolmogorovSmirnov,
            "chisquare" | "chisquared" | "chi2" => Self::ChiSquare,
            "z" | "ztest" => Self::Z,
            _ => return Err(UnknownTest(text.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Distance, PValue};

    #[test]
    fn every_name_is_read_back_and_a_strange_one_lists_them_all() {
        for test in Test::ALL {
            assert_eq!(test.name().parse(), Ok(test));
        }
        assert_eq!("Jensen-Shannon".parse(), Ok(Test::JensenShannon));
        let error = "anderson".parse::<Test>().unwrap_err().to_string();
        assert!(Test::ALL.iter().all(|test| error.contains(test.name())), "{error}");
    }

    #[test]
    fn a_p_value_at_the_threshold_is_a_drift_for_kolmogorov_smirnov_only() {
        let at = Score::Significance { statistic: 1.0, p_value: PValue::new(0.05).unwrap() };
        assert!(Test::KolmogorovSmirnov.is_drift(at));
        assert!(!Test::ChiSquare.is_drift(at) && !Test::Z.is_drift(at));
        let distance = Score::Distance(Distance::new(0.1).unwrap());
        assert!(Test::Psi.is_drift(distance));
    }
}
