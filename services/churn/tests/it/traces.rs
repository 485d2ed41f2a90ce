//! Traces from event to row: the parts as separate processes on real servers, and a collector that takes what they send.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use churn_domain::EventBatch;
use churn_testkit::poll_until;
use churn_wire::EventCodec;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::run::{shipped_data, stderr};
use crate::synthesizer::Oracle;

/// Every fourth event.
const RATIO: f64 = 0.25;

/// What a collector was sent: each span, with the service that sent it.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Value)>>>);

async fn take(State(collector): State<Collector>, headers: HeaderMap, Json(request): Json<Value>) -> Json<Value> {
    assert_eq!(headers["content-type"], "application/json");
    for resource in request["resourceSpans"].as_array().unwrap() {
        let about = resource["resource"]["attributes"].as_array().unwrap();
        let service = about.iter().find(|attribute| attribute["key"] == "service.name").unwrap();
        let service = service["value"]["stringValue"].as_str().unwrap().to_owned();
        let spans =
            resource["scopeSpans"].as_array().unwrap().iter().flat_map(|scope| scope["spans"].as_array().unwrap());
        collector.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span.clone())));
    }
    Json(json!({ "partialSuccess": {} }))
}

impl Collector {
    async fn start() -> Result<(Self, String)> {
        let (collector, listener) = (Self::default(), tokio::net::TcpListener::bind("127.0.0.1:0").await?);
        let endpoint = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok((collector, endpoint))
    }

    /// The spans of that name, which all come from that service.
    fn spans(&self, service: &str, name: &str) -> Result<Vec<Value>> {
        let all = self.0.lock().unwrap();
        let named: Vec<_> = all.iter().filter(|(_, span)| span["name"] == name).collect();
        ensure!(named.iter().all(|(from, _)| from == service), "{name} of others than {service}");
        Ok(named.into_iter().map(|(_, span)| span.clone()).collect())
    }
}

/// Spans by what a later one says of them.
fn by<'a>(spans: &'a [Value], key: &str) -> Result<BTreeMap<&'a str, &'a Value>> {
    let found: BTreeMap<_, _> = spans.iter().map(|span| (span[key].as_str().unwrap(), span)).collect();
    ensure!(found.len() == spans.len(), "{} spans have {} different {key}", spans.len(), found.len());
    Ok(found)
}

fn time(span: &Value, key: &str) -> u64 {
    span[key].as_str().unwrap().parse().unwrap()
}

/// One step under another in the same trace, for every trace.
fn follows(steps: &BTreeMap<&str, &Value>, before: &BTreeMap<&str, &Value>) -> Result<()> {
    ensure!(steps.len() == before.len(), "{} spans follow {}", steps.len(), before.len());
    for (trace, step) in steps {
        let parent = before.get(trace).context("a trace without its beginning")?;
        ensure!(step["parentSpanId"] == parent["spanId"], "{step} is not under {parent}");
        ensure!(time(step, "endTimeUnixNano") >= time(parent, "startTimeUnixNano"), "{step} ends before {parent}");
    }
    Ok(())
}

/// A batch links to the records that it was made of, up to the most that a span may link to.
fn links(batches: &[Value], records: &BTreeMap<&str, &Value>, parents: &BTreeMap<&str, &Value>) -> Result<()> {
    let linked = batches.iter().flat_map(|batch| batch["links"].as_array().unwrap());
    let linked: BTreeSet<_> =
        linked.map(|link| (link["traceId"].as_str().unwrap(), link["spanId"].as_str().unwrap())).collect();
    ensure!(linked.iter().all(|(trace, span)| parents.get(trace).is_some_and(|parent| parent["spanId"] == **span)));
    let unlinked: u64 = batches.iter().map(|batch| batch["droppedLinksCount"].as_u64().unwrap()).sum();
    ensure!(linked.len() as u64 + unlinked == records.len() as u64, "{} and {unlinked} links", linked.len());
    let batches = by(batches, "spanId")?;
    for record in records.values() {
        let link = &record["links"][0];
        let batch = batches.get(link["spanId"].as_str().unwrap()).context("a batch that nobody sent")?;
        ensure!(batch["traceId"] == link["traceId"] && batch["parentSpanId"] == "", "{batch}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_leads_from_an_event_to_its_row_across_three_processes() -> Result<()> {
    let (stack, (collector, endpoint)) = (Stack::new().await?, Collector::start().await?);
    stack.command(&["setup"]);
    let ratio = RATIO.to_string();
    let traced = [
        ("CHURN__TELEMETRY__OTLP_ENDPOINT", endpoint.as_str()),
        ("CHURN__TELEMETRY__SAMPLE_RATIO", &ratio),
        ("CHURN__LOG__LEVEL", "info,churn_scorer=debug"),
    ];
    let (sink, scorer) = (stack.part("sink", &traced)?, stack.part("scorer", &traced)?);
    let synthesizer = stack.part("synthesizer", &traced)?;
    let stored = || stack.count("select count(*) from churn.scored_event");
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stored().await? > 2_000)).await?;
    stop(synthesizer, "synthesizer").await?;
    let complete =
        "select count(*) from (select max(sequence) + 1 as produced, count(*) as stored from churn.scored_event) c
        where produced = stored and stored = (select count(*) from churn.outcome)";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(complete).await? == 1)).await?;
    let log = scorer.stderr();
    stop(scorer, "scorer").await?;
    stop(sink, "sink").await?;

    let sent = collector.spans("churn-synthesizer", "send event")?;
    let scored = collector.spans("churn-scorer", "score event")?;
    let rows = collector.spans("churn-sink", "store score")?;
    let (sent, scored, rows) = (by(&sent, "traceId")?, by(&scored, "traceId")?, by(&rows, "traceId")?);
    let events = stored().await? as f64;
    // Five standard deviations of a binomial share.
    let chance = 5.0 * (events * RATIO * (1.0 - RATIO)).sqrt();
    ensure!((sent.len() as f64 - events * RATIO).abs() < chance, "{} of {events} events are traced", sent.len());
    follows(&scored, &sent)?;
    follows(&rows, &scored)?;
    links(&collector.spans("churn-scorer", "score batch")?, &scored, &sent)?;
    links(&collector.spans("churn-sink", "store batch")?, &rows, &scored)?;

    // The trace's id is the row's.
    let ids: Vec<String> = rows.keys().map(|id| (*id).to_owned()).collect();
    let url =
        stack.env().into_iter().find(|(key, _)| *key == "CHURN__POSTGRES__URL").context("a database")?.1.to_owned();
    let found = "select count(*) from churn.scored_event where replace(score_id::text, '-', '') = any($1)";
    let mut connection = PgConnection::connect(&url).await?;
    let found: i64 = sqlx::query_scalar(found).bind(&ids).fetch_one(&mut connection).await?;
    ensure!(found == i64::try_from(ids.len())?, "{found} rows of {} traces", ids.len());

    // The log of a batch carries the ids of its span.
    let batches = collector.spans("churn-scorer", "score batch")?;
    let batches = by(&batches, "traceId")?;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let committed: Vec<Value> =
        lines.filter(|line| line["message"] == "scores committed" && !line["span"].is_null()).collect();
    ensure!(!committed.is_empty(), "no line of a traced batch: {log}");
    for line in committed {
        let trace = line["span"]["trace_id"].as_str().context("no trace id")?;
        ensure!(batches.get(trace).is_some_and(|batch| batch["spanId"] == line["span"]["span_id"]), "{line}");
    }
    Ok(())
}

/// Any score of a stream, with its customer, place and time of scoring.
async fn a_score_of(stack: &Stack, stream: &str) -> Result<(uuid::Uuid, String, i32, i64)> {
    let row = sqlx::query_as(
        "select score_id, customer_id, source_partition, source_offset from churn.scored_event
          where stream = $1 order by sequence desc limit 1",
    );
    Ok(row.bind(stream).fetch_one(&mut stack.postgres().await?).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_s_whole_history_is_told_whether_postgres_or_only_the_topics_have_it() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let shipped = std::fs::read_to_string(shipped_data())?;
    let some = shipped.lines().take(41).map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(stack.folder().join("own.csv"), some)?;
    stack.command(&["produce", "--data", "own.csv", "--stream", "old", "--outcomes"]);
    stack.command(&["produce", "--data", "own.csv", "--stream", "new"]);
    let parts = [("scorer", stack.part("scorer", &[])?), ("sink", stack.part("sink", &[])?)];
    let rows = "select (select count(*) from churn.scored_event) + (select count(*) from churn.outcome)";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(rows).await? == 120)).await?;
    for (name, part) in parts {
        stop(part, name).await?;
    }

    // Everything is known.
    let (id, customer, partition, offset) = a_score_of(&stack, "old").await?;
    let told = stack.command(&["trace", &id.to_string()]);
    ensure!(told["uuid"] == id.to_string() && told["score"]["customer_id"] == customer, "{told}");
    ensure!(told["score"]["sequence"] == 39 && told["outcome"]["sequence"] == 39, "{told}");
    ensure!(told["outcome"]["churned"].is_boolean() && told["score"]["probability"].is_f64(), "{told}");
    let record = &told["record"];
    ensure!(record["topic"] == format!("{}customer-events.v1", stack.prefix()) && record["key"] == customer, "{told}");
    ensure!(record["partition"] == partition && record["offset"] == offset && record["bytes"].as_u64() > Some(50));
    ensure!(told["model"]["version"] == "v1" && told["model"]["registry"]["lineage"].is_object(), "{told}");
    let steps: Vec<_> = told["delays"].as_object().context("delays")?.keys().collect();
    ensure!(steps == ["event_to_outcome", "event_to_score", "outcome_to_row", "score_to_row"], "{told}");
    ensure!(told["in_topics"] == json!({ "score": null, "outcome": null, "event": null }), "{told}");
    let same = stack.command(&["trace", told["score_id"].as_str().context("an id")?]);
    ensure!(same == told, "the ULID tells another story than the UUID: {same}");

    // The outcome is not there yet.
    let (waiting, ..) = a_score_of(&stack, "new").await?;
    let told = stack.command(&["trace", &waiting.to_string()]);
    ensure!(
        told["outcome"].is_null() && told["score"]["stream"] == "new" && told["record"]["key"].is_string(),
        "{told}"
    );
    let steps: Vec<_> = told["delays"].as_object().context("delays")?.keys().collect();
    ensure!(steps == ["event_to_score", "score_to_row"], "{told}");

    // The rows were dropped with their partition: the topics still have them.
    stack.execute("delete from churn.scored_event").await?;
    stack.execute("delete from churn.outcome").await?;
    let told = stack.command(&["trace", &id.to_string()]);
    ensure!(told["score"].is_null() && told["outcome"].is_null(), "{told}");
    let (score, outcome) = (&told["in_topics"]["score"], &told["in_topics"]["outcome"]);
    ensure!(score["topic"] == format!("{}customer-scores.v1", stack.prefix()), "{told}");
    ensure!(score["fields"]["customer_id"] == customer && score["fields"]["score_id"] == id.to_string(), "{told}");
    ensure!(outcome["fields"]["sequence"] == 39 && outcome["fields"]["churned"].is_boolean(), "{told}");
    ensure!(told["record"]["offset"] == offset && told["record"]["key"] == customer, "{told}");
    ensure!(told["model"]["version"] == "v1" && told["delays"]["event_to_outcome"].is_number(), "{told}");

    // Nobody has scored it.
    stack.command(&["produce", "--data", "own.csv", "--stream", "newest"]);
    let oracle = Oracle::of(&stack).await?;
    let mut events = EventBatch::default();
    oracle.read::<EventCodec>(&oracle.cluster.topics().events, &mut events).await?;
    let newest = (0..events.len()).find(|&row| events.stream.get(row) == Some("newest")).context("no such event")?;
    let told = stack.command(&["trace", &events.score_id(newest).to_string()]);
    ensure!(told["in_topics"]["event"]["fields"]["stream"] == "newest" && told["model"].is_null(), "{told}");
    ensure!(told["record"]["key"].as_str() == events.customer_id.get(newest), "{told}");

    // There was no such event.
    let unknown = stack.run(&["trace", "01JDRW5VK8Q3T3Y5Z2M8N6P4R7"]);
    ensure!(unknown.status.code() == Some(65), "{unknown:?}");
    let why = stderr(&unknown);
    ensure!(why.contains("01JDRW5VK8Q3T3Y5Z2M8N6P4R7") && why.contains("the topics have no record of it"), "{why}");
    Ok(())
}
