//! Synthetic customers: a Gaussian copula that keeps the rules.
//!
//! A [`Generator`] is fitted on real customers with their label ([`Generator::fit`]). Customers are split by their bundle
//! of services and by their label; each part is a Gaussian copula of the columns that are free in it, and the rules
//! (`constraint`) put whole customers together from free values.
//!
//! It guarantees that no sampled row is impossible and that none is drawn in vain; that a row is a function of generator,
//! seed and row number alone, so that any range may be drawn on any number of threads with the same bytes; and that a
//! generator read back from JSON is the one that was written. [`Generator::given`] draws customers of whom something is given, [`EventSource`] adds customers who come again, [`quality`]
//! measures a sample against real rows as SDMetrics does.
//!
//! It refuses to know files, clocks, threads' number or where chance comes from: bytes, seeds and counts are arguments.

mod condition;
mod constraint;
mod correlation;
mod error;
mod fit;
mod fitted;
mod generator;
mod marginal;
mod normal;
mod outcome;
mod places;
mod polychoric;
pub mod quality;
mod random;
mod roles;
mod row;
mod sample;
mod scenario;
mod stratum;
mod stream;

pub use condition::{ConditionError, Conditioned};
pub use error::{FitError, LoadError};
pub use fit::FitParams;
pub use fitted::{FitSummary, GENERATOR_VERSION};
pub use generator::Generator;
pub use sample::Sample;
pub use scenario::{NEW_CATEGORY, Scenario, ScenarioKind, UnknownScenario};
pub use stream::{EventSource, InvalidRecurrence, Recurrence, StreamSample};
