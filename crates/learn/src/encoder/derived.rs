//! Columns computed from other columns: what a learner that adds columns up could not find by itself.

use churn_domain::{FEATURES, feature_index};

use super::Block;

/// The derived columns, in the order of their columns.
pub(super) const ALL: [Derived; 8] = [
    Derived::AverageCharge,
    Derived::ChargeChange,
    Derived::LogTenure,
    Derived::AddOns,
    Derived::ChargeByTenure,
    Derived::MonthToMonthLogTenure,
    Derived::MonthToMonthCharge,
    Derived::MonthToMonthFiber,
];

const ADD_ONS: [&str; 6] =
    ["online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies"];

/// One column computed from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derived {
    /// Total charges over months of tenure; the monthly charges in the first month.
    AverageCharge,
    /// Monthly charges above the average charge: whether the price has risen.
    ChargeChange,
    /// ln(1 + tenure): the first months matter most.
    LogTenure,
    /// How many internet add-ons the customer has.
    AddOns,
    /// Monthly charges over 1 + tenure: a high price soon after the start.
    ChargeByTenure,
    /// The logarithm of the tenure of those who may leave any month, 0 for others.
    MonthToMonthLogTenure,
    /// The monthly charges of those who may leave any month, 0 for others.
    MonthToMonthCharge,
    /// Whether the customer may leave any month and has fibre.
    MonthToMonthFiber,
}

/// Where the columns stand that derived ones look at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sources {
    tenure: usize,
    monthly: usize,
    total: usize,
    month_to_month: usize,
    fiber: usize,
    add_ons: [usize; 6],
}

impl Derived {
    /// Its name, in reports and in the stored encoder.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AverageCharge => "total_charges / tenure",
            Self::ChargeChange => "monthly_charges - total_charges / tenure",
            Self::LogTenure => "ln(1 + tenure)",
            Self::AddOns => "number of add-ons",
            Self::ChargeByTenure => "monthly_charges / (1 + tenure)",
            Self::MonthToMonthLogTenure => "ln(1 + tenure) if month-to-month",
            Self::MonthToMonthCharge => "monthly_charges if month-to-month",
            Self::MonthToMonthFiber => "fiber optic and month-to-month",
        }
    }

    /// Names of the features that it is computed from.
    fn source_names(self) -> &'static [&'static str] {
        match self {
            Self::AverageCharge | Self::ChargeChange => &["tenure", "monthly_charges", "total_charges"],
            Self::LogTenure => &["tenure"],
            Self::AddOns => &ADD_ONS,
            Self::ChargeByTenure => &["tenure", "monthly_charges"],
            Self::MonthToMonthLogTenure => &["tenure", "contract"],
            Self::MonthToMonthCharge => &["monthly_charges", "contract"],
            Self::MonthToMonthFiber => &["contract", "internet_service"],
        }
    }

    /// Indices in [`FEATURES`] of the features that it is computed from.
    pub(super) fn sources(self) -> Vec<usize> {
        let mut sources: Vec<usize> = self.source_names().iter().filter_map(|name| feature_index(name)).collect();
        sources.sort_unstable();
        sources
    }

    /// The value for an encoded row; `NaN` where a source is missing. That the price never changed is what an estimate assumes: it
    /// is no evidence of it. In month 0 there was no other price.
    #[inline]
    fn value(self, row: &[f32], at: &Sources, estimated: bool) -> f32 {
        let average = || if row[at.tenure] == 0.0 { row[at.monthly] } else { row[at.total] / row[at.tenure] };
        // Not a product: what would be 0 times a missing value is 0 when the customer has another contract.
        let month_to_month =
            |value: f32| if row[at.month_to_month] == 0.0 { 0.0 } else { row[at.month_to_month] * value };
        match self {
            Self::AverageCharge => average(),
            Self::ChargeChange if estimated && row[at.tenure] != 0.0 => f32::NAN,
            Self::ChargeChange => row[at.monthly] - average(),
            Self::LogTenure => row[at.tenure].ln_1p(),
            Self::AddOns => at.add_ons.iter().map(|&column| row[column]).sum(),
            Self::ChargeByTenure => row[at.monthly] / (1.0 + row[at.tenure]),
            Self::MonthToMonthLogTenure => month_to_month(row[at.tenure].ln_1p()),
            Self::MonthToMonthCharge => month_to_month(row[at.monthly]),
            Self::MonthToMonthFiber => month_to_month(row[at.fiber]),
        }
    }
}

impl Sources {
    /// Finds the columns. None when the encoder lacks a feature or a word.
    pub(super) fn of(blocks: &[Block]) -> Option<Self> {
        let block = |name: &str| blocks.iter().find(|block| FEATURES[block.feature].name == name);
        let number = |name| block(name).map(|block| block.first);
        let word = |name, word: &str| {
            let block = block(name)?;
            let at = block.words.as_ref()?.words.iter().position(|known| known == word)?;
            Some(block.first + at)
        };
        let mut add_ons = [0; ADD_ONS.len()];
        for (column, name) in add_ons.iter_mut().zip(ADD_ONS) {
            *column = word(name, "Yes")?;
        }
        Some(Self {
            tenure: number("tenure")?,
            monthly: number("monthly_charges")?,
            total: number("total_charges")?,
            month_to_month: word("contract", "Month-to-month")?,
            fiber: word("internet_service", "Fiber optic")?,
            add_ons,
        })
    }

    /// Writes the derived columns of one row, which stand from `first` on. `estimated`: one of its charges or its tenure was worked out.
    #[inline]
    pub(super) fn fill(&self, derived: &[Derived], first: usize, row: &mut [f32], estimated: bool) {
        let (base, columns) = row.split_at_mut(first);
        for (column, derived) in columns.iter_mut().zip(derived) {
            let value = derived.value(base, self, estimated);
            // An amount of money over no time at all is no number; as everywhere, that is missing.
            *column = if value.is_infinite() { f32::NAN } else { value };
        }
    }
}
