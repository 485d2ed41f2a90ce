//! One configuration for all parts: defaults < `churn.toml` < `CHURN__SECTION__KEY` < flags.
//!
//! Guarantees: what loads has no unknown key, no wrong type and no broken rule; what does not load lists every fault at once, each
//! with key, place and the way out; no message and no listing holds a secret.
//!
//! Refuses to know what the keys mean: the struct that a caller loads says that, in its types, its [`Validate`] and its comments.
//!
//! ```
//! use churn_runtime::config::{ByteSize, Fault, Sources, Validate, load};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
//! #[serde(default)]
//! struct Root {
//!     /// How rows reach Postgres.
//!     sink: Sink,
//! }
//!
//! #[derive(Debug, Serialize, Deserialize, JsonSchema)]
//! #[serde(default)]
//! struct Sink {
//!     /// Bytes after which a batch is committed.
//!     batch_bytes: ByteSize,
//! }
//!
//! impl Default for Sink {
//!     fn default() -> Self {
//!         Self { batch_bytes: ByteSize::mib(4) }
//!     }
//! }
//!
//! impl Validate for Root {}
//!
//! let loaded = load::<Root>(&Sources::none().with_env([("CHURN__SINK__BATCH_BYTES", "1 MiB")])).unwrap();
//! assert_eq!(loaded.config.sink.batch_bytes, ByteSize::mib(1));
//!
//! let faults = load::<Root>(&Sources::none().with_set("sink.batch_byte=3")).unwrap_err();
//! assert!(faults.to_string().contains("did you mean `sink.batch_bytes`?"));
//! ```

mod fault;
mod layer;
mod load;
mod loaded;
mod origin;
mod schema;
mod secret;
mod source;
mod tomls;
mod units;
mod url;

pub use fault::{Fault, Faults, within};
pub use load::{Config, Validate, load};
pub use loaded::{KeyDoc, Loaded, ShownKey, reference};
pub use origin::Origin;
pub use secret::Secret;
pub use source::{DEFAULT_FILE, Sources};
pub use units::{ByteSize, HumanDuration, UnitError};
pub use url::ConnectionUrl;

#[cfg(test)]
mod tests;
