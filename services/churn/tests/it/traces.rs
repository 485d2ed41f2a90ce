//! Traces from event to row: the parts as separate processes on real servers, and a collector that takes what they send.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use churn_testkit::poll_until;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::cluster::{PATIENCE, Stack, stop};

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
