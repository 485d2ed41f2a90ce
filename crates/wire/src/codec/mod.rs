//! The fast path: our own schemas, column-wise, without an allocation per row.
//!
//! Encoding follows the Avro specification 1.11, "Binary encoding". A nullable field is a union whose first branch is
//! null, so one byte tells whether a value follows.

mod event;
mod features;
mod outcome;
mod read;
mod reasons;
mod score;
mod write;

pub use event::EventCodec;
pub use outcome::OutcomeCodec;
pub use score::ScoreCodec;

use crate::{DecodeError, Record};

/// Longest accepted string in bytes. Names and ids are far shorter; a longer one is a producer's fault, and would let
/// one record grow a batch by megabytes. A producer of foreign ids checks it before it encodes.
pub const MAX_TEXT_BYTES: usize = 256;

/// Turns rows of a batch into bytes of our schema and back.
pub trait Codec: Default + Send + Sync + 'static {
    /// The columns the records go to.
    type Batch: Default + Send;
    /// The record.
    const RECORD: Record;

    /// Number of rows of a batch.
    fn rows(batch: &Self::Batch) -> usize;

    /// Empties a batch and keeps its memory.
    fn clear(batch: &mut Self::Batch);

    /// Appends the row's bytes, without framing. What lies outside the bounds of the domain is written as it is and
    /// refused by the reader.
    ///
    /// # Panics
    /// When the batch has no such row.
    fn encode_into(&self, batch: &Self::Batch, row: usize, out: &mut Vec<u8>);

    /// Appends one row from exactly these bytes, without framing.
    ///
    /// # Errors
    /// The bytes are not a record of our schema, or a value is out of bounds. The batch then has the rows it had;
    /// only the vocabularies of its [`Interned`](churn_domain::Interned) columns may have grown.
    fn decode_into(&self, bytes: &[u8], batch: &mut Self::Batch) -> Result<(), DecodeError>;
}
