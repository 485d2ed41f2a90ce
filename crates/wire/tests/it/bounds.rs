//! What decodes is within the bounds of the domain; what does not says where and why.

use apache_avro::types::Value;
use churn_domain::{EventBatch, FEATURES, Interned, Kind};
use churn_wire::{Codec, ErrorClass, EventCodec, MAX_TEXT_BYTES, OutcomeCodec, ScoreCodec};

use crate::rows::{encode, plain_event, plain_outcome, plain_score, value};

/// The class and message of decoding a row with this field replaced, after checking that the batch is as it was.
fn refusal<C: Codec>(row: &C::Batch, field: &str, replacement: Value) -> (ErrorClass, String) {
    let Value::Record(mut fields) = value::<C>(row) else { panic!("no record") };
    let slot = &mut fields.iter_mut().find(|(name, _)| name == field).unwrap_or_else(|| panic!("no field {field}")).1;
    *slot = match slot {
        Value::Union(..) => Value::Union(1, Box::new(replacement)),
        _ => replacement,
    };
    let bytes = apache_avro::to_avro_datum(C::RECORD.schema(), Value::Record(fields)).unwrap();
    let mut batch = C::Batch::default();
    C::default().decode_into(&encode::<C>(row), &mut batch).unwrap();
    let error = C::default().decode_into(&bytes, &mut batch).unwrap_err();
    assert_eq!(error.field, field);
    assert_eq!(C::rows(&batch), 1);
    C::default().decode_into(&encode::<C>(row), &mut batch).unwrap();
    (error.class, error.message)
}

fn assert_out_of_range<C: Codec>(row: &C::Batch, field: &str, replacement: Value) {
    let shown = format!("{field} = {replacement:?}");
    let (class, message) = refusal::<C>(row, field, replacement);
    assert_eq!(class, ErrorClass::OutOfRange, "{shown}: {message}");
}

#[test]
fn numbers_outside_a_features_bounds_are_refused() {
    for feature in FEATURES {
        let bad = match feature.kind {
            Kind::Flag | Kind::Category(_) => continue,
            Kind::Integer { min, max } => vec![Value::Int(min - 1), Value::Int(max + 1), Value::Int(i32::MIN)],
            Kind::Money { min, max } => [min - 0.01, max + 0.01, f64::NAN, f64::INFINITY].map(Value::Double).into(),
        };
        for value in bad {
            let (class, message) = refusal::<EventCodec>(&plain_event(), feature.name, value);
            assert_eq!(class, ErrorClass::OutOfRange);
            assert!(message.contains(&feature.expected()), "{message}");
        }
    }
}

#[test]
fn identities_and_times_outside_their_bounds_are_refused() {
    let event = plain_event();
    assert_out_of_range::<EventCodec>(&event, "sequence", Value::Long(-1));
    for time in [EventBatch::TIME_BOUNDS_MS.start - 1, EventBatch::TIME_BOUNDS_MS.end, 0, i64::MIN, i64::MAX] {
        assert_out_of_range::<EventCodec>(&event, "event_time", Value::TimestampMillis(time));
        assert_out_of_range::<OutcomeCodec>(&plain_outcome(), "observed_at", Value::TimestampMillis(time));
        assert_out_of_range::<ScoreCodec>(&plain_score(), "scored_at", Value::TimestampMillis(time));
    }
    for name in ["stream", "customer_id"] {
        assert_out_of_range::<EventCodec>(&event, name, Value::String(String::new()));
        assert_out_of_range::<OutcomeCodec>(&plain_outcome(), name, Value::String(String::new()));
    }
}

#[test]
fn texts_too_long_or_with_a_nul_are_refused_in_every_field() {
    for field in ["stream", "customer_id", "synthesizer_version", "contract", "zip_code", "city", "county"] {
        for text in ["x".repeat(MAX_TEXT_BYTES + 1), "nul \0 inside a longer text".into(), "\0".into()] {
            assert_out_of_range::<EventCodec>(&plain_event(), field, Value::String(text));
        }
    }
}

#[test]
fn places_off_the_globe_are_refused() {
    for degrees in [90.001, -90.001, f64::NAN, f64::INFINITY] {
        assert_out_of_range::<EventCodec>(&plain_event(), "latitude", Value::Double(degrees));
    }
    assert_out_of_range::<EventCodec>(&plain_event(), "longitude", Value::Double(180.001));
}

#[test]
fn scores_that_are_no_probabilities_or_of_another_event_are_refused() {
    let score = plain_score();
    for field in ["probability", "threshold"] {
        for bad in [-1e-9, 1.0 + 1e-9, f64::NAN, f64::NEG_INFINITY] {
            assert_out_of_range::<ScoreCodec>(&score, field, Value::Double(bad));
        }
    }
    assert_out_of_range::<ScoreCodec>(&score, "score_id", Value::Fixed(16, vec![7; 16]));
    assert_out_of_range::<ScoreCodec>(&score, "model_version", Value::String(String::new()));
    assert_out_of_range::<ScoreCodec>(&score, "event_schema_id", Value::Int(-1));
    assert_out_of_range::<ScoreCodec>(&score, "source_partition", Value::Int(-1));
    assert_out_of_range::<ScoreCodec>(&score, "source_offset", Value::Long(-1));
}

/// An array of reasons as an Avro value.
fn reasons(items: &[(&str, f32)]) -> Value {
    let item = |(feature, contribution): &(&str, f32)| {
        Value::Record(vec![
            ("feature".into(), Value::String((*feature).into())),
            ("contribution".into(), Value::Float(*contribution)),
        ])
    };
    Value::Array(items.iter().map(item).collect())
}

#[test]
fn reasons_without_bounds_are_refused() {
    let score = plain_score();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_out_of_range::<ScoreCodec>(&score, "reasons", reasons(&[("tenure", 0.5), ("contract", bad)]));
    }
    assert_out_of_range::<ScoreCodec>(&score, "reasons", reasons(&[("", 0.5)]));
    assert_out_of_range::<ScoreCodec>(&score, "reasons", reasons(&[("tenure", 0.5); 65]));
}

#[test]
fn reasons_come_in_any_blocks_that_avro_allows() {
    let good = encode::<ScoreCodec>(&plain_score());
    // "tenure" and "contract" as two blocks of one item, the second with its size in bytes before it.
    let (tenure, contract) =
        ([&[12_u8][..], b"tenure", &0.5_f32.to_le_bytes()], [&[16][..], b"contract", &(-0.25_f32).to_le_bytes()]);
    let (tenure, contract) = (tenure.concat(), contract.concat());
    let together = [&[2, 4][..], &tenure, &contract, &[0]].concat();
    let start = good.strip_suffix(together.as_slice()).unwrap();
    let apart = [start, &[2, 2], &tenure, &[1, 26], &contract, &[0]].concat();
    let mut batch = churn_domain::ScoreBatch::default();
    ScoreCodec::default().decode_into(&apart, &mut batch).unwrap();
    assert_eq!(batch.reasons.row(0).collect::<Vec<_>>(), [("tenure", 0.5), ("contract", -0.25)]);
    let mut again = Vec::new();
    ScoreCodec::default().encode_into(&batch, 0, &mut again);
    assert_eq!(again, good);
    // The smallest number there is has no opposite.
    let monstrous = [start, &[2], &[0xff; 9], &[1, 26], &contract, &[0]].concat();
    ScoreCodec::default().decode_into(&monstrous, &mut batch).unwrap_err();
}

#[test]
fn unknown_words_and_missing_values_are_accepted() {
    let mut batch = EventBatch::default();
    let (codec, mut row) = (EventCodec::default(), plain_event());
    row.features.columns_mut().iter_mut().for_each(|column| {
        column.truncate(0);
        column.push_missing();
    });
    codec.decode_into(&encode::<EventCodec>(&row), &mut batch).unwrap();
    assert!(batch.features.columns().iter().all(|column| column.is_missing(0)));
    assert_eq!(batch.location.latitude[0].to_bits() & f64::NAN.to_bits(), f64::NAN.to_bits());
}

#[test]
fn more_streams_than_a_column_tells_apart_are_refused_rather_than_merged() {
    let (codec, mut batch) = (EventCodec::default(), EventBatch::default());
    let mut row = plain_event();
    let mut refused = 0;
    for number in 0..Interned::MAX_WORDS + 10 {
        row.stream = Interned::new(&[]);
        row.stream.push(Some(&format!("stream {number}")));
        match codec.decode_into(&encode::<EventCodec>(&row), &mut batch) {
            Ok(()) => assert_eq!(batch.stream.get(batch.len() - 1), row.stream.get(0)),
            Err(error) => {
                assert_eq!((error.class, error.field), (ErrorClass::OutOfRange, "stream"));
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 11);
}
