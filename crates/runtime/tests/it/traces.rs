//! The exporter against collectors that take, refuse and go away.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use churn_runtime::clock::monotonic;
use churn_runtime::config::{Secret, Validate};
use churn_runtime::metrics::Metrics;
use churn_runtime::traces::{Span, SpanContext, SpanKind, TraceId, Traces, TracesConfig};
use serde_json::{Value, json};

/// Longer than any flush takes.
const FLUSH: Duration = Duration::from_secs(30);

/// A collector that answers with the status and body it is told to.
#[derive(Clone)]
struct Collector {
    taken: Arc<Mutex<Vec<Value>>>,
    answer: (StatusCode, &'static str),
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: String) -> (StatusCode, &'static str) {
    assert_eq!(headers["content-type"], "application/json");
    let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let request: Value = serde_json::from_str(&body).unwrap();
    collector.taken.lock().unwrap().push(json!({ "token": token, "request": request }));
    collector.answer
}

async fn collector(status: u16, body: &'static str) -> (Collector, SocketAddr) {
    let answer = (StatusCode::from_u16(status).unwrap(), body);
    let (collector, listener) =
        (Collector { taken: Arc::default(), answer }, tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (collector, address)
}

fn config(address: SocketAddr) -> TracesConfig {
    TracesConfig { otlp_endpoint: format!("http://{address}/"), sample_ratio: 1.0, ..TracesConfig::default() }
}

fn span() -> Span {
    Span::new("work", SpanKind::Consumer, SpanContext::root(), 1_000, 2_000)
}

fn counted(metrics: &Metrics, series: &str) -> u64 {
    let text = metrics.render();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("churn_trace_spans_{series} ")));
    line.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn spans_reach_the_collector_in_the_words_of_the_protocol() {
    let (collector, address) = collector(200, "{}").await;
    let metrics = Metrics::new();
    let config = TracesConfig { otlp_token: Secret::new("t0ken"), ..config(address) };
    let traces = Traces::start(&config, &metrics).unwrap();
    let parent = SpanContext::root();
    let others = std::iter::repeat_with(SpanContext::root).take(130);
    let span = Span::new("work", SpanKind::Producer, parent.child(), 1_700_000_000_000_000_001, 5);
    traces.of("scorer").send(span.under(parent).with("churn.sequence", 7_i64).with("a", "b").linked(others));
    traces.of("sink").send(self::span());
    traces.flush(FLUSH).await;

    let taken = collector.taken.lock().unwrap().clone();
    assert_eq!((taken.len(), &taken[0]["token"]), (1, &json!("Bearer t0ken")));
    let parts = taken[0]["request"]["resourceSpans"].as_array().unwrap();
    let names: Vec<&Value> =
        parts.iter().map(|part| &part["resource"]["attributes"][0]["value"]["stringValue"]).collect();
    assert_eq!(names, ["churn-scorer", "churn-sink"]);
    let sent = &parts[0]["scopeSpans"][0]["spans"][0];
    assert_eq!(sent["traceId"], json!(parent.trace.to_string()));
    assert_eq!(sent["parentSpanId"], json!(parent.span.to_string()));
    assert_eq!((&sent["name"], &sent["kind"]), (&json!("work"), &json!(4)));
    // 64-bit numbers are texts in the JSON form; an end before the start counts as the start.
    assert_eq!(sent["startTimeUnixNano"], json!("1700000000000000001"));
    assert_eq!(sent["endTimeUnixNano"], sent["startTimeUnixNano"]);
    let attributes = json!([
        { "key": "messaging.system", "value": { "stringValue": "kafka" } },
        { "key": "churn.sequence", "value": { "intValue": "7" } },
        { "key": "a", "value": { "stringValue": "b" } },
    ]);
    assert_eq!(sent["attributes"], attributes);
    assert_eq!((sent["links"].as_array().unwrap().len(), &sent["droppedLinksCount"]), (128, &json!(2)));
    assert_eq!(counted(&metrics, "exported_total"), 2);
}

#[tokio::test]
async fn a_collector_that_is_away_costs_nobody_time_and_every_lost_span_is_counted() {
    let metrics = Metrics::new();
    // Nobody listens at the first port.
    let address = ([127, 0, 0, 1], 1).into();
    let traces = Traces::start(&TracesConfig { queue_spans: 8, ..config(address) }, &metrics).unwrap();
    let tracer = traces.of("scorer");
    let started = monotonic();
    (0..100_000).for_each(|_| tracer.send(span()));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    traces.flush(FLUSH).await;
    let (queue, away) =
        (counted(&metrics, "dropped_total{kind=\"queue\"}"), counted(&metrics, "dropped_total{kind=\"away\"}"));
    assert_eq!(queue + away, 100_000);
    assert!(away >= 8 && queue > 90_000, "{queue} {away}");

    // It comes to that address, and takes what ends from then on.
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let taken = Collector { taken: Arc::default(), answer: (StatusCode::OK, "") };
    let routes = Router::new().route("/v1/traces", post(take)).with_state(taken.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    tracer.send(span());
    traces.flush(FLUSH).await;
    assert_eq!((counted(&metrics, "exported_total"), taken.taken.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn spans_that_are_refused_are_counted_and_not_sent_again() {
    let partly = "{\"partialSuccess\":{\"rejectedSpans\":\"2\",\"errorMessage\":\"too old\"}}";
    for (status, body, requests, exported, refused, away) in
        [(400, "", 1, 0, 3, 0), (200, partly, 1, 1, 2, 0), (503, "", 3, 0, 0, 3)]
    {
        let ((collector, address), metrics) = (collector(status, body).await, Metrics::new());
        let traces = Traces::start(&config(address), &metrics).unwrap();
        (0..3).for_each(|_| traces.of("sink").send(span()));
        traces.flush(FLUSH).await;
        assert_eq!(collector.taken.lock().unwrap().len(), requests, "{status}");
        assert_eq!(counted(&metrics, "exported_total"), exported, "{status}");
        assert_eq!(counted(&metrics, "dropped_total{kind=\"refused\"}"), refused, "{status}");
        assert_eq!(counted(&metrics, "dropped_total{kind=\"away\"}"), away, "{status}");
    }
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_sampled_and_nothing_is_sent() {
    let metrics = Metrics::new();
    let traces = Traces::start(&TracesConfig { sample_ratio: 1.0, ..TracesConfig::default() }, &metrics).unwrap();
    let tracer = traces.of("scorer");
    assert!(!tracer.is_on() && !tracer.samples(TraceId::random()));
    tracer.send(span());
    traces.flush(FLUSH).await;
    assert!(!metrics.render().contains("churn_trace_spans"));
}

#[test]
fn every_fault_of_the_section_is_listed() {
    let config = TracesConfig {
        otlp_endpoint: "collector:4317".into(),
        sample_ratio: f64::NAN,
        queue_spans: 0,
        ..TracesConfig::default()
    };
    let faults: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(TracesConfig::default().validate().is_empty());
}
