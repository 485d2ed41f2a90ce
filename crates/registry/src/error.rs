//! What can go wrong with a registry.

use churn_runtime::exit::{Fate, Fated};
use thiserror::Error;

use crate::{Champion, Kind, Version};

/// What a storage says of a failure.
pub type StorageError = Box<dyn std::error::Error + Send + Sync>;

/// Why a registry did not do what it was asked for.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The storage refused or failed.
    #[error("cannot {action} {path}: {source}; check the place and its permissions ({setting})")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: String,
        /// The configuration key that names the place.
        setting: &'static str,
        /// What the system says.
        source: StorageError,
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
    /// Nobody who is trusted vouches for it: nothing in it was read.
    #[error(
        "{path} is refused: {problem}; publish it anew with a trusted key, or trust the key that signed it (registry.trusted_keys)"
    )]
    Untrusted {
        /// The manifest.
        path: String,
        /// What is wrong with its signature.
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
    /// A key or a certificate that cannot be used.
    #[error("{setting} {problem}")]
    Key {
        /// The configuration key.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The gate did not let it pass.
    #[error(
        "model {version} was not promoted: {problem}; --override \"reason\" promotes it all the same, and the reason is recorded"
    )]
    NotPassed {
        /// The version.
        version: Version,
        /// What stands in its way.
        problem: String,
    },
    /// There is nothing to return to.
    #[error("{}", nowhere(*.kind, *.champion, *.wanted))]
    NoPredecessor {
        /// The kind of the pointer.
        kind: Kind,
        /// The champion that stands.
        champion: Version,
        /// The version that was asked for.
        wanted: Option<Version>,
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

fn nowhere(kind: Kind, champion: Version, wanted: Option<Version>) -> String {
    match wanted {
        Some(wanted) if wanted == champion => format!("{kind} {wanted} is the champion already"),
        Some(wanted) => {
            format!("{kind} {wanted} never was champion, so there is no way back to it; promote it instead")
        }
        None => format!("{kind} {champion} has no predecessor to return to"),
    }
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
            Self::Corrupt { .. } | Self::Untrusted { .. } | Self::NewerFormat { .. } | Self::NotFound { .. } => {
                Fate::Data
            }
            Self::Key { .. }
            | Self::NotPassed { .. }
            | Self::NoPredecessor { .. }
            | Self::Unpublishable { .. }
            | Self::Overtaken { .. } => Fate::Internal,
        }
    }
}
