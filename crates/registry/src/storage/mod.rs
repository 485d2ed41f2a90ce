//! What a back end can do: read, create if absent, replace if unchanged, and list. Everything that the registry promises
//! is built on the two conditional writes.
//!
//! A key is a relative path of checked segments, such as `models/v1/manifest.json`.

mod folder;

pub(crate) use folder::Folder;

use crate::RegistryError;

/// A back end. The object store will be its second variant; its conditional writes are `If-None-Match: *` and `If-Match`.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    /// A folder of this machine.
    Folder(Folder),
}

/// What one read found.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// More bytes than the reader is ready to hold.
    TooLarge,
    /// The content.
    Bytes(Vec<u8>),
}

impl Storage {
    /// What the user calls this storage.
    pub(crate) fn place(&self, key: &str) -> String {
        match self {
            Self::Folder(folder) => folder.path(key).display().to_string(),
        }
    }

    /// Reads at most `limit` bytes.
    pub(crate) async fn read(&self, key: &str, limit: u64) -> Result<Found, RegistryError> {
        match self {
            Self::Folder(folder) => folder.read(key, limit),
        }
    }

    /// Writes a new object, whole or not at all. `false`: there is one already, and it was left alone.
    pub(crate) async fn create(&self, key: &str, bytes: &[u8]) -> Result<bool, RegistryError> {
        match self {
            Self::Folder(folder) => folder.create(key, bytes),
        }
    }

    /// Writes an object in the place of the one whose content has this SHA-256, or of none. `false`: another one stands
    /// there, and it was left alone.
    pub(crate) async fn replace(&self, key: &str, bytes: &[u8], expected: Option<&str>) -> Result<bool, RegistryError> {
        match self {
            Self::Folder(folder) => folder.replace(key, bytes, expected),
        }
    }

    /// Names directly below a prefix, in no order; none when there is no such prefix.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        match self {
            Self::Folder(folder) => folder.list(prefix),
        }
    }

    /// Proves that the storage can be written.
    pub(crate) async fn check(&self) -> Result<(), RegistryError> {
        match self {
            Self::Folder(folder) => folder.check(),
        }
    }
}
