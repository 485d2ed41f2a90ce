//! Who comes and who leaves.

use crate::roles::roles;
use crate::row::Row;

/// Log-weights of covariate drift at full strength, chosen so that contract and tenure drift far beyond the usual
/// thresholds (a population stability index above 0.25) and the newcomers' churn about doubles, as it would with them.
const MONTHLY_CONTRACT: f64 = 2.0;
const FIBER: f64 = 0.8;
const A_YEAR_OF_TENURE: f64 = -0.6;
/// How many times more often a leaver is chosen than a stayer, at full strength.
const LEAVER: f64 = 5.0;

/// Log-odds that concept drift adds, at full strength: by contract (monthly, one year, two years) and by year of tenure
/// from the middle of the data. It turns both relations round, and keeps the share of leavers near the real one.
const CONTRACT: [f64; 3] = [-1.9, 1.4, 2.6];
const LATER_YEAR: f64 = 0.5;
const MIDDLE_MONTH: f64 = 32.0;

/// Codes of the longest and shortest contract, and of fiber, are places in the feature table.
const MONTHLY_CODE: u16 = 0;
const FIBER_CODE: u16 = 1;

/// How much likelier a customer is chosen.
pub(super) fn weight(row: &Row, covariate: f64, label: f64) -> f64 {
    let roles = roles();
    let mut log = 0.0;
    if row.codes[roles.contract] == MONTHLY_CODE {
        log += MONTHLY_CONTRACT;
    }
    if row.codes[roles.internet] == FIBER_CODE {
        log += FIBER;
    }
    log += A_YEAR_OF_TENURE * f64::from(row.tenure) / 12.0;
    let leaver = if row.churned { LEAVER.powf(label) } else { 1.0 };
    (covariate * log).exp() * leaver
}

/// The probability that a customer leaves when the concept has drifted.
pub(super) fn changed(probability: f64, row: &Row, strength: f64) -> f64 {
    let contract = CONTRACT.get(usize::from(row.codes[roles().contract])).copied().unwrap_or(0.0);
    let tenure = LATER_YEAR * (f64::from(row.tenure) - MIDDLE_MONTH) / 12.0;
    let odds = probability / (1.0 - probability).max(f64::MIN_POSITIVE) * (strength * (contract + tenure)).exp();
    odds / (1.0 + odds)
}

#[cfg(test)]
mod tests {
    use churn_domain::FEATURES;

    use super::*;

    #[test]
    fn the_codes_are_those_of_the_words_they_stand_for() {
        let word = |feature: usize, code: u16| FEATURES[feature].categories()[usize::from(code)];
        assert_eq!(FEATURES[roles().contract].categories(), ["Month-to-month", "One year", "Two year"]);
        assert_eq!(word(roles().internet, FIBER_CODE), "Fiber optic");
        assert_eq!(word(roles().contract, MONTHLY_CODE), "Month-to-month");
    }
}
