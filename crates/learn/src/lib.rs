//! Learning whether a customer leaves: encoder, learners, calibration, evaluation, and what an artifact holds.
//!
//! This crate is pure. It guarantees that a model scores everywhere as it did in training: one [`Encoder`] is fitted once
//! and travels inside the [`Artifact`], whose golden rows are scored again on every load. The same customers and the same
//! seed give the same bytes on any number of threads. Probabilities are those of leaving, calibrated out of fold.
//!
//! It refuses to know files, clocks, Kafka and SQL: artifacts arrive and leave as named bytes.
//!
//! ```text
//! Customers ──train, search──▶ Artifact ──to_files──▶ (registry) ──from_files──▶ Artifact.model: ScoringModel ──predict──▶ probability
//! ```

mod artifact;
mod calibration;
pub mod compare;
mod encoder;
mod error;
mod evaluation;
mod explain;
mod export;
mod fold;
mod golden;
mod learner;
mod math;
pub mod metrics;
mod reference;
mod scoring;
mod search;
mod train;

pub use artifact::{ARTIFACT_FORMAT, Artifact};
pub use calibration::Calibration;
pub use encoder::{EncodeStats, Encoder, Matrix};
pub use error::{ArtifactError, TrainError};
pub use evaluation::{CalibrationBin, Dependence, Evaluation, Intervals};
pub use explain::Explainer;
pub use export::ExportError;
pub use fold::stratified_folds;
pub use golden::GoldenRow;
pub use learner::{
    BayesParams, BlendParams, EbmParams, LearnerParams, LogisticParams, MemberParams, Model, Sample, TreeParams,
};
pub use metrics::Metrics;
pub use reference::{Distribution, FeatureReference, Reference};
pub use scoring::{ScoringModel, Scratch};
pub use search::{Budget, Family, SearchParams, SearchStep, nested, search};
pub use train::{
    CrossValidated, Examples, Goal, LearnerReport, Repeated, Report, Spread, TrainParams, TrainProgress, TrainStep,
    Trained, TrialReport, cross_validate, train, train_on,
};
