//! What can be wrong with a file of customers or locations.

use thiserror::Error;

/// A value that cannot be read.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("line {line}, column {column}: found {value:?}, expected {expected}")]
pub struct BadValue {
    /// Line of the file, from 1.
    pub line: u64,
    /// The column's name.
    pub column: String,
    /// What stands there, shortened.
    pub value: String,
    /// What was expected.
    pub expected: String,
}

/// Why a file could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Not a table, not UTF-8, or the source failed.
    #[error("cannot read the table: {0}")]
    Csv(#[from] csv::Error),
    /// A column occurs twice.
    #[error("column {0} occurs twice in the header; keep one of them")]
    DuplicateColumn(String),
    /// Required columns are not there.
    #[error("the header lacks {0}; see data/README.md for the columns")]
    MissingColumns(String),
    /// The file has a header at most.
    #[error("the table has no rows")]
    Empty,
    /// A value cannot be read.
    #[error("{0}; mend it, or leave such rows out with --skip-bad-rows")]
    BadValue(BadValue),
}
