//! `churn trace`: the whole history of one score, from Postgres, the registry and the topics.

mod topics;

use std::fmt::Write as _;

use anyhow::{Context, bail};
use churn_domain::ScoreId;
use churn_registry::Kind;
use churn_runtime::exit::Ending;
use churn_store::ScoreHistory;
use churn_stream::Cluster;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::task::block_in_place;

use self::topics::InTopics;
use super::setup;
use crate::app::{App, Shared};

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// The score's id: a ULID, or the same as a UUID, as `scored_event.score_id` has it.
    #[arg(value_name = "ID")]
    id: ScoreId,
}

/// Everything that is known of a score. What is not known says why.
#[derive(Debug, Serialize)]
struct Answer {
    score_id: String,
    uuid: String,
    /// The event's time, which is part of the id.
    event_time: String,
    /// All columns of `scored_event`; none while the sink has not stored it.
    score: Option<Value>,
    /// All columns of `outcome`; none while it is not known.
    outcome: Option<Value>,
    /// What the topics have where there is no row of the score, or why that is not known.
    in_topics: Value,
    model: Value,
    record: Value,
    /// Seconds between the steps, where both ends are known.
    delays: Map<String, Value>,
}

pub(super) async fn run(app: &App, args: &Trace) -> anyhow::Result<()> {
    let store = setup::connect_postgres(app.config()).await?;
    store.check_schema().await.map_err(Ending::of)?;
    let ScoreHistory { score, outcome, model } = store.history_of(args.id).await.map_err(Ending::of)?;
    let (score, outcome) = (read(score)?, read(outcome)?);
    let shared = Shared::new();
    let cluster = setup::connect_kafka(app.config(), &shared).await;
    let (found, problem) = match (&score, &cluster) {
        (Some(_), _) => (InTopics::default(), None),
        (None, Ok(cluster)) => match InTopics::search(app, cluster, args.id, outcome.is_none()).await {
            Ok(found) => (found, None),
            Err(error) => (InTopics::default(), Some(format!("{error:#}"))),
        },
        (None, Err(error)) => (InTopics::default(), Some(format!("{error:#}"))),
    };
    if score.is_none() && outcome.is_none() && found.is_empty() {
        let searched = problem.map_or_else(
            || "the topics have no record of it since its time".to_owned(),
            |problem| format!("the topics cannot be searched ({problem})"),
        );
        bail!(Ending::data(format!(
            "nothing is stored of {} and {searched}: the id is of no event, or row and records are older than both are kept",
            args.id
        )));
    }
    let either = |row: &Option<Value>, record: &Option<topics::Found>| {
        row.clone().or_else(|| record.as_ref().map(|record| record.fields.clone()))
    };
    let (known, known_outcome) = (either(&score, &found.score), either(&outcome, &found.outcome));
    let answer = Answer {
        score_id: args.id.to_string(),
        uuid: args.id.uuid().to_string(),
        event_time: jiff::Timestamp::from_millisecond(args.id.time_ms()).map_err(Ending::data)?.to_string(),
        model: model_of(app, known.as_ref(), read(model)?).await,
        record: record_of(&cluster, place(known.as_ref(), &found)).await,
        delays: delays(known.as_ref(), known_outcome.as_ref()),
        in_topics: problem.map_or_else(|| json!(found), |problem| json!({ "unknown": problem })),
        score,
        outcome,
    };
    app.answer(&answer, tell)
}

fn read(json: Option<String>) -> anyhow::Result<Option<Value>> {
    json.map(|json| serde_json::from_str(&json)).transpose().context("read a stored row")
}

fn text<'a>(row: Option<&'a Value>, column: &str) -> Option<&'a str> {
    row?.get(column)?.as_str()
}

/// What the registry knows of the model, and the row of it that the trainer may have written.
async fn model_of(app: &App, score: Option<&Value>, stored: Option<Value>) -> Value {
    let Some(version) = text(score, "model_version") else { return Value::Null };
    let found = async {
        let registry = app.registry().await?;
        let number = version.parse().map_err(Ending::data)?;
        let manifest = registry.load(Kind::Model, number).await.map_err(Ending::of)?.manifest;
        let (at, by, lineage) = (manifest.created_at, manifest.created_by, manifest.lineage);
        anyhow::Ok(json!({ "created_at": at, "created_by": by, "lineage": lineage }))
    };
    let registry = found.await.unwrap_or_else(|error| json!({ "unknown": format!("{error:#}") }));
    json!({ "version": version, "hash": text(score, "model_hash"), "registry": registry, "stored": stored })
}

/// Partition and offset of the event.
fn place(score: Option<&Value>, found: &InTopics) -> Option<(i32, i64)> {
    let number = |column| score.and_then(|row| row.get(column)).and_then(Value::as_i64);
    let of_score = number("source_partition").zip(number("source_offset"));
    let of_score = of_score.and_then(|(partition, offset)| Some((i32::try_from(partition).ok()?, offset)));
    of_score.or_else(|| found.event.as_ref().map(|event| (event.partition, event.offset)))
}

/// The event as it lies in its topic.
async fn record_of(cluster: &anyhow::Result<Cluster>, place: Option<(i32, i64)>) -> Value {
    let Some((partition, offset)) = place else { return Value::Null };
    let found = match cluster {
        Ok(cluster) => record(cluster, partition, offset).await.map_err(|error| format!("{error:#}")),
        Err(error) => Err(format!("{error:#}")),
    };
    found.unwrap_or_else(|why| json!({ "partition": partition, "offset": offset, "unknown": why }))
}

async fn record(cluster: &Cluster, partition: i32, offset: i64) -> anyhow::Result<Value> {
    let topic = cluster.topics().events.clone();
    // A reader from an offset that is gone would wait for an end that never comes.
    let (low, high) = cluster.watermarks(&topic, partition).await.map_err(Ending::of)?;
    if !(low..high).contains(&offset) {
        bail!("{topic}[{partition}] holds offsets {low} to {high} only");
    }
    let mut scan = cluster.scan_from(&topic, partition, offset).map_err(Ending::of)?;
    let records = block_in_place(|| scan.next_batch()).map_err(Ending::of)?.context("it is not there")?;
    let record = records.iter().find(|record| record.offset() == offset).context("it is not there")?;
    let headers: Map<String, Value> = record
        .headers()
        .map(|header| {
            let value = header.value.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            (header.name.to_owned(), json!(value))
        })
        .collect();
    Ok(json!({
        "topic": topic, "partition": partition, "offset": offset,
        "timestamp": jiff::Timestamp::from_millisecond(record.timestamp_ms()).map_err(Ending::data)?.to_string(),
        "key": record.key().map(String::from_utf8_lossy),
        "bytes": record.value().map(<[u8]>::len),
        "headers": headers,
    }))
}

fn delays(score: Option<&Value>, outcome: Option<&Value>) -> Map<String, Value> {
    let time = |row, column| text(row, column).and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let event = time(score, "event_time").or_else(|| time(outcome, "event_time"));
    let steps = [
        ("event_to_score", event, time(score, "scored_at")),
        ("score_to_row", time(score, "scored_at"), time(score, "stored_at")),
        ("event_to_outcome", event, time(outcome, "observed_at")),
        ("outcome_to_row", time(outcome, "observed_at"), time(outcome, "stored_at")),
    ];
    let known = steps.into_iter().filter_map(|(name, from, to)| {
        let seconds = to?.duration_since(from?).as_secs_f64();
        Some((name.to_owned(), json!(seconds)))
    });
    known.collect()
}

fn tell(answer: &Answer) -> String {
    let mut lines = format!("score {} ({})\nevent at {}", answer.score_id, answer.uuid, answer.event_time);
    let mut section = |name: &str, value: Option<&Value>, missing: &str| match value.and_then(Value::as_object) {
        Some(fields) => {
            let _ = write!(lines, "\n{name}");
            for (field, value) in fields {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let _ = write!(lines, "\n  {field:<22} {shown}");
            }
        }
        None => {
            let _ = write!(lines, "\n{name}: {missing}");
        }
    };
    section("row", answer.score.as_ref(), "not stored");
    section("model", Some(&answer.model), "not known");
    section("event record", Some(&answer.record), "not known");
    section("outcome", answer.outcome.as_ref(), "not known yet");
    if answer.score.is_none() {
        section("in the topics", Some(&answer.in_topics), "nothing");
    }
    section("seconds", Some(&Value::Object(answer.delays.clone())), "not known");
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_where_both_of_their_ends_are_known() {
        let score = json!({
            "event_time": "2026-11-29T03:00:00+00:00", "scored_at": "2026-11-29T03:00:00.25+00:00",
            "stored_at": "2026-11-29T03:00:01+00:00",
        });
        let found = delays(Some(&score), None);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["event_to_score", "score_to_row"]);
        assert_eq!(found["event_to_score"], json!(0.25));
        let outcome = json!({ "event_time": "2026-11-29T03:00:00+00:00", "observed_at": "2026-11-29T03:00:02+00:00" });
        assert_eq!(delays(None, Some(&outcome))["event_to_outcome"], json!(2.0));
    }
}
