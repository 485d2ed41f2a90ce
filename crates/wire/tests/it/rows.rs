//! Rows to test with: random ones, and one plain one.

use apache_avro::types::Value;
use churn_domain::{Column, EventBatch, FEATURES, Kind, OutcomeBatch, ScoreBatch};
use churn_wire::{Codec, Record};
use proptest::prelude::*;

/// One random event in a batch of its own.
pub(crate) fn event() -> impl Strategy<Value = EventBatch> {
    let who =
        ("[a-z0-9é-]{1,20}", 0..i64::MAX, EventBatch::TIME_BOUNDS_MS, "\\PC{1,40}", proptest::option::of(".{0,9}"));
    let numbers = proptest::collection::vec((0.0..1.0_f64, any::<u8>()), FEATURES.len());
    let word = || proptest::option::of("[a-zA-Z ü]{0,12}");
    let location = (word(), word(), word(), -90.0..=90.0_f64, -180.0..=180.0_f64);
    (who, numbers, location).prop_map(|((stream, sequence, time, customer, version), draws, location)| {
        let mut batch = EventBatch::default();
        batch.stream.push(Some(&stream));
        batch.sequence.push(sequence);
        batch.event_time_ms.push(time);
        batch.customer_id.push(Some(&customer));
        batch.synthesizer_version.push(version.map(|text| text.replace('\0', "")).as_deref());
        for ((feature, column), (share, choice)) in FEATURES.iter().zip(batch.features.columns_mut()).zip(draws) {
            push_feature(feature.kind, column, share, choice);
        }
        batch.location.zip_code.push(location.0.as_deref());
        batch.location.city.push(location.1.as_deref());
        batch.location.county.push(location.2.as_deref());
        batch.location.latitude.push(location.3);
        batch.location.longitude.push(if location.0.is_none() { f64::NAN } else { location.4 });
        batch
    })
}

fn push_feature(kind: Kind, column: &mut Column, share: f64, choice: u8) {
    if choice.is_multiple_of(7) {
        return column.push_missing();
    }
    match (kind, column) {
        (Kind::Category(known), Column::Category(words)) => match choice % 5 {
            0 => words.push(Some(&format!("word {choice}"))),
            _ => words.push(Some(known[usize::from(choice) % known.len()])),
        },
        (Kind::Flag, Column::Number(values)) => values.push(share.round()),
        (Kind::Integer { min, max }, Column::Number(values)) => {
            values.push((f64::from(min) + share * f64::from(max - min)).round());
        }
        (Kind::Money { min, max }, Column::Number(values)) => values.push(min + share * (max - min)),
        (kind, _) => panic!("{kind:?} is in a column of another kind"),
    }
}

/// One random score in a batch of its own.
pub(crate) fn score() -> impl Strategy<Value = ScoreBatch> {
    let verdict = (0.0..=1.0_f64, any::<bool>(), 0.0..=1.0_f64, "[0-9]{1,4}", "[0-9a-f]{64}");
    let lineage = (EventBatch::TIME_BOUNDS_MS, 0..i32::MAX, 0..i32::MAX, 0..i64::MAX);
    let reason = (proptest::option::of(any::<u8>()), "[a-z]{1,9}", -9.0..9.0_f32);
    let reasons = proptest::collection::vec(reason, 0..6);
    (event(), verdict, lineage, reasons).prop_map(|(event, verdict, lineage, reasons)| {
        let mut batch = ScoreBatch { score_id: vec![event.score_id(0)], event, ..ScoreBatch::default() };
        batch.probability.push(verdict.0);
        batch.label.push(verdict.1);
        batch.threshold.push(verdict.2);
        batch.model_version.push(Some(&verdict.3));
        batch.model_hash.push(Some(&verdict.4));
        batch.scored_at_ms.push(lineage.0);
        batch.lineage.push(lineage.1, lineage.2, lineage.3);
        for (feature, name, contribution) in &reasons {
            match feature {
                Some(feature) => batch.reasons.push(usize::from(*feature) % FEATURES.len(), *contribution),
                None => assert!(batch.reasons.push_name(name, *contribution)),
            }
        }
        batch.reasons.end_row();
        batch
    })
}

/// One random outcome in a batch of its own.
pub(crate) fn outcome() -> impl Strategy<Value = OutcomeBatch> {
    (event(), any::<bool>(), EventBatch::TIME_BOUNDS_MS).prop_map(|(event, churned, observed)| OutcomeBatch {
        stream: event.stream,
        sequence: event.sequence,
        event_time_ms: event.event_time_ms,
        customer_id: event.customer_id,
        churned: vec![churned],
        observed_at_ms: vec![observed],
    })
}

/// A plain event.
pub(crate) fn plain_event() -> EventBatch {
    let mut batch = EventBatch::default();
    batch.stream.push(Some("s"));
    batch.sequence.push(7);
    batch.event_time_ms.push(1_764_000_000_000);
    batch.customer_id.push(Some("c"));
    batch.synthesizer_version.push(None);
    for (feature, column) in FEATURES.iter().zip(batch.features.columns_mut()) {
        push_feature(feature.kind, column, 0.25, 1);
    }
    batch.location.push_missing();
    batch
}

/// A plain score.
pub(crate) fn plain_score() -> ScoreBatch {
    let event = plain_event();
    let mut batch = ScoreBatch { score_id: vec![event.score_id(0)], event, ..ScoreBatch::default() };
    batch.probability.push(0.25);
    batch.label.push(false);
    batch.threshold.push(0.5);
    batch.model_version.push(Some("1"));
    batch.model_hash.push(Some("ab"));
    batch.scored_at_ms.push(1_764_000_000_001);
    batch.lineage.push(1, 2, 3);
    batch.reasons.push(4, 0.5);
    batch.reasons.push(14, -0.25);
    batch.reasons.end_row();
    batch
}

/// A plain outcome.
pub(crate) fn plain_outcome() -> OutcomeBatch {
    let event = plain_event();
    OutcomeBatch {
        stream: event.stream,
        sequence: event.sequence,
        event_time_ms: event.event_time_ms,
        customer_id: event.customer_id,
        churned: vec![true],
        observed_at_ms: vec![1_764_000_000_002],
    }
}

/// The bytes of a batch's first row.
pub(crate) fn encode<C: Codec>(batch: &C::Batch) -> Vec<u8> {
    let mut bytes = Vec::new();
    C::default().encode_into(batch, 0, &mut bytes);
    bytes
}

/// A batch's first row as an Avro value of our schema, made by apache-avro from our bytes.
pub(crate) fn value<C: Codec>(batch: &C::Batch) -> Value {
    apache_avro::from_avro_datum(C::RECORD.schema(), &mut encode::<C>(batch).as_slice(), None).unwrap()
}

/// Our schema's text with another field, first or in front of the field of this name.
pub(crate) fn with_field(record: Record, before: &str, field: &str) -> String {
    let at = format!(r#"{{"name": "{before}""#);
    assert!(record.avsc().contains(&at), "no field {before}");
    record.avsc().replacen(&at, &format!("{field},\n    {at}"), 1)
}
