//! One customer in the making: exact values, before they become columns.

use churn_domain::{Column, FEATURE_COUNT, FEATURES, Table};

use crate::roles::{cardinality, roles};

/// One customer. Money is in whole cents, so that rules about amounts hold exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    /// Flags as 0 and 1, categories as codes; unused where the feature is a number.
    pub(crate) codes: [u16; FEATURE_COUNT],
    /// Months.
    pub(crate) tenure: u16,
    /// Cents a month.
    pub(crate) monthly: i64,
    /// Cents so far; none before the first bill.
    pub(crate) total: Option<i64>,
    pub(crate) churned: bool,
    /// Index of the customer's place.
    pub(crate) place: u32,
}

impl Row {
    pub(crate) const EMPTY: Self =
        Self { codes: [0; FEATURE_COUNT], tenure: 0, monthly: 0, total: None, churned: false, place: 0 };

    /// Reads a row of a table. The error names the feature that lacks a value or has one outside its vocabulary.
    pub(crate) fn read(table: &Table, row: usize, churned: bool) -> Result<Self, usize> {
        let roles = roles();
        let mut read = Self { churned, ..Self::EMPTY };
        for (feature, column) in table.columns().iter().enumerate() {
            match column {
                Column::Category(words) => {
                    let code = words.codes()[row];
                    read.codes[feature] =
                        Some(code).filter(|&code| usize::from(code) < cardinality(feature)).ok_or(feature)?;
                }
                Column::Number(values) if feature == roles.total => read.total = cents(values[row]),
                Column::Number(values) => {
                    let value = FEATURES[feature].check(values[row]).map_err(|_| feature)?;
                    if feature == roles.tenure {
                        read.tenure = value as u16;
                    } else if feature == roles.monthly {
                        read.monthly = cents(value).ok_or(feature)?;
                    } else {
                        read.codes[feature] = u16::from(value == 1.0);
                    }
                }
            }
        }
        Ok(read)
    }
}

/// Whole cents of an amount in dollars, none of a missing one.
pub(crate) fn cents(dollars: f64) -> Option<i64> {
    dollars.is_finite().then(|| (dollars * 100.0).round() as i64)
}

/// Dollars of whole cents: the double that is nearest to the decimal number.
pub(crate) fn dollars(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// Appends rows to a table, column by column.
pub(crate) fn write(rows: &[Row], table: &mut Table) {
    let roles = roles();
    for (feature, column) in table.columns_mut().iter_mut().enumerate() {
        match column {
            Column::Category(words) => rows.iter().for_each(|row| words.push_code(row.codes[feature])),
            Column::Number(values) if feature == roles.tenure => {
                values.extend(rows.iter().map(|row| f64::from(row.tenure)));
            }
            Column::Number(values) if feature == roles.monthly => {
                values.extend(rows.iter().map(|row| dollars(row.monthly)));
            }
            Column::Number(values) if feature == roles.total => {
                values.extend(rows.iter().map(|row| row.total.map_or(f64::NAN, dollars)));
            }
            Column::Number(values) => values.extend(rows.iter().map(|row| f64::from(row.codes[feature]))),
        }
    }
}
