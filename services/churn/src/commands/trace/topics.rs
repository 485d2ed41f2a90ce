//! What the topics still know of a score that Postgres does not have: not stored yet, or dropped with its partition.

use std::sync::Arc;

use anyhow::Context;
use churn_domain::{EventBatch, OutcomeBatch, ScoreBatch, ScoreId};
use churn_runtime::exit::Ending;
use churn_stream::Cluster;
use churn_wire::{
    Codec, Decoder, EventCodec, OutcomeCodec, SchemaRegistry, ScoreCodec, VALUE_SCHEMA_ID_HEADER, to_json,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::app::App;

/// A record may bear a time a little before its event's where clocks differ.
const CLOCKS_MS: i64 = 60_000;

/// A record and where it lies, as it is told.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Its fields.
    pub(super) fields: Value,
}

/// What is in the topics; none of them is looked for where Postgres has the score.
#[derive(Debug, Default, Serialize)]
pub(super) struct InTopics {
    pub(super) score: Option<Found>,
    pub(super) outcome: Option<Found>,
    /// Where the score is not there either: the scorer has not come to it, or it is a dead letter.
    pub(super) event: Option<Found>,
}

impl InTopics {
    pub(super) fn is_empty(&self) -> bool {
        self.score.is_none() && self.outcome.is_none() && self.event.is_none()
    }

    /// Looks for the records of a score of which Postgres has no row.
    pub(super) async fn search(app: &App, cluster: &Cluster, id: ScoreId, outcome_too: bool) -> anyhow::Result<Self> {
        let schemas = SchemaRegistry::open(&app.config().schema_registry).context("open the schema registry")?;
        let search = Search { cluster, schemas: Arc::new(schemas), id };
        let score = search.score().await?;
        let event = if score.is_none() { search.event().await? } else { None };
        let outcome = if outcome_too { search.outcome().await? } else { None };
        Ok(Self { score, outcome, event })
    }
}

/// Looks for the records of one score from the time of its event on.
struct Search<'a> {
    cluster: &'a Cluster,
    schemas: Arc<SchemaRegistry>,
    id: ScoreId,
}

impl Search<'_> {
    async fn score(&self) -> anyhow::Result<Option<Found>> {
        let is = |batch: &ScoreBatch, row: usize| batch.score_id[row] == self.id;
        self.find::<ScoreCodec>(&self.cluster.topics().scores, is).await
    }

    async fn outcome(&self) -> anyhow::Result<Option<Found>> {
        let is = |batch: &OutcomeBatch, row: usize| batch.score_id(row) == self.id;
        self.find::<OutcomeCodec>(&self.cluster.topics().outcomes, is).await
    }

    async fn event(&self) -> anyhow::Result<Option<Found>> {
        let is = |batch: &EventBatch, row: usize| batch.score_id(row) == self.id;
        self.find::<EventCodec>(&self.cluster.topics().events, is).await
    }

    async fn find<C: Codec>(
        &self,
        topic: &str,
        is: impl Fn(&C::Batch, usize) -> bool,
    ) -> anyhow::Result<Option<Found>> {
        let since = self.id.time_ms() - CLOCKS_MS;
        for partition in 0..self.cluster.topic_partitions(topic).await.map_err(Ending::of)? {
            let first = self.cluster.offset_since(topic, partition, since).await.map_err(Ending::of)?;
            let Some(first) = first else { continue };
            if let Some(found) = self.find_in::<C>(topic, partition, first, &is).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn find_in<C: Codec>(
        &self,
        topic: &str,
        partition: i32,
        first: i64,
        is: &impl Fn(&C::Batch, usize) -> bool,
    ) -> anyhow::Result<Option<Found>> {
        let mut decoder = Decoder::<C>::new(self.schemas.clone(), topic);
        let mut scan = self.cluster.scan_from(topic, partition, first).map_err(Ending::of)?;
        let mut batch = C::Batch::default();
        while let Some(records) = block_in_place(|| scan.next_batch()).map_err(Ending::of)? {
            for record in records.iter() {
                C::clear(&mut batch);
                let header = record.header(VALUE_SCHEMA_ID_HEADER);
                let read = decoder.read(record.value(), header, &mut batch).await.map_err(Ending::of)?;
                // What is no record is among the dead letters.
                if read.is_ok() && is(&batch, 0) {
                    let (offset, mut fields) = (record.offset(), fields::<C>(&batch)?);
                    // As a row has it; in the record it is bytes.
                    fields["score_id"] = json!(self.id.uuid().to_string());
                    return Ok(Some(Found { topic: topic.to_owned(), partition, offset, fields }));
                }
            }
        }
        Ok(None)
    }
}

/// The fields of the batch's only row, by our own schema.
fn fields<C: Codec>(batch: &C::Batch) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    C::default().encode_into(batch, 0, &mut bytes);
    let mut fields = to_json(C::RECORD.avsc(), &bytes).context("render a record")?;
    // Times as the rows of Postgres have them.
    for (name, field) in fields.as_object_mut().into_iter().flatten() {
        if let Some(time) = field.as_i64().filter(|_| name.ends_with("_time") || name.ends_with("_at")) {
            *field = json!(jiff::Timestamp::from_millisecond(time).map_err(Ending::data)?.to_string());
        }
    }
    Ok(fields)
}
