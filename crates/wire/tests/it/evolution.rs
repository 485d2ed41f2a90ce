//! Versions N and N-1 of a schema run side by side.

use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::types::Value;
use churn_domain::EventBatch;
use churn_wire::{Decoded, Decoder, ErrorClass, EventCodec, Record, SchemaRegistry, write_prefix};

use crate::rows::{encode, plain_event, value, with_field};

const TOPIC: &str = "events";

/// Decodes a record that was written with this schema.
async fn decode(schema: &str, record: &[u8]) -> Result<EventBatch, churn_wire::DecodeError> {
    let registry = SchemaRegistry::builtin();
    let id = registry.register("any", schema).await.unwrap();
    let mut decoder = Decoder::<EventCodec>::new(Arc::new(registry), TOPIC);
    let mut framed = Vec::new();
    write_prefix(id, &mut framed);
    framed.extend_from_slice(record);
    let mut batch = EventBatch::default();
    loop {
        match decoder.decode_into(&framed, None, &mut batch)? {
            Decoded::Miss(schema) => decoder.learn(schema).await.unwrap(),
            Decoded::Row { schema_id, ours } => {
                assert_eq!((schema_id, ours), (id, None));
                return Ok(batch);
            }
        }
    }
}

/// The plain event written with another schema, whose fields are ours and these.
fn written(schema: &str, more: Vec<(String, Value)>) -> Vec<u8> {
    let Value::Record(mut fields) = value::<EventCodec>(&plain_event()) else { panic!("no record") };
    fields.extend(more);
    let schema = Schema::parse_str(schema).unwrap();
    let Schema::Record(record) = &schema else { panic!("no record") };
    let order = |name: &str| record.fields.iter().position(|field| field.name == name);
    fields.retain(|(name, _)| order(name).is_some());
    fields.sort_by_key(|(name, _)| order(name));
    apache_avro::to_avro_datum(&schema, Value::Record(fields)).unwrap()
}

fn assert_plain(batch: &EventBatch) {
    assert_eq!(encode::<EventCodec>(batch), encode::<EventCodec>(&plain_event()));
}

#[tokio::test]
async fn records_with_a_field_that_we_do_not_know_are_read() {
    let field = r#"{"name": "loyalty", "type": ["null", "string"], "default": null}"#;
    let schema = with_field(Record::CustomerEvent, "tenure", field);
    let loyalty = Value::Union(1, Box::new(Value::String("gold".into())));
    let record = written(&schema, vec![("loyalty".into(), loyalty)]);
    assert_plain(&decode(&schema, &record).await.unwrap());
}

#[tokio::test]
async fn records_without_a_field_that_we_know_are_read_with_its_default() {
    let mut schema: serde_json::Value = serde_json::from_str(Record::CustomerEvent.avsc()).unwrap();
    schema["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "city");
    let schema = schema.to_string();
    assert_plain(&decode(&schema, &written(&schema, vec![])).await.unwrap());
}

#[tokio::test]
async fn records_with_fields_in_another_order_are_read() {
    let mut schema: serde_json::Value = serde_json::from_str(Record::CustomerEvent.avsc()).unwrap();
    schema["fields"].as_array_mut().unwrap().reverse();
    let schema = schema.to_string();
    let record = written(&schema, vec![]);
    assert_ne!(record, encode::<EventCodec>(&plain_event()));
    assert_plain(&decode(&schema, &record).await.unwrap());
}

#[tokio::test]
async fn an_int_where_we_have_a_double_is_promoted() {
    let schema = Record::CustomerEvent
        .avsc()
        .replace(r#""monthly_charges", "type": ["null", "double"]"#, r#""monthly_charges", "type": ["null", "int"]"#);
    let charges = Value::Union(1, Box::new(Value::Int(80)));
    let Value::Record(mut fields) = value::<EventCodec>(&plain_event()) else { panic!("no record") };
    fields.iter_mut().find(|(name, _)| name == "monthly_charges").unwrap().1 = charges;
    let record = apache_avro::to_avro_datum(&Schema::parse_str(&schema).unwrap(), Value::Record(fields)).unwrap();
    let batch = decode(&schema, &record).await.unwrap();
    assert_eq!(batch.features.numbers(churn_domain::feature_index("monthly_charges").unwrap()), [80.0]);
}

#[tokio::test]
async fn a_record_cut_short_is_undecodable_rather_than_full_of_missing_values() {
    let mut schema: serde_json::Value = serde_json::from_str(Record::CustomerEvent.avsc()).unwrap();
    schema["fields"].as_array_mut().unwrap().swap(0, 1);
    let schema = schema.to_string();
    let record = written(&schema, vec![]);
    for end in 0..record.len() {
        let error = decode(&schema, &record[..end]).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Undecodable, "{end} bytes: {error}");
    }
    let longer = [record.as_slice(), &[0]].concat();
    assert_eq!(decode(&schema, &longer).await.unwrap_err().class, ErrorClass::Undecodable);
}

#[tokio::test]
async fn bounds_hold_on_the_slow_path_too() {
    let field = r#"{"name": "loyalty", "type": ["null", "string"], "default": null}"#;
    let schema = with_field(Record::CustomerEvent, "tenure", field);
    let mut event = plain_event();
    event.sequence[0] = -1;
    let Value::Record(mut fields) = value::<EventCodec>(&event) else { panic!("no record") };
    let at = fields.iter().position(|(name, _)| name == "tenure").unwrap();
    fields.insert(at, ("loyalty".into(), Value::Union(0, Box::new(Value::Null))));
    let record = apache_avro::to_avro_datum(&Schema::parse_str(&schema).unwrap(), Value::Record(fields)).unwrap();
    let error = decode(&schema, &record).await.unwrap_err();
    assert_eq!((error.class, error.field), (ErrorClass::OutOfRange, "sequence"));
}

#[tokio::test]
async fn schemas_that_ours_cannot_read_are_named_as_such() {
    let as_long = Record::CustomerEvent.avsc().replace(r#"["null", "int"]"#, r#"["null", "long"]"#);
    let in_micros = Record::CustomerEvent.avsc().replace("timestamp-millis", "timestamp-micros");
    for schema in [as_long.as_str(), &in_micros, Record::CustomerOutcome.avsc(), r#""string""#] {
        let error = decode(schema, &encode::<EventCodec>(&plain_event())).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::IncompatibleSchema, "{error}");
    }
}
