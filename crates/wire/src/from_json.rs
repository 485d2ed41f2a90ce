//! Records from JSON, for people who write test cases.

use apache_avro::Schema;
use apache_avro::schema::{RecordField, RecordSchema, UnionSchema};
use apache_avro::types::Value;
use serde_json::{Map, Value as Json};

/// Writes a record, without framing, by a schema: the counterpart of [`to_json`](crate::to_json). Types have to be right;
/// bounds of the domain are not looked at, so that a case can break them. A field that is absent takes its default.
///
/// # Errors
/// In words: the schema's text is none, or a field is unknown, missing or of another type.
pub fn from_json(schema: &str, record: &Json) -> Result<Vec<u8>, String> {
    let schema = Schema::parse_str(schema).map_err(|error| format!("the schema is none: {error}"))?;
    let value = value(&schema, record).map_err(|(path, message)| match path.as_str() {
        "" => message,
        path => format!("{path}: {message}"),
    })?;
    apache_avro::to_avro_datum(&schema, value).map_err(|error| error.to_string())
}

/// Where it is wrong, and what.
type Wrong = (String, String);

fn value(schema: &Schema, json: &Json) -> Result<Value, Wrong> {
    let wrong = |expected: &str| (String::new(), format!("is {json}, expected {expected}"));
    Ok(match schema {
        Schema::Null if json.is_null() => Value::Null,
        Schema::Boolean => Value::Boolean(json.as_bool().ok_or_else(|| wrong("true or false"))?),
        Schema::Int => Value::Int(int(json).ok_or_else(|| wrong("a whole number of 32 bits"))?),
        Schema::Long => Value::Long(json.as_i64().ok_or_else(|| wrong("a whole number"))?),
        Schema::TimestampMillis => Value::TimestampMillis(json.as_i64().ok_or_else(|| wrong("milliseconds"))?),
        Schema::Float => Value::Float(json.as_f64().ok_or_else(|| wrong("a number"))? as f32),
        Schema::Double => Value::Double(json.as_f64().ok_or_else(|| wrong("a number"))?),
        Schema::String => Value::String(json.as_str().ok_or_else(|| wrong("text"))?.to_owned()),
        Schema::Union(union) => in_union(union, json)?,
        Schema::Array(array) => {
            let items = json.as_array().ok_or_else(|| wrong("a list"))?;
            let item =
                |(at, item)| value(&array.items, item).map_err(|(path, message)| (format!("[{at}].{path}"), message));
            Value::Array(items.iter().enumerate().map(item).collect::<Result<_, _>>()?)
        }
        Schema::Record(inner) => record(inner, json.as_object().ok_or_else(|| wrong("an object"))?)?,
        _ => return Err(wrong("a type that can be written as JSON here")),
    })
}

fn int(json: &Json) -> Option<i32> {
    json.as_i64().and_then(|number| i32::try_from(number).ok())
}

/// The first branch that takes the value; the error is that of the last, which is the one beside null.
fn in_union(union: &UnionSchema, json: &Json) -> Result<Value, Wrong> {
    let mut refused = (String::new(), "the schema has a union of nothing".to_owned());
    for (index, branch) in union.variants().iter().enumerate() {
        match value(branch, json) {
            Ok(found) => return Ok(Value::Union(u32::try_from(index).unwrap_or(u32::MAX), Box::new(found))),
            Err(wrong) => refused = wrong,
        }
    }
    Err(refused)
}

fn record(schema: &RecordSchema, object: &Map<String, Json>) -> Result<Value, Wrong> {
    let names = || schema.fields.iter().map(|field| field.name.as_str());
    if let Some(unknown) = object.keys().find(|key| names().all(|name| name != key.as_str())) {
        return Err((
            unknown.clone(),
            format!("is no field; the fields are {}", names().collect::<Vec<_>>().join(", ")),
        ));
    }
    let field = |field: &RecordField| {
        let given = object.get(&field.name).or(field.default.as_ref());
        let given = given.ok_or_else(|| (field.name.clone(), "is missing and has no default".to_owned()))?;
        value(&field.schema, given).map(|found| (field.name.clone(), found)).map_err(|(path, message)| {
            let path = if path.is_empty() { field.name.clone() } else { format!("{}.{path}", field.name) };
            (path, message)
        })
    };
    schema.fields.iter().map(field).collect::<Result<Vec<_>, _>>().map(Value::Record)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Record, to_json};

    fn event() -> Json {
        json!({ "stream": "s", "sequence": 1, "event_time": 1_700_000_000_000_i64, "customer_id": "c", "tenure": -3 })
    }

    #[test]
    fn what_is_written_from_json_reads_back_as_it_although_it_breaks_bounds() {
        let schema = Record::CustomerEvent.avsc();
        let read = to_json(schema, &from_json(schema, &event()).unwrap()).unwrap();
        assert_eq!((&read["tenure"], &read["customer_id"], &read["contract"]), (&json!(-3), &json!("c"), &Json::Null));
    }

    #[test]
    fn a_field_that_cannot_be_written_is_named() {
        let with = |name: &str, value: Json| {
            let mut event = event();
            event[name] = value;
            from_json(Record::CustomerEvent.avsc(), &event).unwrap_err()
        };
        assert!(with("tenure", json!("three")).starts_with("tenure: is \"three\", expected a whole number"));
        assert!(with("tenur", json!(3)).starts_with("tenur: is no field; the fields are stream"));
        assert!(from_json(Record::CustomerEvent.avsc(), &json!({})).unwrap_err().starts_with("stream: is missing"));
    }
}
