//! Why a registry gave no good answer.

use churn_runtime::exit::{Fate, Fated};
use thiserror::Error;

/// A registry's failure. None of them says anything about a record.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The configuration names no registry that could be asked.
    #[error("schema_registry.url {url:?}: {message}")]
    Misconfigured {
        /// The URL.
        url: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// No answer came, several times over.
    #[error("cannot reach the schema registry at {url}; check that it is up and that schema_registry.url is right")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It answered with an error.
    #[error("the schema registry answered {url} with status {status}: {message}")]
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said, and the way out where there is one.
        message: String,
    },
    /// What answers is no registry, or not at this path.
    #[error("what answered {url} is no schema registry ({message}); check schema_registry.url and its path")]
    Garbled {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        message: String,
    },
    /// A schema of ours may not follow those of its subject.
    #[error(
        "the schema cannot be registered under {subject}: {message}; \
             a change has to be readable both ways, such as a new nullable field with default null"
    )]
    Incompatible {
        /// The subject, or several.
        subject: String,
        /// What the registry objects to.
        message: String,
    },
    /// The registry would let a schema in that other versions cannot read.
    #[error(
        "the compatibility rule of {subject} at {place} is {rule}, expected FULL_TRANSITIVE, because two versions run side by side; \
             run `churn setup`, which sets it"
    )]
    WeakRule {
        /// The subject.
        subject: String,
        /// The registry.
        place: String,
        /// Its rule.
        rule: String,
    },
    /// Our schema is not registered yet.
    #[error("this version's schema is not registered under {subject} at {place}; run `churn setup`")]
    NotRegistered {
        /// The subject.
        subject: String,
        /// The registry.
        place: String,
    },
}

impl Fated for RegistryError {
    fn fate(&self) -> Fate {
        match self {
            Self::Misconfigured { .. } | Self::Incompatible { .. } | Self::WeakRule { .. } => Fate::Internal,
            Self::Unreachable { .. } | Self::Refused { .. } | Self::Garbled { .. } | Self::NotRegistered { .. } => {
                Fate::External
            }
        }
    }
}
