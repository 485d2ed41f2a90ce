//! The registry: immutable versions of models and generators, and the pointer to the champion of each kind.
//!
//! ```text
//! models/v1/manifest.json     what the version is: size and SHA-256 of each file, parameters, lineage, metrics
//! models/v1/manifest.sig      the manifest's Ed25519 signature, where a key is configured
//! models/v1/…                 the files
//! models/v1/claim             who may fill this version: taken before the first file is written
//! models/champion.json        version and manifest hash of the champion, and of those before it
//! generators/…                the same for generators
//! ```
//!
//! Guarantees: a version exists from the moment its manifest does, whole or not at all, and never changes; what is loaded
//! has the size and the SHA-256 that the manifest lists, and, with a key configured, nothing unsigned is even parsed; of any number of concurrent publishers each gets a version of
//! its own; of any number of concurrent promotions from the same champion exactly one succeeds and the others are told
//! who did.
//!
//! Refuses to know: what is inside a file. Back ends lie behind [`storage`]: a few operations, of which two
//! writes are conditional, so that the same rules hold on a folder and on an object store.

mod champion;
mod config;
mod digest;
mod error;
mod gc;
mod manifest;
mod registry;
mod signing;
mod storage;
mod version;

pub use champion::{Champion, Former, Promotion, Reign};
pub use config::{RegistryConfig, S3Config};
pub use error::{RegistryError, StorageError};
pub use gc::{Keep, Sweep};
pub use manifest::{Decision, FileEntry, MANIFEST_FORMAT, Manifest};
pub use registry::{Artifact, Draft, Registry};
pub use version::{InvalidVersion, Kind, Version};
