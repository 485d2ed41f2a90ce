//! What can go wrong with the mirror.

use churn_registry::RegistryError;
use churn_runtime::exit::{Fate, Fated};

/// Why the mirror is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// MLflow gave no answer.
    #[error("mlflow gave no answer to {call}; the mirror catches up when it does (mlflow.url)")]
    Unreachable {
        /// What was asked.
        call: String,
        /// Why.
        source: reqwest::Error,
    },
    /// MLflow said no.
    #[error("mlflow refused {call} with {status}: {message}")]
    Refused {
        /// What was asked.
        call: String,
        /// The HTTP status.
        status: u16,
        /// Its words, cut to a few hundred characters.
        message: String,
    },
    /// MLflow answered in a form that this program does not know.
    #[error("mlflow's answer to {call} has no {missing}")]
    Unexpected {
        /// What was asked.
        call: String,
        /// What the answer lacks.
        missing: &'static str,
    },
    /// The client cannot be made.
    #[error("mlflow.url cannot be used")]
    Client(#[source] reqwest::Error),
    /// The registry that is mirrored failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl Fated for MlflowError {
    fn fate(&self) -> Fate {
        match self {
            Self::Unreachable { .. } => Fate::External,
            Self::Refused { status, .. } if *status >= 500 || *status == 429 => Fate::External,
            Self::Refused { .. } | Self::Unexpected { .. } | Self::Client(_) => Fate::Internal,
            Self::Registry(error) => error.fate(),
        }
    }
}
