//! What every part answers: alive, ready, metrics, version, status.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::ErrorResponse;
use crate::clock::Stopwatch;
use crate::health::{ComponentState, Health};
use crate::metrics::{Metrics, TEXT_FORMAT, process};
use crate::progress::{Progress, StageSnapshot};

/// What this program is.
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    /// The part or parts that run here, such as `scorer`.
    pub part: String,
    /// The program's version.
    pub version: String,
    /// The commit it was built from; empty when unknown.
    pub commit: String,
}

/// More to say on `/v1/status` than every part has: called at each request, so it must be quick and must not block.
pub type StatusFn = Arc<dyn Fn() -> Value + Send + Sync>;

/// What the server reads its answers from.
#[derive(Clone)]
pub struct AdminState {
    /// Behind `/readyz`.
    pub health: Health,
    /// Behind `/metrics`.
    pub metrics: Metrics,
    /// Behind `/v1/status`.
    pub progress: Progress,
    /// Behind `/version`.
    pub version: Version,
    /// The field `part` of `/v1/status`; null without one.
    pub status: Option<StatusFn>,
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminState")
            .field("version", &self.version)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

/// The body of `/v1/status`.
#[derive(Debug, Serialize)]
struct Status {
    #[serde(flatten)]
    version: Version,
    uptime_seconds: f64,
    ready: bool,
    components: BTreeMap<String, ComponentState>,
    stages: Vec<StageSnapshot>,
    /// Records that the slowest stage of each topic has not made durable.
    backlog: BTreeMap<String, i64>,
    resident_bytes: Option<u64>,
    part_status: Value,
}

pub(super) fn router(state: AdminState) -> Router {
    let started = Stopwatch::start();
    Router::new()
        .route("/livez", get(|| async { Json(json!({ "live": true })) }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/version", get(|State(state): State<AdminState>| async move { Json(state.version) }))
        .route("/v1/status", get(move |State(state): State<AdminState>| async move { Json(status(&state, started)) }))
        .with_state(state)
}

async fn readyz(State(state): State<AdminState>) -> Response {
    let components = state.health.snapshot();
    let down: Vec<_> = components.iter().filter(|(_, state)| !state.up).collect();
    if down.is_empty() {
        return Json(json!({ "ready": true, "components": components })).into_response();
    }
    let reason =
        |(name, state): &(&String, &ComponentState)| format!("{name}: {}", state.reason.as_deref().unwrap_or("down"));
    let message = down.iter().map(reason).collect::<Vec<_>>().join("; ");
    let error = ErrorResponse::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message);
    let mut body = error.body();
    body["ready"] = json!(false);
    body["components"] = json!(components);
    (error.status(), Json(body)).into_response()
}

async fn metrics(State(state): State<AdminState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], state.metrics.render())
}

fn status(state: &AdminState, started: Stopwatch) -> Status {
    let topics = state.progress.topics();
    let backlog = topics.into_iter().map(|topic| {
        let backlog = state.progress.backlog(&topic);
        (topic, backlog)
    });
    Status {
        version: state.version.clone(),
        uptime_seconds: started.seconds(),
        ready: state.health.ready(),
        components: state.health.snapshot(),
        stages: state.progress.snapshot(),
        backlog: backlog.collect(),
        resident_bytes: process::memory().map(|memory| memory.resident),
        part_status: state.status.as_ref().map_or(Value::Null, |status| status()),
    }
}
