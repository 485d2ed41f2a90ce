//! Sampled customers, column by column.

use churn_domain::{Column, Locations, Table};

use crate::places::Directory;
use crate::row::{Row, write};

/// Sampled customers, all columns of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The features; complete but for total_charges, which is missing exactly where tenure is 0.
    pub features: Table,
    /// Whether each customer leaves.
    pub label: Vec<bool>,
    /// Where each customer lives; never missing.
    pub location: Locations,
}

impl Sample {
    /// Number of customers.
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }

    /// Keeps the first `rows` customers; with 0 the memory is kept for the next batch.
    pub fn truncate(&mut self, rows: usize) {
        self.features.truncate(rows);
        self.label.truncate(rows);
        self.location.truncate(rows);
    }

    /// Appends another sample.
    pub fn append(&mut self, other: &Self) {
        for (into, from) in self.features.columns_mut().iter_mut().zip(other.features.columns()) {
            match (into, from) {
                // Both only hold words of the feature table, so codes mean the same in both.
                (Column::Category(into), Column::Category(from)) => {
                    from.codes().iter().for_each(|&code| into.push_code(code));
                }
                (Column::Number(into), Column::Number(from)) => into.extend_from_slice(from),
                _ => unreachable!("both tables follow FEATURES"),
            }
        }
        self.label.extend_from_slice(&other.label);
        (0..other.len()).for_each(|row| self.location.push_from(&other.location, row));
    }

    pub(crate) fn push(&mut self, rows: &[Row], places: &Directory) {
        write(rows, &mut self.features);
        self.label.extend(rows.iter().map(|row| row.churned));
        rows.iter().for_each(|row| self.location.push_from(&places.locations, row.place as usize));
    }
}
