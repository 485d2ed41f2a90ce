//! What can go wrong with a registry.

use churn_runtime::exit::{Fate, Fated};
use thiserror::Error;

use crate::{Champion, Kind, Version};

/// Why a registry did not do what it was asked for.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The storage refused or failed.
    #[error("cannot {action} {path}: {source}; check the place and its permissions (registry.path)")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no such version.
    #[error("the registry has no {kind} {version}; `churn model list` shows what it has")]
    NotFound {
        /// The kind looked for.
        kind: Kind,
        /// The version looked for.
        version: Version,
    },
    /// What is stored is not what was published: never use it.
    #[error("{path} is corrupt: {problem}; restore it from a copy, or promote another version")]
    Corrupt {
        /// The file, with kind and version.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Written by a later program.
    #[error("{path} has format {found}, this program reads up to format {known}; use a newer program")]
    NewerFormat {
        /// The file, with kind and version.
        path: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A draft that cannot be published.
    #[error("the {kind} cannot be published: {problem}")]
    Unpublishable {
        /// The draft's kind.
        kind: Kind,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody else moved the pointer first.
    #[error("{kind} {version} was not promoted: {}; look at it and decide again", now(winner.as_deref()))]
    Overtaken {
        /// The kind of the pointer.
        kind: Kind,
        /// The version that was to be promoted.
        version: Version,
        /// The champion that stands now.
        winner: Option<Box<Champion>>,
    },
}

fn now(winner: Option<&Champion>) -> String {
    match winner {
        Some(winner) => {
            format!(
                "{} became champion at {} (by {}: {})",
                winner.version, winner.promoted_at, winner.by, winner.reason
            )
        }
        None => "there is no champion any more".into(),
    }
}

impl Fated for RegistryError {
    fn fate(&self) -> Fate {
        match self {
            Self::Storage { .. } => Fate::External,
            Self::Corrupt { .. } | Self::NewerFormat { .. } | Self::NotFound { .. } => Fate::Data,
            Self::Unpublishable { .. } | Self::Overtaken { .. } => Fate::Internal,
        }
    }
}
