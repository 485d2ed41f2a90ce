//! The pointer to the version that is in use.

use std::ops::Deref;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::{nonce, sha256};
use crate::{Kind, MANIFEST_FORMAT, Version};

/// How many former champions the pointer remembers: years of monthly promotions, and still one small document.
const HISTORY: usize = 50;

/// Which version of a kind is in use, since when, and why. It remembers what was read, so that a promotion can say what
/// it was decided upon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Champion {
    /// Format of this document.
    pub format: u32,
    /// What the pointer points to.
    pub kind: Kind,
    /// The version in use, and how it came to be.
    #[serde(flatten)]
    pub reign: Reign,
    /// The champions before it, the latest first.
    #[serde(default)]
    pub history: Vec<Former>,
    /// Makes the document unlike any other, so that its writer knows its own by its content.
    #[serde(default)]
    nonce: String,
    /// SHA-256 of the document as stored.
    #[serde(skip)]
    pub(crate) content_sha256: String,
}

/// One version's time as champion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reign {
    /// The version.
    pub version: Version,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// When it was promoted.
    pub promoted_at: Timestamp,
    /// Who or what promoted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Why it was promoted past the gate; missing where the gate let it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
}

/// A version that was champion once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Former {
    /// Its time.
    #[serde(flatten)]
    pub reign: Reign,
    /// Whether it ended because the version was found worse than the one before: a rollback never returns to it.
    #[serde(default)]
    pub rolled_back: bool,
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
    /// Why it is promoted although the gate did not let it pass; recorded.
    pub overridden: Option<String>,
    /// When, epoch milliseconds.
    pub at_ms: i64,
}

/// A champion is the reign that has not ended.
impl Deref for Champion {
    type Target = Reign;

    fn deref(&self) -> &Reign {
        &self.reign
    }
}

impl Champion {
    /// The version that a rollback returns to: the latest one before this that was not itself rolled back when it last reigned.
    pub fn predecessor(&self) -> Option<&Reign> {
        let last = |at: usize, version| self.history[..at].iter().all(|later| later.reign.version != version);
        let fit = |(at, former): &(usize, &Former)| {
            let version = former.reign.version;
            !former.rolled_back && version != self.reign.version && last(*at, version)
        };
        self.history.iter().enumerate().find(fit).map(|(_, former)| &former.reign)
    }

    /// The successor of `before`; `rolled_back` says that `before` ends because it was found worse.
    pub(crate) fn succeed(kind: Kind, reign: Reign, before: Option<&Self>, rolled_back: bool) -> Self {
        let mut history = Vec::new();
        if let Some(before) = before {
            history.push(Former { reign: before.reign.clone(), rolled_back });
            history.extend(before.history.iter().take(HISTORY - 1).cloned());
        }
        Self { format: MANIFEST_FORMAT, kind, reign, history, nonce: nonce(), content_sha256: String::new() }
    }

    pub(crate) fn parse(bytes: &[u8], kind: Kind) -> Result<Self, String> {
        let mut champion: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if champion.kind != kind {
            return Err(format!("it points to a {}", champion.kind));
        }
        champion.content_sha256 = sha256(bytes);
        Ok(champion)
    }

    /// The document without its signature.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Lets the champion know its hash as it is stored.
    pub(crate) fn seal(&mut self, stored: &[u8]) {
        self.content_sha256 = sha256(stored);
    }
}
