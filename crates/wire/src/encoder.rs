//! Whole values for a topic: framing and record.

use crate::{Codec, write_prefix};

/// Writes a record's values under the id that a registry gave our schema.
#[derive(Clone, Debug)]
pub struct Encoder<C> {
    codec: C,
    schema_id: i32,
}

impl<C: Codec> Encoder<C> {
    /// Writes under this id, which [`SchemaRegistry::id_of`](crate::SchemaRegistry::id_of) tells.
    pub fn new(schema_id: i32) -> Self {
        Self { codec: C::default(), schema_id }
    }

    /// The id in every value's framing.
    pub fn schema_id(&self) -> i32 {
        self.schema_id
    }

    /// The codec behind.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    /// Appends the row's value.
    ///
    /// # Panics
    /// When the batch has no such row.
    pub fn encode_into(&self, batch: &C::Batch, row: usize, out: &mut Vec<u8>) {
        write_prefix(self.schema_id, out);
        self.codec.encode_into(batch, row, out);
    }
}
