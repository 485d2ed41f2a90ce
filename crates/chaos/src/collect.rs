//! Reads back everything that a run committed.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use churn_domain::{Column, EventBatch, FEATURES, Kind, LOCATION_FIELDS, OutcomeBatch, Reasons, ScoreBatch};
use churn_wire::{Codec, Decoded, Decoder, EventCodec, OutcomeCodec, SchemaRegistry, ScoreCodec};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::history::{EventFact, History, LetterFact, OutcomeFact, Place, ScoreFact};
use crate::models::model_name;
use crate::stack::Stack;
use crate::topics::{Committed, read_all};

/// The history of a run, and its events as a batch to be scored again.
///
/// # Errors
/// A server does not answer, or a committed record that is not poison cannot be read.
pub(crate) async fn collect(stack: &Stack, poison: Vec<LetterFact>) -> Result<(History, EventBatch)> {
    let schemas = Arc::new(stack.schemas()?);
    let (events_topic, scores_topic, outcomes_topic) = stack.topics();
    let good = |topic: &str| -> Result<Vec<Committed>> {
        let bad: std::collections::HashSet<Place> =
            poison.iter().filter(|letter| letter.topic == topic).map(|letter| letter.place).collect();
        let mut records = read_all(stack.bootstrap(), topic)?;
        records.retain(|record| !bad.contains(&record.place));
        Ok(records)
    };
    let events = decode::<EventCodec>(&schemas, &events_topic, &good(&events_topic)?).await?;
    let scores = decode::<ScoreCodec>(&schemas, &scores_topic, &good(&scores_topic)?).await?;
    let outcomes = decode::<OutcomeCodec>(&schemas, &outcomes_topic, &good(&outcomes_topic)?).await?;
    let mut letters = Vec::new();
    for topic in [&events_topic, &scores_topic, &outcomes_topic] {
        letters.extend(
            read_all(stack.bootstrap(), &format!("{topic}.dlq"))?.iter().map(letter).collect::<Result<Vec<_>>>()?,
        );
    }
    let mut connection = PgConnection::connect(stack.postgres()).await?;
    let history = History {
        events: events.1.iter().enumerate().map(|(row, &place)| event(&events.0, row, place)).collect(),
        scores: scores.1.iter().enumerate().map(|(row, place)| (place.partition, score(&scores.0, row))).collect(),
        rows: score_rows(&mut connection).await?,
        outcomes: outcomes.1.iter().enumerate().map(|(row, &place)| (place, outcome(&outcomes.0, row))).collect(),
        outcome_rows: outcome_rows(&mut connection).await?,
        poison,
        letters,
        reasonless: false,
        mixed: false,
    };
    Ok((history, events.0))
}

async fn decode<C: Codec>(
    schemas: &Arc<SchemaRegistry>,
    topic: &str,
    records: &[Committed],
) -> Result<(C::Batch, Vec<Place>)>
where
    C::Batch: Default,
{
    let mut decoder = Decoder::<C>::new(Arc::clone(schemas), topic);
    let mut batch = C::Batch::default();
    for record in records {
        loop {
            match decoder.decode_into(&record.value, None, &mut batch) {
                Ok(Decoded::Row { .. }) => break,
                Ok(Decoded::Miss(schema)) => decoder.learn(schema).await?,
                Err(error) => bail!("{topic} {:?}: a committed record cannot be read: {error}", record.place),
            }
        }
    }
    Ok((batch, records.iter().map(|record| record.place).collect()))
}

fn letter(record: &Committed) -> Result<LetterFact> {
    let header = |name: &str| -> Result<String> {
        let value = record.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        String::from_utf8(value.with_context(|| format!("a dead letter without {name}"))?).context(name.to_owned())
    };
    let place =
        Place { partition: header("churn_dlq_partition")?.parse()?, offset: header("churn_dlq_offset")?.parse()? };
    Ok(LetterFact { topic: header("churn_dlq_topic")?, place, value: record.value.clone() })
}

/// The customer of an event in one line, each value as Postgres prints it.
pub(crate) fn customer(event: &EventBatch, row: usize) -> String {
    let mut values = vec![event.customer_id.get(row).map(str::to_owned)];
    for (feature, column) in FEATURES.iter().zip(event.features.columns()) {
        values.push(match column {
            Column::Category(words) => words.get(row).map(str::to_owned),
            Column::Number(numbers) if numbers[row].is_nan() => None,
            Column::Number(numbers) => Some(match feature.kind {
                Kind::Flag => (numbers[row] == 1.0).to_string(),
                Kind::Money { .. } => format!("{:.2}", numbers[row]),
                _ => numbers[row].to_string(),
            }),
        });
    }
    let location = &event.location;
    for text in [&location.zip_code, &location.city, &location.county] {
        values.push(text.get(row).map(str::to_owned));
    }
    for number in [location.latitude[row], location.longitude[row]] {
        values.push((!number.is_nan()).then(|| number.to_string()));
    }
    line(&values)
}

fn line(values: &[Option<String>]) -> String {
    values.iter().map(|value| value.as_deref().unwrap_or("null")).collect::<Vec<_>>().join("|")
}

fn envelope(event: &EventBatch, row: usize) -> String {
    format!("{} {}", event.event_time_ms[row], event.synthesizer_version.get(row).unwrap_or("null"))
}

fn event(batch: &EventBatch, row: usize, place: Place) -> EventFact {
    EventFact {
        place,
        stream: batch.stream.get(row).unwrap_or_default().to_owned(),
        sequence: batch.sequence[row],
        content: customer(batch, row),
        envelope: envelope(batch, row),
    }
}

fn score(batch: &ScoreBatch, row: usize) -> ScoreFact {
    let word = |column: &churn_domain::Interned| column.get(row).unwrap_or_default().to_owned();
    ScoreFact {
        source: Place { partition: batch.lineage.partition[row], offset: batch.lineage.offset[row] },
        stream: word(&batch.event.stream),
        sequence: batch.event.sequence[row],
        content: customer(&batch.event, row),
        envelope: envelope(&batch.event, row),
        model: model_name(&word(&batch.model_version), &word(&batch.model_hash)),
        probability_bits: batch.probability[row].to_bits(),
        verdict: format!(
            "{} {} {} {}",
            batch.score_id[row].uuid(),
            batch.label[row],
            batch.threshold[row],
            batch.scored_at_ms[row]
        ),
        reasons: reasons(&batch.reasons, row),
    }
}

pub(crate) fn reasons(all: &Reasons, row: usize) -> Vec<(String, u32)> {
    all.row(row).map(|(feature, contribution)| (feature.to_owned(), contribution.to_bits())).collect()
}

fn outcome(batch: &OutcomeBatch, row: usize) -> OutcomeFact {
    let customer = batch.customer_id.get(row).unwrap_or("null");
    OutcomeFact {
        stream: batch.stream.get(row).unwrap_or_default().to_owned(),
        sequence: batch.sequence[row],
        content: format!(
            "{} {customer} {} {}",
            batch.score_id(row).uuid(),
            batch.event_time_ms[row],
            batch.observed_at_ms[row]
        ),
        churned: batch.churned[row],
    }
}

/// One stored score: lineage, customer, envelope and verdict as text, and the numbers that must not pass through text.
type ScoreRow = (i32, i64, String, i64, Vec<Option<String>>, String, String, f64, String, Vec<String>, Vec<f32>);

async fn score_rows(connection: &mut PgConnection) -> Result<Vec<ScoreFact>> {
    let customer = ["customer_id"].into_iter().chain(FEATURES.map(|feature| feature.name)).chain(LOCATION_FIELDS);
    let customer = customer.map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", ");
    let query = format!(
        "select source_partition, source_offset, stream, sequence, array[{customer}],
            (extract(epoch from event_time) * 1000)::bigint || ' ' || coalesce(synthesizer_version, 'null'),
            model_version || ' ' || model_hash, probability,
            score_id || ' ' || label || ' ' || threshold || ' ' || (extract(epoch from scored_at) * 1000)::bigint,
            {}, {}
         from churn.scored_event",
        each_reason("reason ->> 'feature'", "text"),
        each_reason("reason ->> 'contribution'", "real"),
    );
    let rows: Vec<ScoreRow> =
        sqlx::query_as(AssertSqlSafe(query)).fetch_all(connection).await.context("read the stored scores")?;
    let fact = |(
        partition,
        offset,
        stream,
        sequence,
        customer,
        envelope,
        model,
        probability,
        verdict,
        features,
        contributions,
    ): ScoreRow| ScoreFact {
        source: Place { partition, offset },
        stream,
        sequence,
        content: line(&customer),
        envelope,
        model,
        probability_bits: probability.to_bits(),
        verdict,
        reasons: features.into_iter().zip(contributions.into_iter().map(f32::to_bits)).collect(),
    };
    Ok(rows.into_iter().map(fact).collect())
}

/// A part of each stored reason, in their order.
fn each_reason(part: &str, kind: &str) -> String {
    format!(
        "coalesce((select array_agg(({part})::{kind} order by place)
            from jsonb_array_elements(reasons) with ordinality as each(reason, place)), '{{}}')"
    )
}

async fn outcome_rows(connection: &mut PgConnection) -> Result<Vec<OutcomeFact>> {
    let query = "select stream, sequence, score_id || ' ' || customer_id || ' ' || (extract(epoch from event_time) * 1000)::bigint
            || ' ' || (extract(epoch from observed_at) * 1000)::bigint, churned
         from churn.outcome";
    let rows: Vec<(String, i64, String, bool)> =
        sqlx::query_as(query).fetch_all(connection).await.context("read the stored outcomes")?;
    let fact = |(stream, sequence, content, churned)| OutcomeFact { stream, sequence, content, churned };
    Ok(rows.into_iter().map(fact).collect())
}
