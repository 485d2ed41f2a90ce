//! Names of columns, in the order in which rows are encoded. Features come from the feature table.

use churn_domain::{FEATURES, LOCATION_FIELDS};

const EVENT: [&str; 6] = ["score_id", "stream", "sequence", "customer_id", "event_time", "synthesizer_version"];
const SCORE: [&str; 10] = [
    "probability",
    "label",
    "threshold",
    "model_version",
    "model_hash",
    "scored_at",
    "event_schema_id",
    "source_partition",
    "source_offset",
    "reasons",
];
const OUTCOME: [&str; 7] = ["score_id", "stream", "sequence", "customer_id", "event_time", "churned", "observed_at"];

/// What makes two outcomes of one id the same.
pub(crate) const OUTCOME_CONTENT: [&str; 6] =
    ["stream", "sequence", "customer_id", "event_time", "churned", "observed_at"];

/// All columns of a score that are sent.
pub(crate) fn score_columns() -> impl Iterator<Item = &'static str> {
    EVENT.into_iter().chain(FEATURES.iter().map(|feature| feature.name)).chain(LOCATION_FIELDS).chain(SCORE)
}

/// What makes two scores of one id the same: what the event says. What a model says of it may differ, and so may the
/// place in the topic: scoring or producing an event again is a duplicate, and the first score stands.
pub(crate) fn score_content() -> impl Iterator<Item = &'static str> {
    EVENT.into_iter().skip(1).chain(FEATURES.iter().map(|feature| feature.name)).chain(LOCATION_FIELDS)
}

/// All columns of an outcome that are sent.
pub(crate) fn outcome_columns() -> impl Iterator<Item = &'static str> {
    OUTCOME.into_iter()
}

/// All columns of a reference customer.
pub(crate) fn reference_columns() -> impl Iterator<Item = &'static str> {
    ["row_number", "customer_id"]
        .into_iter()
        .chain(FEATURES.iter().map(|feature| feature.name))
        .chain(LOCATION_FIELDS)
        .chain(["churned"])
}

/// The names with commas between them.
pub(crate) fn list(columns: impl Iterator<Item = &'static str>) -> String {
    columns.collect::<Vec<_>>().join(", ")
}
