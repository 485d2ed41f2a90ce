//! Customers' features, column by column.

use crate::{FEATURES, Interned};

/// One feature's values.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Words of a [`Kind::Category`](crate::Kind::Category).
    Category(Interned),
    /// Numbers of every other kind, `NaN` where missing; a flag is 0 or 1.
    Number(Vec<f64>),
}

/// The features of `len` customers, one column for each of [`FEATURES`], in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
}

impl Default for Table {
    fn default() -> Self {
        let empty = |feature: &crate::Feature| match feature.is_category() {
            true => Column::Category(Interned::new(feature.categories())),
            false => Column::Number(Vec::new()),
        };
        Self { columns: FEATURES.iter().map(empty).collect() }
    }
}

impl Table {
    /// Number of customers.
    pub fn len(&self) -> usize {
        self.columns[0].len()
    }

    /// Whether there is no customer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column of the feature at `index` in [`FEATURES`].
    pub fn column(&self, index: usize) -> &Column {
        &self.columns[index]
    }

    /// All columns, in the order of [`FEATURES`].
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// All columns for writing. A writer appends one value to each, and [`Self::truncate`]s where it has to give up on
    /// a row half way; [`Self::is_rectangular`] tells whether it kept its word.
    pub fn columns_mut(&mut self) -> &mut [Column] {
        &mut self.columns
    }

    /// The numbers of a feature that is not a category.
    ///
    /// # Panics
    /// When the feature is a category.
    pub fn numbers(&self, index: usize) -> &[f64] {
        match &self.columns[index] {
            Column::Number(values) => values,
            Column::Category(_) => panic!("{} is a category", FEATURES[index].name),
        }
    }

    /// The words of a category.
    ///
    /// # Panics
    /// When the feature is not a category.
    pub fn words(&self, index: usize) -> &Interned {
        match &self.columns[index] {
            Column::Category(words) => words,
            Column::Number(_) => panic!("{} is a number", FEATURES[index].name),
        }
    }

    /// Whether all columns have one length.
    pub fn is_rectangular(&self) -> bool {
        self.columns.iter().all(|column| column.len() == self.len())
    }

    /// Keeps the first `rows` customers.
    pub fn truncate(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
    }

    /// Forgets all customers and every unknown word, and keeps the memory.
    pub fn clear(&mut self) {
        for column in &mut self.columns {
            match column {
                Column::Category(words) => words.clear(),
                Column::Number(values) => values.clear(),
            }
        }
    }

    /// Appends the row `row` of another table.
    pub fn push_from(&mut self, other: &Self, row: usize) {
        for (into, from) in self.columns.iter_mut().zip(&other.columns) {
            match (into, from) {
                (Column::Category(into), Column::Category(from)) => into.push(from.get(row)),
                (Column::Number(into), Column::Number(from)) => into.push(from[row]),
                _ => unreachable!("both tables follow FEATURES"),
            }
        }
    }

    /// The given rows, in the given order.
    pub fn select(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        let mut selected = Self::default();
        rows.into_iter().for_each(|row| selected.push_from(self, row));
        selected
    }
}

impl Column {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Category(words) => words.len(),
            Self::Number(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the first `rows` values.
    pub fn truncate(&mut self, rows: usize) {
        match self {
            Self::Category(words) => words.truncate(rows),
            Self::Number(values) => values.truncate(rows),
        }
    }

    /// Whether the value at `row` is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Category(words) => words.codes()[row] == crate::MISSING,
            Self::Number(values) => values[row].is_nan(),
        }
    }

    /// Appends a missing value.
    pub fn push_missing(&mut self) {
        match self {
            Self::Category(words) => words.push(None),
            Self::Number(values) => values.push(f64::NAN),
        }
    }
}
