//! Records as JSON, for people.

use apache_avro::Schema;
use apache_avro::types::Value;
use serde_json::{Map, Value as Json};

use crate::foreign::read_all;
use crate::{DecodeError, ErrorClass};

/// Renders a record, without framing, by the schema it was written with. Unions show their value, bytes as
/// hexadecimal, times as the number they are, numbers that JSON does not know as text.
///
/// # Errors
/// The schema's text is none, or the bytes are not its record.
pub fn to_json(schema: &str, bytes: &[u8]) -> Result<Json, DecodeError> {
    let schema =
        Schema::parse_str(schema).map_err(|error| DecodeError::record(ErrorClass::IncompatibleSchema, error))?;
    read_all(&schema, bytes, None).map(render)
}

/// The value as JSON.
pub(crate) fn render(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(yes) => yes.into(),
        Value::Int(number) | Value::Date(number) | Value::TimeMillis(number) => number.into(),
        Value::Long(number)
        | Value::TimeMicros(number)
        | Value::TimestampMillis(number)
        | Value::TimestampMicros(number)
        | Value::TimestampNanos(number)
        | Value::LocalTimestampMillis(number)
        | Value::LocalTimestampMicros(number)
        | Value::LocalTimestampNanos(number) => number.into(),
        Value::Float(number) => float(number.into()),
        Value::Double(number) => float(number),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => hexadecimal(&bytes),
        Value::String(text) | Value::Enum(_, text) => text.into(),
        Value::Uuid(id) => id.to_string().into(),
        Value::Union(_, value) => render(*value),
        Value::Array(values) => values.into_iter().map(render).collect(),
        Value::Map(entries) => entries.into_iter().map(|(name, value)| (name, render(value))).collect(),
        Value::Record(fields) => {
            fields.into_iter().map(|(name, value)| (name, render(value))).collect::<Map<_, _>>().into()
        }
        Value::Decimal(_) | Value::BigDecimal(_) | Value::Duration(_) => format!("{value:?}").into(),
    }
}

fn float(number: f64) -> Json {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Json::Number)
}

fn hexadecimal(bytes: &[u8]) -> Json {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type": "record", "name": "R", "fields": [
        {"name": "id", "type": {"type": "fixed", "name": "F", "size": 2}},
        {"name": "flag", "type": ["null", "boolean"]},
        {"name": "share", "type": "double"}]}"#;

    #[test]
    fn a_record_shows_plain_values() {
        let mut bytes = vec![0xab, 0x01, 2, 1];
        bytes.extend(f64::INFINITY.to_le_bytes());
        assert_eq!(to_json(SCHEMA, &bytes).unwrap(), serde_json::json!({"id": "ab01", "flag": true, "share": "inf"}));
    }

    #[test]
    fn a_truncated_record_is_no_record_with_nulls() {
        assert_eq!(to_json(SCHEMA, &[0xab, 0x01]).unwrap_err().class, ErrorClass::Undecodable);
    }
}
