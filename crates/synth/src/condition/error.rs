//! What cannot be given.

use thiserror::Error;

/// Why customers cannot be drawn under a condition.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ConditionError {
    /// There is no such column.
    #[error("there is no column {name}; give one of {known}")]
    UnknownColumn {
        /// The name found.
        name: String,
        /// All columns.
        known: String,
    },
    /// A column is given twice.
    #[error("column {0} is given twice; keep one of them")]
    Twice(String),
    /// A value that the column cannot have.
    #[error("column {column}: found {value:?}, expected {expected}")]
    BadValue {
        /// The column's name.
        column: String,
        /// The value found.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// No customer can be like this.
    #[error("no customer can be like this: {0}")]
    Impossible(String),
}
