//! Confluent's wire format: how a value says which schema it was written with.

use std::fmt;

use uuid::Uuid;

use crate::{DecodeError, ErrorClass};

/// Name of the header that names the schema where the value does not.
pub const VALUE_SCHEMA_ID_HEADER: &str = "__value_schema_id";

const BY_ID: u8 = 0;
const BY_GUID: u8 = 1;

/// What a value says of its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaRef {
    /// The registry's id.
    Id(i32),
    /// The schema's GUID, the same in every registry.
    Guid(Uuid),
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "schema id {id}"),
            Self::Guid(guid) => write!(f, "schema GUID {guid}"),
        }
    }
}

/// A value without its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The schema the bytes were written with.
    pub schema: SchemaRef,
    /// The record's bytes.
    pub payload: &'a [u8],
}

impl<'a> Framed<'a> {
    /// Takes a value apart. `header` is the value of [`VALUE_SCHEMA_ID_HEADER`], if the message has it: then the whole
    /// value is the record. Otherwise the value starts with a zero byte and the id as four bytes, big-endian.
    ///
    /// # Errors
    /// [`ErrorClass::Framing`]: the value or the header says nothing of a schema.
    pub fn parse(value: &'a [u8], header: Option<&[u8]>) -> Result<Self, DecodeError> {
        match header {
            None => match parse_id(value) {
                Some((schema, payload)) => Ok(Self { schema, payload }),
                None => Err(unframed(value)),
            },
            Some(header) => match parse_header(header) {
                Some(schema) => Ok(Self { schema, payload: value }),
                None => Err(DecodeError::new(
                    ErrorClass::Framing,
                    VALUE_SCHEMA_ID_HEADER,
                    format!("{} bytes, expected 0x01 and the 16 bytes of a GUID", header.len()),
                )),
            },
        }
    }
}

/// The registry's id in a value's framing or header, where there is one: for telling what an unreadable value claims to be.
pub fn claimed_schema_id(value: Option<&[u8]>, header: Option<&[u8]>) -> Option<i32> {
    match Framed::parse(value?, header).ok()?.schema {
        SchemaRef::Id(id) => Some(id),
        SchemaRef::Guid(_) => None,
    }
}

/// Starts a value that was written with the schema of this id.
pub fn write_prefix(schema_id: i32, out: &mut Vec<u8>) {
    out.push(BY_ID);
    out.extend_from_slice(&schema_id.to_be_bytes());
}

fn parse_id(bytes: &[u8]) -> Option<(SchemaRef, &[u8])> {
    let (id, rest) = bytes.strip_prefix(&[BY_ID])?.split_first_chunk()?;
    Some((SchemaRef::Id(i32::from_be_bytes(*id)), rest))
}

fn parse_header(header: &[u8]) -> Option<SchemaRef> {
    match (parse_id(header), header) {
        (Some((schema, [])), _) => Some(schema),
        (_, [BY_GUID, guid @ ..]) => Uuid::from_slice(guid).ok().map(SchemaRef::Guid),
        _ => None,
    }
}

#[cold]
fn unframed(value: &[u8]) -> DecodeError {
    let message = match value {
        [] => "the value is empty".to_owned(),
        [BY_ID, ..] => format!("{} bytes have no room for a zero byte and a schema id", value.len()),
        [first, ..] => format!("the first byte is {first:#04x}, expected 0x00 and a schema id of four bytes"),
    };
    DecodeError::new(ErrorClass::Framing, "framing", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_comes_back_as_its_id_and_the_rest_as_payload() {
        let mut value = Vec::new();
        write_prefix(0x0102_0304, &mut value);
        assert_eq!(value, [0, 1, 2, 3, 4]);
        value.push(9);
        assert_eq!(Framed::parse(&value, None), Ok(Framed { schema: SchemaRef::Id(0x0102_0304), payload: &[9] }));
    }

    #[test]
    fn a_header_names_the_schema_and_leaves_the_value_whole() {
        let guid = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        let framed = Framed::parse(&[0, 1], Some(&guid)).unwrap();
        assert_eq!(framed, Framed { schema: SchemaRef::Guid(Uuid::from_u128(7)), payload: &[0, 1] });
        assert_eq!(Framed::parse(&[5], Some(&[0, 0, 0, 0, 7])).unwrap().schema, SchemaRef::Id(7));
    }

    #[test]
    fn values_without_framing_are_refused() {
        for value in [&[][..], &[0, 0, 0, 1], &[1, 0, 0, 0, 1, 2], b"{\"a\": 1}"] {
            assert_eq!(Framed::parse(value, None).unwrap_err().class, ErrorClass::Framing);
        }
        for header in [&[][..], &[1, 2, 3], &[0, 0, 0, 0, 1, 1], &[2; 17]] {
            assert_eq!(Framed::parse(&[0; 8], Some(header)).unwrap_err().class, ErrorClass::Framing);
        }
    }
}
