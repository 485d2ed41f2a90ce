//! Our schemas: the files of `schemas/`, parsed once.

use std::sync::LazyLock;

use apache_avro::Schema;

/// A record of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// What a stream says of a customer at a time.
    CustomerEvent,
    /// Whether the customer left.
    CustomerOutcome,
    /// An event and what the model said of it.
    CustomerScore,
    /// The wish for a new model.
    RetrainRequest,
    /// A model came into use or left it.
    ModelUpdate,
}

static SCHEMAS: LazyLock<[Schema; 5]> = LazyLock::new(|| {
    Record::ALL.map(|record| Schema::parse_str(record.avsc()).expect("a test parses every file of schemas/"))
});

impl Record {
    /// Every record.
    pub const ALL: [Self; 5] =
        [Self::CustomerEvent, Self::CustomerOutcome, Self::CustomerScore, Self::RetrainRequest, Self::ModelUpdate];

    /// The schema's text, as it is registered.
    pub fn avsc(self) -> &'static str {
        match self {
            Self::CustomerEvent => include_str!("../../../schemas/customer-event.avsc"),
            Self::CustomerOutcome => include_str!("../../../schemas/customer-outcome.avsc"),
            Self::CustomerScore => include_str!("../../../schemas/customer-score.avsc"),
            Self::RetrainRequest => include_str!("../../../schemas/retrain-request.avsc"),
            Self::ModelUpdate => include_str!("../../../schemas/model-update.avsc"),
        }
    }

    /// The record's name, as its file and its golden bytes are named.
    pub fn name(self) -> &'static str {
        match self {
            Self::CustomerEvent => "customer-event",
            Self::CustomerOutcome => "customer-outcome",
            Self::CustomerScore => "customer-score",
            Self::RetrainRequest => "retrain-request",
            Self::ModelUpdate => "model-update",
        }
    }

    /// The parsed schema.
    pub fn schema(self) -> &'static Schema {
        &SCHEMAS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::schema::{RecordField, SchemaKind};
    use churn_domain::{FEATURES, Kind, LOCATION_FIELDS};

    use super::*;

    fn fields(record: Record) -> &'static [RecordField] {
        match record.schema() {
            Schema::Record(schema) => &schema.fields,
            other => panic!("{} is a {other:?}", record.name()),
        }
    }

    fn position(fields: &[RecordField], name: &str) -> usize {
        fields.iter().position(|field| field.name == name).unwrap_or_else(|| panic!("no field {name}"))
    }

    #[test]
    fn the_features_of_the_schemas_are_the_domains_in_its_order() {
        for record in [Record::CustomerEvent, Record::CustomerScore] {
            let fields = fields(record);
            let start = position(fields, FEATURES[0].name);
            for (feature, field) in FEATURES.iter().zip(&fields[start..]) {
                assert_eq!(field.name, feature.name);
                assert_eq!(field.default, Some(serde_json::Value::Null), "{}", feature.name);
                let Schema::Union(union) = &field.schema else { panic!("{} is not nullable", feature.name) };
                let kinds: Vec<_> = union.variants().iter().map(SchemaKind::from).collect();
                let kind = match feature.kind {
                    Kind::Flag => SchemaKind::Boolean,
                    Kind::Category(_) => SchemaKind::String,
                    Kind::Integer { .. } => SchemaKind::Int,
                    Kind::Money { .. } => SchemaKind::Double,
                };
                assert_eq!(kinds, [SchemaKind::Null, kind], "{}", feature.name);
            }
            let location = &fields[start + FEATURES.len()..][..LOCATION_FIELDS.len()];
            assert_eq!(location.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), LOCATION_FIELDS);
        }
    }

    #[test]
    fn the_docs_of_the_features_name_their_words_bounds_and_units() {
        for feature in FEATURES {
            let fields = fields(Record::CustomerEvent);
            let doc = fields[position(fields, feature.name)].doc.as_deref().unwrap();
            let mut said: Vec<String> = feature.unit.map(str::to_owned).into_iter().collect();
            match feature.kind {
                Kind::Flag => {}
                Kind::Category(known) => said.push(known.join(", ")),
                Kind::Integer { min, max } => said.push(format!("from {min} to {max}")),
                Kind::Money { min, max } => said.push(format!("from {min} to {max}")),
            }
            assert!(said.iter().all(|part| doc.contains(part)), "{}: {doc}", feature.name);
        }
    }

    #[test]
    fn a_score_starts_with_the_fields_of_its_event() {
        let of = |record| fields(record).iter().map(|field| (&field.name, &field.schema)).collect::<Vec<_>>();
        let (event, score) = (of(Record::CustomerEvent), of(Record::CustomerScore));
        assert_eq!(event, score[..event.len()]);
    }

    #[test]
    fn every_field_is_documented_and_every_nullable_one_has_a_default() {
        for record in Record::ALL {
            for field in fields(record) {
                assert!(field.doc.is_some(), "{}.{}", record.name(), field.name);
                assert_eq!(field.default.is_some(), matches!(field.schema, Schema::Union(_)), "{}", field.name);
            }
        }
    }
}
