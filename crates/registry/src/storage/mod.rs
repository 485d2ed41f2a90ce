//! What a back end can do: read, create if absent, replace if unchanged, list, and delete for good. Everything that the
//! registry promises is built on the two conditional writes.
//!
//! A key is a relative path of checked segments, such as `models/v1/manifest.json`.

mod folder;
mod s3;
mod tls;

pub(crate) use folder::Folder;
pub(crate) use s3::Bucket;

use crate::RegistryError;

/// A back end.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    /// A folder of this machine.
    Folder(Folder),
    /// A bucket; its conditional writes are `If-None-Match: *` and `If-Match`.
    S3(Bucket),
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
            Self::S3(bucket) => bucket.place(key),
        }
    }

    /// Reads at most `limit` bytes.
    pub(crate) async fn read(&self, key: &str, limit: u64) -> Result<Found, RegistryError> {
        match self {
            Self::Folder(folder) => folder.read(key, limit),
            Self::S3(bucket) => bucket.read(key, limit).await,
        }
    }

    /// Writes a new object, whole or not at all. `false`: there is one already, and it was left alone.
    pub(crate) async fn create(&self, key: &str, bytes: &[u8]) -> Result<bool, RegistryError> {
        match self {
            Self::Folder(folder) => folder.create(key, bytes),
            Self::S3(bucket) => bucket.create(key, bytes).await,
        }
    }

    /// Writes an object in the place of the one whose content has this SHA-256, or of none. `false`: another one stands
    /// there, and it was left alone.
    pub(crate) async fn replace(&self, key: &str, bytes: &[u8], expected: Option<&str>) -> Result<bool, RegistryError> {
        match self {
            Self::Folder(folder) => folder.replace(key, bytes, expected),
            Self::S3(bucket) => bucket.replace(key, bytes, expected).await,
        }
    }

    /// Names directly below a prefix, in no order; none when there is no such prefix.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        match self {
            Self::Folder(folder) => folder.list(prefix),
            Self::S3(bucket) => bucket.list(prefix).await,
        }
    }

    /// Deletes an object, if there is one.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), RegistryError> {
        match self {
            Self::Folder(folder) => folder.delete(key),
            Self::S3(bucket) => bucket.delete(key).await,
        }
    }

    /// When an object was written, epoch milliseconds by the storage's clock; `None` when there is none.
    pub(crate) async fn modified_ms(&self, key: &str) -> Result<Option<i64>, RegistryError> {
        match self {
            Self::Folder(folder) => folder.modified_ms(key),
            Self::S3(bucket) => bucket.modified_ms(key).await,
        }
    }

    /// Proves that the storage can be written.
    pub(crate) async fn check(&self) -> Result<(), RegistryError> {
        match self {
            Self::Folder(folder) => folder.check(),
            Self::S3(bucket) => bucket.check().await,
        }
    }
}
