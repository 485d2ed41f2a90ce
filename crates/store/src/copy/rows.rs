//! Batches as rows of COPY.

use std::sync::LazyLock;

use churn_domain::csv::Customers;
use churn_domain::{Column, FEATURE_COUNT, FEATURES, Kind, Locations, OutcomeBatch, ScoreBatch, Table};

use super::binary::CopyBuffer;
use super::columns::{list, outcome_columns, reference_columns, score_columns};

const SCORE_FIELDS: i16 = 16 + FEATURE_COUNT as i16 + LOCATION_COLUMNS;
const LOCATION_COLUMNS: i16 = 5;
const OUTCOME_FIELDS: i16 = 7;
const REFERENCE_FIELDS: i16 = 3 + FEATURE_COUNT as i16 + LOCATION_COLUMNS;

/// A batch that can be copied.
pub(crate) trait Rows: Sync {
    /// The COPY statement.
    fn statement(&self) -> String;
    /// Number of rows.
    fn len(&self) -> usize;
    /// Writes one row, which was not rejected.
    fn encode(&self, row: usize, into: &mut CopyBuffer) {
        into.row(self.fields());
        self.encode_fields(row, into);
    }
    /// Number of fields a row.
    fn fields(&self) -> i16;
    /// Writes one row's fields.
    fn encode_fields(&self, row: usize, into: &mut CopyBuffer);
}

/// Scores.
pub(crate) struct ScoreRows<'a>(pub(crate) &'a ScoreBatch);

/// Outcomes.
pub(crate) struct OutcomeRows<'a>(pub(crate) &'a OutcomeBatch);

/// Reference customers.
pub(crate) struct ReferenceRows<'a> {
    customers: &'a Customers,
    nowhere: Locations,
}

/// The same rows with their index in the batch first, into another table: the first step of a merge.
pub(crate) struct Indexed<R> {
    pub(crate) rows: R,
    pub(crate) statement: &'static str,
}

impl Rows for ScoreRows<'_> {
    fn statement(&self) -> String {
        static STATEMENT: LazyLock<String> =
            LazyLock::new(|| format!("copy churn.scored_event ({}) from stdin (format binary)", list(score_columns())));
        STATEMENT.clone()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn fields(&self) -> i16 {
        SCORE_FIELDS
    }

    fn encode_fields(&self, row: usize, into: &mut CopyBuffer) {
        let (batch, event) = (self.0, &self.0.event);
        into.uuid(batch.score_id[row].uuid());
        into.optional_text(event.stream.get(row));
        into.bigint(event.sequence[row]);
        into.optional_text(event.customer_id.get(row));
        into.timestamp(event.event_time_ms[row]);
        into.optional_text(event.synthesizer_version.get(row));
        features(&event.features, row, into);
        location(&event.location, row, into);
        into.double(batch.probability[row]);
        into.boolean(batch.label[row]);
        into.double(batch.threshold[row]);
        into.optional_text(batch.model_version.get(row));
        into.optional_text(batch.model_hash.get(row));
        into.timestamp(batch.scored_at_ms[row]);
        into.integer(batch.lineage.schema_id[row]);
        into.integer(batch.lineage.partition[row]);
        into.bigint(batch.lineage.offset[row]);
        into.reasons(batch.reasons.row(row));
    }
}

impl Rows for OutcomeRows<'_> {
    fn statement(&self) -> String {
        static STATEMENT: LazyLock<String> =
            LazyLock::new(|| format!("copy churn.outcome ({}) from stdin (format binary)", list(outcome_columns())));
        STATEMENT.clone()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn fields(&self) -> i16 {
        OUTCOME_FIELDS
    }

    fn encode_fields(&self, row: usize, into: &mut CopyBuffer) {
        let batch = self.0;
        into.uuid(batch.score_id(row).uuid());
        into.optional_text(batch.stream.get(row));
        into.bigint(batch.sequence[row]);
        into.optional_text(batch.customer_id.get(row));
        into.timestamp(batch.event_time_ms[row]);
        into.boolean(batch.churned[row]);
        into.timestamp(batch.observed_at_ms[row]);
    }
}

impl<'a> ReferenceRows<'a> {
    pub(crate) fn new(customers: &'a Customers) -> Self {
        let mut nowhere = Locations::default();
        nowhere.push_missing();
        Self { customers, nowhere }
    }
}

impl Rows for ReferenceRows<'_> {
    fn statement(&self) -> String {
        format!("copy churn.reference_customer ({}) from stdin (format binary)", list(reference_columns()))
    }

    fn len(&self) -> usize {
        self.customers.len()
    }

    fn fields(&self) -> i16 {
        REFERENCE_FIELDS
    }

    fn encode_fields(&self, row: usize, into: &mut CopyBuffer) {
        let customers = self.customers;
        // The file was read into memory, so its rows are far fewer than 2^31.
        into.integer(row as i32 + 1);
        into.optional_text(customers.customer_id.as_ref().and_then(|ids| ids.get(row)));
        features(&customers.features, row, into);
        match &customers.location {
            Some(locations) => location(locations, row, into),
            None => location(&self.nowhere, 0, into),
        }
        match &customers.label {
            Some(label) => into.boolean(label[row]),
            None => into.null(),
        }
    }
}

impl<R: Rows> Rows for Indexed<R> {
    fn statement(&self) -> String {
        self.statement.to_owned()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn fields(&self) -> i16 {
        self.rows.fields() + 1
    }

    fn encode_fields(&self, row: usize, into: &mut CopyBuffer) {
        // A batch is bounded far below 2^31 rows.
        into.integer(row as i32);
        self.rows.encode_fields(row, into);
    }
}

fn features(table: &Table, row: usize, into: &mut CopyBuffer) {
    for (feature, column) in FEATURES.iter().zip(table.columns()) {
        match column {
            Column::Category(words) => into.optional_text(words.get(row)),
            Column::Number(values) if values[row].is_nan() => into.null(),
            Column::Number(values) => match feature.kind {
                Kind::Flag => into.boolean(values[row] != 0.0),
                Kind::Money { .. } => into.numeric_cents((values[row] * 100.0).round() as i64),
                // The feature's own bounds were checked, and they are whole numbers of 32 bits.
                Kind::Integer { .. } | Kind::Category(_) => into.integer(values[row] as i32),
            },
        }
    }
}

fn location(locations: &Locations, row: usize, into: &mut CopyBuffer) {
    for text in [&locations.zip_code, &locations.city, &locations.county] {
        into.optional_text(text.get(row));
    }
    for degrees in [locations.latitude[row], locations.longitude[row]] {
        if degrees.is_nan() { into.null() } else { into.double(degrees) }
    }
}
