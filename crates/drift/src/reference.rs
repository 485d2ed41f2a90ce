//! What a window is compared with: each feature's bins, fixed once, and how many reference rows fell into each.

use std::sync::Arc;

use churn_domain::{Column, FEATURES, Interned, Table};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Bins, ColumnWindow, Edges, psi};

/// Words of a reference that are told apart; the rest is one bin. Known words come first, so a flood of strange ones
/// cannot push them out.
const MAX_WORDS: usize = 256;

/// A reference that does not fit the features of this program, or contradicts itself.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("reference of {feature}: {problem}; it was made by another version, fit the model again")]
pub struct InvalidReference {
    /// Feature at fault.
    pub feature: String,
    /// What is wrong.
    pub problem: &'static str,
}

/// One column of a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnReference {
    name: String,
    bins: Arc<Bins>,
    counts: Vec<u64>,
    missing: u64,
}

impl ColumnReference {
    /// Bins and counts of numbers, NaN and infinite ones counted as missing. Few distinct values (20 at most) have a
    /// bin each, others are cut by Sturges' rule over their range, with two more bins for what lies outside of it.
    pub fn of_numbers(name: &str, values: &[f64]) -> Self {
        let finite = psi::finite(values);
        let bins = psi::distinct(&finite).map_or_else(|| sturges(&finite), Bins::Values);
        Self::count(name, bins, |window| window.add_numbers(values))
    }

    /// Numbers on bins chosen by the caller, such as those of a probability.
    pub fn of_numbers_on(name: &str, edges: Edges, values: &[f64]) -> Self {
        Self::count(name, Bins::Edges(edges), |window| window.add_numbers(values))
    }

    /// Bins and counts of words: the known ones in their order, then others as they appear, 256 in all.
    pub fn of_words(name: &str, values: &Interned) -> Self {
        let known = values.known().iter().copied();
        let words = known.chain(values.unknown()).take(MAX_WORDS).map(str::to_owned).collect();
        Self::count(name, Bins::Words(words), |window| window.add_words(values, 0..values.len()))
    }

    /// What was counted elsewhere, such as at a model's training.
    ///
    /// # Errors
    /// The bins are none, or there is not one count a bin.
    pub fn from_counts(name: &str, bins: Bins, counts: Vec<u64>, missing: u64) -> Result<Self, InvalidReference> {
        let column = Self { name: name.to_owned(), bins: Arc::new(bins), counts, missing };
        match column.fault() {
            Some(problem) => Err(InvalidReference { feature: name.to_owned(), problem }),
            None => Ok(column),
        }
    }

    /// These bins with other rows counted into them.
    pub(crate) fn with_counts(&self, counts: Vec<u64>, missing: u64) -> Self {
        Self { name: self.name.clone(), bins: Arc::clone(&self.bins), counts, missing }
    }

    fn count(name: &str, bins: Bins, add: impl FnOnce(&mut ColumnWindow)) -> Self {
        let mut window = ColumnWindow::new(Arc::new(bins));
        add(&mut window);
        Self {
            name: name.to_owned(),
            bins: Arc::clone(window.bins()),
            counts: window.counts().to_vec(),
            missing: window.missing(),
        }
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bins.
    pub fn bins(&self) -> &Arc<Bins> {
        &self.bins
    }

    /// Rows in each bin.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Rows without a value.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.missing
    }

    /// Share of each bin among the rows with a value. `None` without such rows.
    pub fn frequencies(&self) -> Option<Vec<f64>> {
        let total = self.counts.iter().sum::<u64>();
        (total > 0).then(|| self.counts.iter().map(|&count| count as f64 / total as f64).collect())
    }

    /// Share of the rows without a value. `None` without rows.
    pub fn missing_share(&self) -> Option<f64> {
        (self.rows() > 0).then(|| self.missing as f64 / self.rows() as f64)
    }

    fn fault(&self) -> Option<&'static str> {
        let one_count_a_bin = self.counts.len() == self.bins.count();
        if one_count_a_bin { self.bins.fault() } else { Some("it has not one count a bin") }
    }
}

fn sturges(finite: &[f64]) -> Bins {
    let min = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let max = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A range that no bins fit (it overflows) leaves one bin: everything else.
    Edges::sturges(min, max, finite.len(), false).map_or_else(|_| Bins::Values(Vec::new()), Bins::Edges)
}

/// The reference of all features, in the order of [`FEATURES`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Columns")]
pub struct Reference {
    columns: Vec<ColumnReference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    columns: Vec<ColumnReference>,
}

impl Reference {
    /// Bins and counts of every feature of a table.
    pub fn from_table(table: &Table) -> Self {
        let column = |(feature, column): (&churn_domain::Feature, &Column)| match column {
            Column::Category(words) => ColumnReference::of_words(feature.name, words),
            Column::Number(values) => ColumnReference::of_numbers(feature.name, values),
        };
        Self { columns: FEATURES.iter().zip(table.columns()).map(column).collect() }
    }

    /// The reference made of these columns.
    ///
    /// # Errors
    /// The columns are not the features, in the order of [`FEATURES`] and of their kinds.
    pub fn from_columns(columns: Vec<ColumnReference>) -> Result<Self, InvalidReference> {
        if columns.len() != FEATURES.len() {
            return Err(InvalidReference {
                feature: "all features".into(),
                problem: "there is not one column a feature",
            });
        }
        for (feature, column) in FEATURES.iter().zip(&columns) {
            let problem = if column.name != feature.name {
                Some("another feature stands in its place")
            } else if feature.is_category() != matches!(*column.bins, Bins::Words(_)) {
                Some("words and numbers are mixed up")
            } else {
                column.fault()
            };
            if let Some(problem) = problem {
                return Err(InvalidReference { feature: feature.name.into(), problem });
            }
        }
        Ok(Self { columns })
    }

    /// Made of columns that are those of another reference with other counts.
    pub(crate) fn of_valid(columns: Vec<ColumnReference>) -> Self {
        Self { columns }
    }

    /// One column for each feature, in the order of [`FEATURES`].
    pub fn columns(&self) -> &[ColumnReference] {
        &self.columns
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.columns[0].rows()
    }
}

impl TryFrom<Columns> for Reference {
    type Error = InvalidReference;

    fn try_from(read: Columns) -> Result<Self, InvalidReference> {
        Self::from_columns(read.columns)
    }
}
