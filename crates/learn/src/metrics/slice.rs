//! Figures of groups of customers.

use churn_domain::{Column, FEATURES, Kind, Table, feature_index};
use serde::{Deserialize, Serialize};

use super::Metrics;

/// The features by which customers are grouped.
pub const SLICED: [&str; 3] = ["contract", "internet_service", "senior_citizen"];

/// The customers with one value of one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The feature's name.
    pub feature: String,
    /// The value; a flag's are `0` and `1`.
    pub value: String,
    /// Their figures.
    pub metrics: Metrics,
}

/// The figures of each group that has customers, by [`SLICED`], values in alphabetical order. Customers without the value are
/// in no group of that feature.
pub fn slices(customers: &Table, probability: &[f64], decision: &[bool], label: &[bool]) -> Vec<Slice> {
    let features = SLICED.iter().filter_map(|name| feature_index(name));
    features.flat_map(|feature| of_feature(customers, feature, probability, decision, label)).collect()
}

/// The value of a feature that a customer is grouped by.
pub(crate) fn group(customers: &Table, feature: usize, row: usize) -> Option<&str> {
    match customers.column(feature) {
        Column::Category(words) => words.get(row),
        Column::Number(values) if FEATURES[feature].kind == Kind::Flag && !values[row].is_nan() => {
            Some(if values[row] == 0.0 { "0" } else { "1" })
        }
        Column::Number(_) => None,
    }
}

fn of_feature(customers: &Table, feature: usize, probability: &[f64], decision: &[bool], label: &[bool]) -> Vec<Slice> {
    let mut groups: std::collections::BTreeMap<&str, Vec<usize>> = std::collections::BTreeMap::new();
    for row in 0..label.len() {
        if let Some(value) = group(customers, feature, row) {
            groups.entry(value).or_default().push(row);
        }
    }
    let slice = |(value, rows): (&str, Vec<usize>)| {
        let probability: Vec<f64> = rows.iter().map(|&row| probability[row]).collect();
        let decision: Vec<bool> = rows.iter().map(|&row| decision[row]).collect();
        let label: Vec<bool> = rows.iter().map(|&row| label[row]).collect();
        let metrics = Metrics::of(&probability, &decision, &label);
        Slice { feature: FEATURES[feature].name.to_owned(), value: value.to_owned(), metrics }
    };
    groups.into_iter().map(slice).collect()
}
