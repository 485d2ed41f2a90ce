//! Storing each record exactly once.
//!
//! A batch's rows and the positions that it came from are written in one transaction, whose last statement moves the
//! positions on, and only from where this writer's claim left them and only under its epoch. So a batch is stored whole
//! or not at all, a batch that comes again finds its positions moved on, and a writer that lost its partitions without
//! noticing stores nothing.
//!
//! Who does what, in this order: [`SinkWriter::claim`] at assignment, which ends the predecessor's connection; then for
//! each batch [`SinkWriter::write`], or [`SinkWriter::stage`] and [`Staged::commit`] where refused rows have to be
//! dead-lettered before the positions move past them; [`SinkWriter::resolve_commit`] after
//! [`WriteError::UnknownCommit`]; [`SinkWriter::release`] at revocation.

mod error;
mod look;
mod merge;
mod offset;
mod stage;
mod writer;

pub use error::WriteError;
pub use offset::{Claim, OffsetAdvance, TopicPartition};
pub use stage::Staged;
pub use writer::{Resolution, SinkWriter};

/// One of the two tables that the sink fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `scored_event`.
    Score,
    /// `outcome`.
    Outcome,
}

impl Target {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Score, Self::Outcome];

    /// The table's name within the schema.
    pub fn table(self) -> &'static str {
        match self {
            Self::Score => "scored_event",
            Self::Outcome => "outcome",
        }
    }
}

/// What became of a batch. Rows in + duplicates + conflicts + rejected = rows of the batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Scores stored.
    pub rows: u64,
    /// Outcomes stored.
    pub outcomes: u64,
    /// Rows that were stored already, with the same content; the stored ones stand.
    pub duplicates: u64,
    /// Rows whose id is stored with other content; the stored ones stand.
    pub conflicts: Vec<Conflict>,
    /// Rows that Postgres cannot store.
    pub rejected: Vec<Rejected>,
}

/// A row whose id is stored already, with other content: a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// Of which batch.
    pub which: Target,
    /// Its row, from 0.
    pub row: usize,
}

/// A row that cannot be stored: a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Of which batch.
    pub which: Target,
    /// Its row, from 0.
    pub row: usize,
    /// What is wrong with it.
    pub reason: String,
}
