//! Our bytes are Avro's bytes.

use apache_avro::types::Value;
use churn_domain::{Column, EventBatch, FEATURES, Kind, OutcomeBatch, ScoreBatch};
use churn_wire::{Codec, EventCodec, OutcomeCodec, Record, ScoreCodec};
use proptest::prelude::*;

use crate::rows::{encode, event, outcome, plain_event, plain_score, score};

/// The row as an Avro value, built from the columns without our codec.
fn event_value(batch: &EventBatch) -> Vec<(String, Value)> {
    let mut fields = vec![
        ("stream".into(), Value::String(batch.stream.get(0).unwrap().into())),
        ("sequence".into(), Value::Long(batch.sequence[0])),
        ("event_time".into(), Value::TimestampMillis(batch.event_time_ms[0])),
        ("customer_id".into(), Value::String(batch.customer_id.get(0).unwrap().into())),
        ("synthesizer_version".into(), optional(text(batch.synthesizer_version.get(0)))),
    ];
    for (feature, column) in FEATURES.iter().zip(batch.features.columns()) {
        let value = match column {
            Column::Category(words) => text(words.get(0)),
            Column::Number(values) => number(feature.kind, values[0]),
        };
        fields.push((feature.name.into(), optional(value)));
    }
    let location = &batch.location;
    for (name, words) in [("zip_code", &location.zip_code), ("city", &location.city), ("county", &location.county)] {
        fields.push((name.into(), optional(text(words.get(0)))));
    }
    let money = Kind::Money { min: 0.0, max: 0.0 };
    fields.push(("latitude".into(), optional(number(money, location.latitude[0]))));
    fields.push(("longitude".into(), optional(number(money, location.longitude[0]))));
    fields
}

fn text(word: Option<&str>) -> Option<Value> {
    word.map(|word| Value::String(word.into()))
}

fn number(kind: Kind, value: f64) -> Option<Value> {
    (!value.is_nan()).then_some(match kind {
        Kind::Flag => Value::Boolean(value == 1.0),
        Kind::Integer { .. } => Value::Int(value as i32),
        _ => Value::Double(value),
    })
}

fn optional(value: Option<Value>) -> Value {
    match value {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(value) => Value::Union(1, Box::new(value)),
    }
}

fn score_value(batch: &ScoreBatch) -> Vec<(String, Value)> {
    let mut fields = event_value(&batch.event);
    fields.extend([
        ("score_id".into(), Value::Fixed(16, batch.score_id[0].bits().to_be_bytes().into())),
        ("probability".into(), Value::Double(batch.probability[0])),
        ("label".into(), Value::Boolean(batch.label[0])),
        ("threshold".into(), Value::Double(batch.threshold[0])),
        ("model_version".into(), Value::String(batch.model_version.get(0).unwrap().into())),
        ("model_hash".into(), Value::String(batch.model_hash.get(0).unwrap().into())),
        ("scored_at".into(), Value::TimestampMillis(batch.scored_at_ms[0])),
        ("event_schema_id".into(), Value::Int(batch.lineage.schema_id[0])),
        ("source_partition".into(), Value::Int(batch.lineage.partition[0])),
        ("source_offset".into(), Value::Long(batch.lineage.offset[0])),
    ]);
    let reason = |(feature, contribution): (&str, f32)| {
        Value::Record(vec![
            ("feature".into(), Value::String(feature.into())),
            ("contribution".into(), Value::Float(contribution)),
        ])
    };
    let reasons: Vec<Value> = batch.reasons.row(0).map(reason).collect();
    fields.push(("reasons".into(), optional((!reasons.is_empty()).then_some(Value::Array(reasons)))));
    fields
}

fn outcome_value(batch: &OutcomeBatch) -> Vec<(String, Value)> {
    vec![
        ("stream".into(), Value::String(batch.stream.get(0).unwrap().into())),
        ("sequence".into(), Value::Long(batch.sequence[0])),
        ("event_time".into(), Value::TimestampMillis(batch.event_time_ms[0])),
        ("customer_id".into(), Value::String(batch.customer_id.get(0).unwrap().into())),
        ("churned".into(), Value::Boolean(batch.churned[0])),
        ("observed_at".into(), Value::TimestampMillis(batch.observed_at_ms[0])),
    ]
}

fn avro(record: Record, fields: Vec<(String, Value)>) -> Vec<u8> {
    apache_avro::to_avro_datum(record.schema(), Value::Record(fields)).unwrap()
}

/// Decodes behind a row that is there already, and gives back both.
fn decode<C: Codec>(first: &[u8], second: &[u8]) -> C::Batch {
    let (codec, mut batch) = (C::default(), C::Batch::default());
    codec.decode_into(first, &mut batch).unwrap();
    codec.decode_into(second, &mut batch).unwrap();
    batch
}

proptest! {
    #[test]
    fn events_equal_apache_avros_bytes_and_come_back(batch in event()) {
        let bytes = encode::<EventCodec>(&batch);
        prop_assert_eq!(&bytes, &avro(Record::CustomerEvent, event_value(&batch)));
        let mut expected = plain_event();
        expected.push_from(&batch, 0);
        let decoded = decode::<EventCodec>(&encode::<EventCodec>(&plain_event()), &bytes);
        prop_assert!(decoded.is_rectangular());
        prop_assert_eq!(rendered(&decoded), rendered(&expected));
    }

    #[test]
    fn scores_equal_apache_avros_bytes_and_come_back(batch in score()) {
        let bytes = encode::<ScoreCodec>(&batch);
        prop_assert_eq!(&bytes, &avro(Record::CustomerScore, score_value(&batch)));
        let mut expected = plain_score();
        expected.push_from(&batch, 0);
        let decoded = decode::<ScoreCodec>(&encode::<ScoreCodec>(&plain_score()), &bytes);
        prop_assert_eq!(rendered(&decoded), rendered(&expected));
    }

    #[test]
    fn outcomes_equal_apache_avros_bytes_and_come_back(batch in outcome()) {
        let bytes = encode::<OutcomeCodec>(&batch);
        prop_assert_eq!(&bytes, &avro(Record::CustomerOutcome, outcome_value(&batch)));
        let mut decoded = OutcomeBatch::default();
        OutcomeCodec.decode_into(&bytes, &mut decoded).unwrap();
        prop_assert_eq!(decoded, batch);
    }

    #[test]
    fn an_events_bytes_and_the_tail_are_the_scores_bytes(batch in score()) {
        let mut bytes = encode::<EventCodec>(&batch.event);
        ScoreCodec::default().encode_tail_into(&batch, 0, &mut bytes);
        prop_assert_eq!(bytes, encode::<ScoreCodec>(&batch));
    }
}

/// `NaN` stands for missing, and is equal to itself in text only.
fn rendered(batch: &impl std::fmt::Debug) -> String {
    format!("{batch:?}")
}
