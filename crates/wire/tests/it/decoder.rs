//! A topic's decoder with the built-in registry.

use std::sync::Arc;

use churn_domain::{EventBatch, ScoreBatch};
use churn_wire::{
    Decoded, Decoder, Encoder, ErrorClass, EventCodec, Record, RegistryError, SchemaRef, SchemaRegistry, ScoreCodec,
    register_all, write_prefix,
};

use crate::rows::{encode, plain_event, plain_score, with_field};

const TOPIC: &str = "customer-events.v1";

#[tokio::test]
async fn a_schema_is_asked_for_once_and_its_values_decode_from_then_on() {
    let registry = Arc::new(SchemaRegistry::builtin());
    let id = registry.id_of(TOPIC, Record::CustomerEvent).await.unwrap();
    let mut value = Vec::new();
    Encoder::<EventCodec>::new(id).encode_into(&plain_event(), 0, &mut value);
    let (mut decoder, mut batch) = (Decoder::<EventCodec>::new(registry, TOPIC), EventBatch::default());
    assert_eq!(decoder.decode_into(&value, None, &mut batch), Ok(Decoded::Miss(SchemaRef::Id(id))));
    assert!(batch.is_empty());
    decoder.learn(SchemaRef::Id(id)).await.unwrap();
    for rows in 1..4 {
        let decoded = decoder.decode_into(&value, None, &mut batch).unwrap();
        assert_eq!(decoded, Decoded::Row { schema_id: id, ours: Some(&value[5..]) });
        assert_eq!(batch.len(), rows);
    }
}

#[tokio::test]
async fn an_unknown_id_is_a_data_error_until_it_is_asked_for_again() {
    let registry = Arc::new(SchemaRegistry::builtin());
    let schema = with_field(Record::CustomerEvent, "tenure", r#"{"name": "x", "type": "int", "default": 0}"#);
    let other = SchemaRegistry::builtin();
    let id = other.register("s", &schema).await.unwrap();
    let mut value = Vec::new();
    write_prefix(id, &mut value);
    let (mut decoder, mut batch) = (Decoder::<EventCodec>::new(registry.clone(), TOPIC), EventBatch::default());
    assert_eq!(decoder.decode_into(&value, None, &mut batch), Ok(Decoded::Miss(SchemaRef::Id(id))));
    decoder.learn(SchemaRef::Id(id)).await.unwrap();
    let mut refused = 0;
    while let Err(error) = decoder.decode_into(&value, None, &mut batch) {
        assert_eq!(error.class, ErrorClass::UnknownSchema);
        assert!(error.message.contains(&id.to_string()), "{error}");
        refused += 1;
    }
    assert_eq!(refused, 1_000);
    decoder.learn(SchemaRef::Id(id)).await.unwrap();
    assert!(decoder.decode_into(&value, None, &mut batch).is_err());
    // Few records ask as well, once some time has passed.
    let miss = Ok(Decoded::Miss(SchemaRef::Id(id)));
    let asks = || std::future::ready(decoder.decode_into(&value, None, &mut batch) == miss);
    churn_testkit::poll_until(std::time::Duration::from_secs(30), asks).await.unwrap();
    registry.register("s", &schema).await.unwrap();
    decoder.learn(SchemaRef::Id(id)).await.unwrap();
    assert_eq!(decoder.decode_into(&value, None, &mut batch).unwrap_err().class, ErrorClass::Undecodable);
}

#[tokio::test]
async fn a_scorer_may_pass_an_events_bytes_on_within_the_score() {
    let registry = SchemaRegistry::builtin();
    let id = registry.id_of("customer-scores.v1", Record::CustomerScore).await.unwrap();
    let score = plain_score();
    let mut value = Vec::new();
    write_prefix(id, &mut value);
    value.extend(encode::<EventCodec>(&score.event));
    ScoreCodec::default().encode_tail_into(&score, 0, &mut value);
    let (mut decoder, mut batch) = (Decoder::<ScoreCodec>::new(registry.into(), "scores"), ScoreBatch::default());
    decoder.learn(SchemaRef::Id(id)).await.unwrap();
    decoder.decode_into(&value, None, &mut batch).unwrap();
    assert_eq!(format!("{batch:?}"), format!("{score:?}"));
}

#[tokio::test]
async fn built_in_ids_are_the_same_in_every_process_and_differ_between_records() {
    let mut ids = Vec::new();
    for record in Record::ALL {
        let id = SchemaRegistry::builtin().id_of("t", record).await.unwrap();
        assert_eq!(SchemaRegistry::builtin().id_of("u", record).await.unwrap(), id);
        assert!(id > 0 && !ids.contains(&id));
        ids.push(id);
    }
}

#[tokio::test]
async fn the_built_in_registry_keeps_the_rule_that_a_real_one_is_set_to() {
    let registry = SchemaRegistry::builtin();
    let topics = [(TOPIC, Record::CustomerEvent)];
    let first = register_all(&registry, &topics).await.unwrap();
    assert_eq!(register_all(&registry, &topics).await.unwrap()[0].id, first[0].id);
    let required = with_field(Record::CustomerEvent, "tenure", r#"{"name": "x", "type": "int"}"#);
    let error = registry.register("customer-events.v1-value", &required).await.unwrap_err();
    assert!(matches!(error, RegistryError::Incompatible { .. }), "{error}");
}
