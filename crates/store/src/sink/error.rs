//! What can go wrong with a batch, by what the sink has to do about it.

use churn_runtime::exit::{Fate, Fated};
use sqlx::postgres::PgConnectOptions;
use thiserror::Error;

use crate::error::{StoreError, is_own_fault, sqlstate};
use crate::store::explain;

/// Why a batch was not stored, or is not known to be.
#[derive(Debug, Error)]
pub enum WriteError {
    /// Another member has claimed the partitions; nothing of the batch is stored. Leave the group's generation, join
    /// again, claim.
    #[error("another member has taken over {partitions}; this one has to rejoin the group")]
    Fenced {
        /// `topic[partition]`, with commas between.
        partitions: String,
    },
    /// Postgres cannot store the batch now; nothing of it is stored. Back off and write the same batch again.
    #[error("the batch is not stored: {0}")]
    Unavailable(#[source] StoreError),
    /// The connection was lost while the batch was being committed: it is stored whole or not at all. Ask
    /// [`crate::SinkWriter::resolve_commit`] which.
    #[error("it is not known whether the batch is stored: {reason}")]
    UnknownCommit {
        /// What happened.
        reason: String,
    },
    /// A row is of a kind that Postgres refuses and that no check foresaw; nothing of the batch is stored. Writing it
    /// row by row finds the row.
    #[error("postgres refuses the batch's data: {reason}")]
    Data {
        /// The server's reason, with its detail.
        reason: String,
    },
    /// The program or the database is not as it should be; trying again does not help.
    #[error("the batch cannot be stored: {0}")]
    Internal(#[source] StoreError),
}

impl Fated for WriteError {
    fn fate(&self) -> Fate {
        match self {
            Self::Data { .. } => Fate::Data,
            Self::Fenced { .. } | Self::Unavailable(_) | Self::UnknownCommit { .. } => Fate::External,
            Self::Internal(error) => error.fate(),
        }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        match error.fate() {
            Fate::Internal => Self::Internal(error),
            _ => match error {
                // Without the tables or the rights nothing changes by waiting a second.
                StoreError::MissingSchema { .. } | StoreError::Permission { .. } => Self::Internal(error),
                _ => Self::Unavailable(error),
            },
        }
    }
}

/// What a failed statement means for the batch.
pub(super) fn classify(action: &'static str, error: sqlx::Error, options: &PgConnectOptions) -> WriteError {
    match sqlstate(&error) {
        // Data exceptions and broken constraints.
        Some(code) if code.starts_with("22") || code.starts_with("23") => {
            WriteError::Data { reason: error.to_string() }
        }
        _ => WriteError::from(explain(action, error, options)),
    }
}

/// Whether the connection is still good after this error, once the transaction is rolled back.
pub(super) fn leaves_connection_usable(error: &sqlx::Error) -> bool {
    sqlstate(error).is_some_and(|code| !code.starts_with("08") && !code.starts_with("57P"))
}

/// A mistake of the caller.
pub(super) fn misuse(action: &'static str, reason: String) -> WriteError {
    let source = sqlx::Error::InvalidArgument(reason);
    debug_assert!(is_own_fault(&source));
    WriteError::Internal(StoreError::Query { action, source })
}
