//! The slow path: bytes of another schema than ours, by way of `apache-avro`.
//!
//! A record is read with the schema it was written with, resolved to ours and written again: what comes out takes the
//! fast path, so every bound is checked in one place.

use std::io::Read;
use std::sync::Once;

use apache_avro::schema_compatibility::SchemaCompatibility;
use apache_avro::types::Value;
use apache_avro::{Schema, from_avro_datum, to_avro_datum};

use crate::{DecodeError, ErrorClass, Record};

/// What a length in hostile bytes may claim. Kafka refuses messages beyond a megabyte by default.
const MAX_CLAIMED_BYTES: usize = 1 << 20;

/// A schema that is not ours but that ours can read.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    writer: Schema,
    record: Record,
}

/// What a schema is to a reader of a record.
#[derive(Clone, Debug)]
pub(crate) enum Relation {
    /// The bytes are those of our schema.
    Same,
    /// The bytes have to be resolved.
    Foreign(Box<Foreign>),
}

/// Compares a schema's text with ours.
///
/// # Errors
/// Says why ours cannot read what was written with it.
pub(crate) fn relate(text: &str, record: Record) -> Result<Relation, String> {
    let writer = Schema::parse_str(text).map_err(|error| format!("not an Avro schema: {error}"))?;
    let ours = record.schema();
    SchemaCompatibility::can_read(&writer, ours).map_err(|error| error.to_string())?;
    // The canonical form says how bytes are laid out and leaves out what they mean (timestamp-millis or -micros), so
    // it is only asked of schemas that ours can read.
    if writer.canonical_form() == ours.canonical_form() {
        return Ok(Relation::Same);
    }
    Ok(Relation::Foreign(Box::new(Foreign { writer, record })))
}

impl Foreign {
    /// The same record as bytes of our schema.
    pub(crate) fn rewrite(&self, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let ours = self.record.schema();
        let value = read_all(&self.writer, bytes, Some(ours))?;
        to_avro_datum(ours, value).map_err(undecodable)
    }
}

/// Reads exactly these bytes.
pub(crate) fn read_all(writer: &Schema, bytes: &[u8], reader: Option<&Schema>) -> Result<Value, DecodeError> {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| {
        apache_avro::util::max_allocation_bytes(MAX_CLAIMED_BYTES);
    });
    let mut source = Strict { rest: bytes, exhausted: false };
    let value = from_avro_datum(writer, &mut source, reader);
    if source.exhausted {
        return Err(undecodable("the record ends too early"));
    }
    if !source.rest.is_empty() {
        return Err(undecodable(format!("{} bytes follow the record's end", source.rest.len())));
    }
    value.map_err(undecodable)
}

fn undecodable(error: impl ToString) -> DecodeError {
    DecodeError::record(ErrorClass::Undecodable, error)
}

/// Remembers a read past the end: apache-avro 0.21 takes that for a null where a union, string or boolean should be
/// (`decode_internal`), which would turn a truncated record into one with missing values.
struct Strict<'a> {
    rest: &'a [u8],
    exhausted: bool,
}

impl Read for Strict<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.exhausted |= buffer.len() > self.rest.len();
        self.rest.read(buffer)
    }
}
