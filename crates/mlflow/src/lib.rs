//! A mirror of the registry in MLflow: each version is a run (parameters, metrics, tags, files) and a registered model version, and
//! the aliases `champion` and `challenger` follow the pointer. Live figures of a model become points of its run.
//!
//! Guarantees: what is mirrored is derived from the registry and from what MLflow already holds, never from a memory of its own, so
//! an MLflow that was down, slow or half-way through is caught up with by mirroring again, and mirroring twice changes nothing.
//! Nothing waits for MLflow but the mirror itself: it reads a registry that is already complete.
//!
//! Refuses to know: how models are trained or promoted. MLflow is an image for people; no part ever reads it back.

mod client;
mod config;
mod describe;
mod error;
mod live;
mod mirror;

pub use config::MlflowConfig;
pub use error::MlflowError;
pub use live::LiveFigures;
pub use mirror::{Mirror, Mirrored};
