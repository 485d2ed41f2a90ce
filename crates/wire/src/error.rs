//! Why bytes are no record of ours.

use churn_runtime::exit::{Fate, Fated};
use thiserror::Error;

/// The kind of fault, as dead letters and counters name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The value does not say which schema it was written with.
    Framing,
    /// The registry knows no such schema.
    UnknownSchema,
    /// Our schema cannot read what was written with this one.
    IncompatibleSchema,
    /// The bytes are not what their schema says.
    Undecodable,
    /// A value breaks the bounds of the domain.
    OutOfRange,
}

impl ErrorClass {
    /// Every class, for metrics that declare their labels ahead.
    pub const ALL: [Self; 5] =
        [Self::Framing, Self::UnknownSchema, Self::IncompatibleSchema, Self::Undecodable, Self::OutOfRange];

    /// The class's name in headers and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Framing => "framing",
            Self::UnknownSchema => "unknown_schema",
            Self::IncompatibleSchema => "incompatible_schema",
            Self::Undecodable => "undecodable",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// A record that cannot be read, now or later: it belongs to the dead letters.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{field}: {message}")]
pub struct DecodeError {
    /// The kind of fault.
    pub class: ErrorClass,
    /// The field it was found in; `record` where it concerns all of it.
    pub field: &'static str,
    /// What was found and what was expected.
    pub message: String,
}

impl DecodeError {
    /// The field of an error that concerns the whole record.
    pub const RECORD: &'static str = "record";

    #[cold]
    #[expect(clippy::needless_pass_by_value, reason = "errors come by value out of `map_err`")]
    pub(crate) fn new(class: ErrorClass, field: &'static str, message: impl ToString) -> Self {
        Self { class, field, message: message.to_string() }
    }

    /// An error of the whole record.
    pub fn record(class: ErrorClass, message: impl ToString) -> Self {
        Self::new(class, Self::RECORD, message)
    }
}

impl Fated for DecodeError {
    fn fate(&self) -> Fate {
        Fate::Data
    }
}
