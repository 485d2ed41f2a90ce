//! What can go wrong, with the way out.

use thiserror::Error;

/// Why a generator cannot be fitted.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FitError {
    /// No rows.
    #[error("the table has no rows; the generator needs at least {needed} real customers")]
    Empty {
        /// Rows needed.
        needed: usize,
    },
    /// Not enough usable rows to tell a dependence from chance.
    #[error("the table has {rows} usable rows, the generator needs at least {needed}; give it more customers")]
    TooFewRows {
        /// Usable rows.
        rows: usize,
        /// Rows needed.
        needed: usize,
    },
    /// The label's column is not there.
    #[error("the table lacks the label column churn; the generator draws it together with the features, so add it")]
    NoLabel,
    /// Columns of different lengths.
    #[error("column {column} has {found} values where the table has {rows} rows; every column needs one value a row")]
    Ragged {
        /// The column's name.
        column: String,
        /// Its values.
        found: usize,
        /// The table's rows.
        rows: usize,
    },
    /// An infinite number.
    #[error("column {column}, {place}: the value is infinite; replace it or leave the row out")]
    Infinite {
        /// The column's name.
        column: String,
        /// Where, as line or row.
        place: String,
    },
    /// Too many rows cannot be used.
    #[error("{left_out} of {rows} rows cannot be used, first {first}; mend them or leave them out")]
    UnusableRows {
        /// Rows that cannot be used.
        left_out: usize,
        /// All rows.
        rows: usize,
        /// Place and reason of the first.
        first: String,
    },
    /// No complete location in the data nor beside it.
    #[error("there is no complete location: the data has none, and the list of zip codes is empty or lacks fields")]
    NoLocations,
    /// A computation left the finite numbers.
    #[error("the {0} of the data cannot be computed; look for extreme amounts in it")]
    Numerical(&'static str),
}

/// Why a stored generator cannot be used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Not the JSON of a generator.
    #[error("the generator file cannot be read; fit it again with `churn synth fit`")]
    Json(#[from] serde_json::Error),
    /// Written by another version of the program.
    #[error("the generator file has format {found}, this program reads {supported}; fit it again")]
    Format {
        /// The file's format.
        found: u32,
        /// The format that is read here.
        supported: u32,
    },
    /// Fitted on another table of features.
    #[error("the generator was fitted on other features than this program's (first difference: {0}); fit it again")]
    OtherFeatures(String),
    /// Contradicts itself.
    #[error("the generator file is damaged: {0}; restore it or fit it again")]
    Damaged(String),
}
