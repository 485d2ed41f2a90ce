//! One stratum made ready for drawing.

use churn_domain::{FEATURE_COUNT, feature_index};
use nalgebra::DMatrix;

use crate::constraint::{Bounds, internet_rule, phone_rule};
use crate::correlation::Factor;
use crate::fit::columns;
use crate::fitted::{Bundle, Fitted, Stratum};
use crate::marginal::{Marginal, Quantile};
use crate::random::RowRandom;
use crate::roles::{cardinality, roles};
use crate::row::Row;

/// A stratum's copula and the values that its customers share.
#[derive(Clone, Debug)]
pub(crate) struct Copula {
    pub(crate) bundle: usize,
    pub(crate) churned: bool,
    factor: Factor,
    /// Flags and categories, in latent order.
    pub(crate) codes: Vec<(usize, Quantile)>,
    pub(crate) tenure: Quantile,
    remainder: Quantile,
    deviation: Quantile,
    /// The services and what is absent with them.
    pub(crate) shared: [u16; FEATURE_COUNT],
}

impl Copula {
    /// Checks a stored stratum and makes it ready; the error says what is wrong with it.
    pub(crate) fn of(stratum: &Stratum, bundles: &[Bundle]) -> Result<Self, String> {
        let bundle = bundles.get(stratum.bundle).ok_or("a stratum names a bundle that is not there")?;
        let expected = columns(bundle);
        let found: Option<Vec<usize>> = stratum.columns.iter().map(|name| feature_index(name)).collect();
        if found.as_ref() != Some(&expected) || stratum.marginals.len() != expected.len() {
            return Err("the columns of a stratum are not those that its services leave free".into());
        }
        for (&feature, marginal) in expected.iter().zip(&stratum.marginals) {
            check_marginal(feature, marginal)?;
        }
        let quantiles: Vec<(usize, Quantile)> =
            expected.iter().copied().zip(stratum.marginals.iter().map(Quantile::of)).collect();
        let [codes @ .., (_, tenure), (_, remainder), (_, deviation)] = quantiles.as_slice() else {
            return Err("a stratum has no columns".into());
        };
        let mut shared = [0; FEATURE_COUNT];
        phone_rule().reverse(bundle.phone, &mut shared);
        internet_rule().reverse(bundle.internet, &mut shared);
        Ok(Self {
            bundle: stratum.bundle,
            churned: stratum.churned,
            factor: factor(&stratum.correlation).ok_or("a correlation matrix is not positive definite")?,
            codes: codes.to_vec(),
            tenure: tenure.clone(),
            remainder: remainder.clone(),
            deviation: deviation.clone(),
            shared,
        })
    }

    /// Draws a customer without a place.
    #[inline]
    pub(crate) fn draw(&self, random: &mut RowRandom, fitted: &Fitted) -> Row {
        self.customer(&self.factor.draw(|| random.normal()), fitted)
    }

    /// The customer of latent normal numbers, in the order of the stratum's columns.
    #[inline]
    pub(crate) fn customer(&self, latent: &[f64; FEATURE_COUNT], fitted: &Fitted) -> Row {
        let mut row = Row { codes: self.shared, churned: self.churned, ..Row::EMPTY };
        for (latent, (feature, quantile)) in latent.iter().zip(&self.codes) {
            row.codes[*feature] = quantile.step(*latent);
        }
        let at = self.codes.len();
        row.tenure = self.tenure.step(latent[at]);
        let monthly = fitted.bundles[self.bundle].price.reverse(&row, self.remainder.amount(latent[at + 1]));
        row.monthly = fitted.total.first_bill(row.tenure, monthly);
        row.total = fitted.total.reverse(row.tenure, row.monthly, self.deviation.amount(latent[at + 2]));
        row
    }

    /// Draws one code of a feature by its frequency here, none where it is not free.
    pub(crate) fn code(&self, feature: usize, random: &mut RowRandom) -> Option<u16> {
        let (_, quantile) = self.codes.iter().find(|(candidate, _)| *candidate == feature)?;
        Some(quantile.step(random.normal()))
    }
}

fn check_marginal(feature: usize, marginal: &Marginal) -> Result<(), String> {
    let roles = roles();
    let name = churn_domain::FEATURES[feature].name;
    let amount = feature == roles.monthly || feature == roles.total;
    let fits = match marginal {
        Marginal::Smooth { .. } => amount,
        Marginal::Steps { values, .. } if feature == roles.tenure => Bounds::around(values.iter().copied())
            .is_some_and(|months| churn_domain::FEATURES[feature].check(f64::from(months.max)).is_ok()),
        Marginal::Steps { values, .. } => {
            !amount
                && values.iter().all(|&code| {
                    usize::from(code) < cardinality(feature)
                        && phone_rule().may_draw(feature, code)
                        && internet_rule().may_draw(feature, code)
                })
        }
    };
    if fits && marginal.is_sound() { Ok(()) } else { Err(format!("the distribution of {name} is not one")) }
}

fn factor(correlation: &[Vec<f64>]) -> Option<Factor> {
    let size = correlation.len();
    let square = correlation.iter().all(|row| row.len() == size && row.iter().all(|value| value.is_finite()));
    if !square {
        return None;
    }
    Factor::of(&DMatrix::from_fn(size, size, |i, j| correlation[i][j]))
}
