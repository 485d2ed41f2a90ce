//! The pointer to the version that is in use.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::{Kind, Version};

/// Which version of a kind is in use, since when, and why. It remembers what was read, so that a promotion can say what
/// it was decided upon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Champion {
    /// Format of this document.
    pub format: u32,
    /// What the pointer points to.
    pub kind: Kind,
    /// The version in use.
    pub version: Version,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// When it was promoted.
    pub promoted_at: Timestamp,
    /// Who or what promoted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// SHA-256 of the document as stored.
    #[serde(skip)]
    pub(crate) content_sha256: String,
}

/// A wish to make a version the champion.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// What is promoted.
    pub kind: Kind,
    /// The version to be promoted.
    pub version: Version,
    /// Who or what promotes.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, epoch milliseconds.
    pub at_ms: i64,
}

impl Champion {
    pub(crate) fn parse(bytes: &[u8], kind: Kind) -> Result<Self, String> {
        let mut champion: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if champion.kind != kind {
            return Err(format!("it points to a {}", champion.kind));
        }
        champion.content_sha256 = sha256(bytes);
        Ok(champion)
    }

    /// The document as it is stored; afterwards it knows its own hash.
    pub(crate) fn seal(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        self.content_sha256 = sha256(&bytes);
        Ok(bytes)
    }
}
