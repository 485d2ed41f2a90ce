//! The vocabulary of Churnstream: what a customer, an event, a score and an outcome are.
//!
//! This crate is pure. It guarantees that the nineteen features are spelled once ([`FEATURES`]) and that every
//! column-wise batch keeps its columns at one length. It refuses to know files, clocks, Kafka, SQL or models: readers
//! and writers arrive as `io::Read` and `io::Write`, time as epoch milliseconds.

pub mod csv;
mod event;
mod feature;
pub mod holdout;
mod id;
mod interned;
mod location;
mod outcome;
mod probability;
mod reason;
mod score;
mod table;
mod text;

pub use event::{EventBatch, TimeError};
pub use feature::{FEATURE_COUNT, FEATURES, Feature, Kind, LABEL, OutOfRange, feature_index};
pub use id::{EventId, InvalidScoreId, ScoreId};
pub use interned::{Interned, MISSING};
pub use location::{LOCATION_FIELDS, Locations};
pub use outcome::OutcomeBatch;
pub use probability::{InvalidProbability, Probability};
pub use reason::Reasons;
pub use score::{Lineage, ScoreBatch};
pub use table::{Column, Table};
pub use text::Text;
