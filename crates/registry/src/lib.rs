//! The registry: immutable versions of models and generators, and the pointer to the champion of each kind.
//!
//! ```text
//! models/v1/manifest.json     what the version is: size and SHA-256 of each file, parameters, lineage, metrics
//! models/v1/…                 the files
//! models/v1/claim             who may fill this version: taken before the first file is written
//! models/champion.json        version and manifest hash of the champion
//! generators/…                the same for generators
//! ```
//!
//! Guarantees: a version exists from the moment its manifest does, whole or not at all, and never changes; what is loaded
//! has the size and the SHA-256 that the manifest lists; of any number of concurrent publishers each gets a version of
//! its own; of any number of concurrent promotions from the same champion exactly one succeeds and the others are told
//! who did.
//!
//! Refuses to know: what is inside a file. Back ends lie behind [`storage`]: four operations, of which two are
//! conditional, so that the same rules hold on a folder and on an object store.

mod champion;
mod digest;
mod error;
mod manifest;
mod registry;
mod storage;
mod version;

pub use champion::{Champion, Promotion};
pub use error::RegistryError;
pub use manifest::{FileEntry, MANIFEST_FORMAT, Manifest};
pub use registry::{Artifact, Draft, Registry};
pub use version::{InvalidVersion, Kind, Version};
