//! Numbers that follow from others: months times monthly charges is about what has been paid so far.
//!
//! Where one of the three is missing it is worked out of the other two, in single precision like everything in an encoded row, before
//! a learner sees the row. What a learner makes of a missing value is learned from the customers that lacked it, and these need not be
//! like those who lack it later: the shipped data lack total charges in month 0 only, where nobody has left yet.

use churn_domain::{Column, FEATURES, Table, feature_index};

use super::Block;

/// The estimates, in the order in which they are made. One that was made is never the source of another: each needs both of the others.
pub(super) const ALL: [Estimate; 3] = [Estimate::TotalCharges, Estimate::MonthlyCharges, Estimate::Tenure];

/// A number worked out where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Estimate {
    /// Months times what a month costs now.
    TotalCharges,
    /// The average month so far; nothing is known in month 0.
    MonthlyCharges,
    /// So many whole months of what a month costs now.
    Tenure,
}

/// Tenure, monthly and total charges of one customer.
#[derive(Clone, Copy)]
struct Charges {
    tenure: f32,
    monthly: f32,
    total: f32,
}

/// Where the columns stand that estimates read and write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    tenure: Place,
    monthly: Place,
    total: Place,
}

/// A number's column, and the one that says whether it is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    value: usize,
    indicator: Option<usize>,
}

impl Estimate {
    /// Its name in the stored encoder.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TotalCharges => "total_charges = tenure * monthly_charges",
            Self::MonthlyCharges => "monthly_charges = total_charges / tenure",
            Self::Tenure => "tenure = total_charges / monthly_charges",
        }
    }

    /// Name of the feature that it fills in.
    fn feature(self) -> &'static str {
        match self {
            Self::TotalCharges => "total_charges",
            Self::MonthlyCharges => "monthly_charges",
            Self::Tenure => "tenure",
        }
    }

    /// The value; `NaN` or infinite where one of the others is missing or says nothing.
    #[inline]
    fn value(self, of: Charges) -> f32 {
        match self {
            Self::TotalCharges => of.tenure * of.monthly,
            Self::MonthlyCharges => of.total / of.tenure,
            Self::Tenure => (of.total / of.monthly).round(),
        }
    }
}

/// Whether a customer's feature is missing and cannot be worked out either.
pub(super) fn is_lost(table: &Table, feature: usize, row: usize) -> bool {
    if !table.column(feature).is_missing(row) {
        return false;
    }
    let Some(estimate) = ALL.iter().find(|estimate| estimate.feature() == FEATURES[feature].name) else { return true };
    let number = |name: &str| match feature_index(name).map(|feature| table.column(feature)) {
        Some(Column::Number(values)) => values[row] as f32,
        _ => f32::NAN,
    };
    let charges =
        Charges { tenure: number("tenure"), monthly: number("monthly_charges"), total: number("total_charges") };
    !estimate.value(charges).is_finite()
}

impl Places {
    /// Finds the columns. None when the encoder lacks one of the features.
    pub(super) fn of(blocks: &[Block]) -> Option<Self> {
        let place = |name: &str| {
            let block = blocks.iter().find(|block| FEATURES[block.feature].name == name)?;
            Some(Place { value: block.first, indicator: block.missing_indicator.then_some(block.first + 1) })
        };
        Some(Self { tenure: place("tenure")?, monthly: place("monthly_charges")?, total: place("total_charges")? })
    }

    /// Works out what is missing of one row. Says whether anything was.
    #[inline]
    pub(super) fn fill(&self, estimates: &[Estimate], row: &mut [f32]) -> bool {
        let [tenure, monthly, total] = [self.tenure, self.monthly, self.total].map(|place| row[place.value]);
        if !(tenure + monthly + total).is_nan() {
            return false;
        }
        let mut filled = false;
        for &estimate in estimates {
            let place = match estimate {
                Estimate::TotalCharges => self.total,
                Estimate::MonthlyCharges => self.monthly,
                Estimate::Tenure => self.tenure,
            };
            let value = estimate.value(Charges { tenure, monthly, total });
            if row[place.value].is_nan() && value.is_finite() {
                (row[place.value], filled) = (value, true);
                if let Some(indicator) = place.indicator {
                    row[indicator] = 0.0;
                }
            }
        }
        filled
    }
}
