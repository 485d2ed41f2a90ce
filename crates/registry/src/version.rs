//! What is versioned, and how versions are named.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What kind of artifact a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Scores customers.
    Model,
    /// Draws customers.
    Generator,
}

impl Kind {
    /// The folder that holds the versions of this kind.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Generator => "generators",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Generator => "generator",
        })
    }
}

/// The number of a version, written `v1`, `v2`, …; later versions are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(u32);

/// A text that names no version.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{0:?} names no version, expected v1, v2, …")]
pub struct InvalidVersion(String);

impl Version {
    pub(crate) const FIRST: Self = Self(1);

    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number behind the `v`.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('v').unwrap_or_default();
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0') && digits.len() < 10;
        let number = if plain { digits.parse().ok() } else { None };
        number.map(Self).ok_or_else(|| InvalidVersion(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_names_are_versions() {
        assert_eq!("v12".parse(), Ok(Version(12)));
        for bad in ["", "v", "v0", "v01", "12", "V1", "v1 ", "v-1", "v+1", "v../../etc", "v9999999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    #[test]
    fn later_versions_are_greater() {
        assert!(Version(9).next() > Version(9) && Version(10) > Version(9));
    }
}
