//! Tables side by side: one order of columns, and codes that mean the same word in every table.

use churn_domain::{Column, FEATURES, Interned, LABEL, MISSING, Table};

use super::{bin_edges, digitise};
use crate::roles::cardinality;

/// Customers and whether each left.
#[derive(Clone, Copy, Debug)]
pub struct Customers<'a> {
    /// The features.
    pub features: &'a Table,
    /// The label, one a row.
    pub label: &'a [bool],
}

impl<'a> Customers<'a> {
    /// A table with its label.
    ///
    /// # Panics
    /// When the label has another length than the table.
    pub fn new(features: &'a Table, label: &'a [bool]) -> Self {
        assert_eq!(features.len(), label.len(), "every customer has a label");
        Self { features, label }
    }

    /// Number of customers.
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }
}

/// One column of one table.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// A number, also cut into ten bins of its own range.
    Number { values: Vec<f64>, binned: Vec<u16> },
    /// Anything else; [`MISSING`] is a value of its own.
    Code(Vec<u16>),
}

impl Values {
    pub(super) fn codes(&self) -> &[u16] {
        match self {
            Self::Number { binned, .. } => binned,
            Self::Code(codes) => codes,
        }
    }
}

/// Names of all columns: the label, then the features.
pub(super) fn names() -> Vec<&'static str> {
    std::iter::once(LABEL).chain(FEATURES.iter().map(|feature| feature.name)).collect()
}

/// The columns of each table, in the order of [`names`]. Flags and the label are taken for categories.
pub(super) fn views<const TABLES: usize>(tables: [Customers<'_>; TABLES]) -> [Vec<Values>; TABLES] {
    let mut words: Vec<Vec<String>> = vec![Vec::new(); FEATURES.len()];
    tables.map(|table| {
        let label = Values::Code(table.label.iter().map(|churned| u16::from(*churned)).collect());
        let features = table.features.columns().iter().enumerate().map(|(at, column)| match column {
            Column::Category(found) => Values::Code(codes(found, &mut words[at])),
            Column::Number(values) if cardinality(at) > 0 => {
                Values::Code(values.iter().map(|flag| if flag.is_nan() { MISSING } else { *flag as u16 }).collect())
            }
            Column::Number(values) => {
                let edges = bin_edges(values);
                let binned = values.iter().map(|value| digitise(*value, &edges)).collect();
                Values::Number { values: values.clone(), binned }
            }
        });
        std::iter::once(label).chain(features).collect()
    })
}

/// Codes of a column; words outside the vocabulary are numbered in the order in which any table shows them.
fn codes(found: &Interned, others: &mut Vec<String>) -> Vec<u16> {
    let known = found.known().len();
    let moved: Vec<u16> = found
        .unknown()
        .map(|word| {
            let at = others.iter().position(|other| other == word).unwrap_or_else(|| {
                others.push(word.to_owned());
                others.len() - 1
            });
            u16::try_from(known + at).unwrap_or(MISSING - 1)
        })
        .collect();
    let code = |&code: &u16| if found.is_unknown(code) { moved[usize::from(code) - known] } else { code };
    found.codes().iter().map(code).collect()
}
