//! What a version says of itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::sha256;
use crate::{Kind, Version};

/// The newest format of manifests and pointers that this program reads, and the one it writes.
pub const MANIFEST_FORMAT: u32 = 1;

/// Longest manifest that is read: metrics and parameters of a model take some tens of kilobytes.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// Largest file of an artifact: a thousand times a boosted model of today, and still far below a pod's memory.
pub(crate) const MAX_FILE_BYTES: u64 = 256 << 20;
/// Largest artifact, all files together: what a loader may have to hold.
pub(crate) const MAX_ARTIFACT_BYTES: u64 = 512 << 20;
const MAX_FILES: usize = 64;
const MAX_NAME_BYTES: usize = 64;

/// Names in a version's folder that no artifact may use.
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const CLAIM: &str = "claim";
pub(crate) const SIGNATURE: &str = "manifest.sig";

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name, without any folder.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// What a version is: written once, never changed. Its own SHA-256 is the version's hash, which scores and the champion
/// pointer carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of this document.
    pub format: u32,
    /// What is versioned.
    pub kind: Kind,
    /// The version.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who or what made it.
    pub created_by: String,
    /// What it was made with.
    pub params: Map<String, Value>,
    /// What it was made from.
    pub lineage: Map<String, Value>,
    /// How good it is.
    pub metrics: Map<String, Value>,
    /// What the promotion gate said of it; missing where it was never asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Its files, sorted by name.
    pub files: Vec<FileEntry>,
}

/// What the promotion gate said of a version, before it was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it may become champion.
    pub passed: bool,
    /// The champion that it was compared with.
    pub against: Version,
    /// Why, for a person to read.
    pub reason: String,
    /// Every figure that was looked at.
    pub figures: Map<String, Value>,
}

impl Manifest {
    /// The document as it is stored.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a document and checks that nothing in it leads a reader astray.
    ///
    /// # Errors
    /// In words: it is no manifest, not that of this version, or names files that no artifact has.
    pub fn parse(bytes: &[u8], kind: Kind, version: Version) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        manifest.check(kind, version)?;
        Ok(manifest)
    }

    /// Checks everything that a hostile manifest could say to lead a reader astray.
    pub(crate) fn check(&self, kind: Kind, version: Version) -> Result<(), String> {
        if (self.kind, self.version) != (kind, version) {
            return Err(format!("it says that it is {} {}", self.kind, self.version));
        }
        if self.files.len() > MAX_FILES {
            return Err(format!("it lists {} files, at most {MAX_FILES} are accepted", self.files.len()));
        }
        for (at, file) in self.files.iter().enumerate() {
            check_name(&file.name)?;
            if self.files[..at].iter().any(|earlier| earlier.name == file.name) {
                return Err(format!("it lists {} twice", file.name));
            }
            check_size(&file.name, file.size)?;
        }
        check_total(self.files.iter().map(|file| file.size))
    }
}

/// The entries for these files.
pub(crate) fn entries(files: &BTreeMap<String, Vec<u8>>) -> Vec<FileEntry> {
    let entry = |(name, bytes): (&String, &Vec<u8>)| FileEntry {
        name: name.clone(),
        size: bytes.len() as u64,
        sha256: sha256(bytes),
    };
    files.iter().map(entry).collect()
}

/// A name is one path segment of the letters that every file system and object store takes alike.
fn check_name(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
    let reserved = [MANIFEST, CLAIM, SIGNATURE].contains(&name) || name.starts_with('.');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !plain || reserved {
        return Err(format!(
            "{name:?} is no file name for an artifact (a-z, 0-9, '.', '_', '-'; not {MANIFEST}, {SIGNATURE}, {CLAIM})"
        ));
    }
    Ok(())
}

fn check_size(name: &str, size: u64) -> Result<(), String> {
    if size > MAX_FILE_BYTES {
        return Err(format!("{name} has {size} bytes, at most {MAX_FILE_BYTES} are accepted"));
    }
    Ok(())
}

fn check_total(sizes: impl Iterator<Item = u64>) -> Result<(), String> {
    let total = sizes.fold(0, u64::saturating_add);
    if total > MAX_ARTIFACT_BYTES {
        return Err(format!("its files have {total} bytes, at most {MAX_ARTIFACT_BYTES} are accepted"));
    }
    Ok(())
}
