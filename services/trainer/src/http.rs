//! Requests by HTTP: `POST /v1/retrain`, for people and for Alertmanager's webhook. The server's token guards it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use churn_runtime::exit::{Fate, Fated, reasons};
use churn_runtime::http::ErrorResponse;
use churn_store::{Store, StoreError};
use serde_json::{Value, json};
use tokio::sync::Notify;
use ulid::Ulid;
use uuid::Uuid;

use crate::handle::{Step, TrainerHandle};
use crate::metrics::TrainerMetrics;
use crate::request;

/// What the routes need.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) metrics: TrainerMetrics,
    pub(crate) handle: TrainerHandle,
    pub(crate) bell: Arc<Notify>,
}

pub(crate) fn routes(desk: Desk) -> Router {
    Router::new().route("/v1/retrain", post(ask)).route("/v1/retrain/{id}", get(answer)).with_state(desk)
}

/// Accepts a request: it is stored when this answers.
async fn ask(State(desk): State<Desk>, body: Bytes) -> Result<(StatusCode, Json<Value>), ErrorResponse> {
    let Some(row) = request::of_body(&body).map_err(ErrorResponse::bad_request)? else {
        return Ok((StatusCode::OK, Json(json!({ "ignored": "the alerts are over" }))));
    };
    let new = desk.store.record_request(&row).await.map_err(|error| refused(&error))?;
    if new {
        desk.metrics.requested(&row);
        desk.handle.add(Step::Requested, format!("{} asks for a new model: {}", row.requested_by, row.reason));
        desk.bell.notify_one();
    }
    Ok((StatusCode::ACCEPTED, Json(json!({ "request_id": Ulid(row.id.as_u128()).to_string(), "new": new }))))
}

/// What became of a request.
async fn answer(State(desk): State<Desk>, Path(id): Path<String>) -> Result<Json<Value>, ErrorResponse> {
    let ulid: Ulid =
        id.parse().map_err(|_| ErrorResponse::bad_request(format!("{id:?} is no request's id, expected a ULID")))?;
    let status = desk.store.request_status(Uuid::from_u128(ulid.0)).await.map_err(|error| away(&error))?;
    let status = status.ok_or_else(|| {
        ErrorResponse::new(StatusCode::NOT_FOUND, "unknown_request", format!("nobody has asked by the id {ulid}"))
    })?;
    Ok(Json(json!({
        "request_id": ulid.to_string(),
        "status": status.status,
        "detail": status.detail,
        "answered_by": status.merged_into.map(|id| Ulid(id.as_u128()).to_string()),
        "model_version": status.candidate_version,
        "champion_version": status.champion_version,
    })))
}

/// A request that Postgres cannot hold, such as one with a NUL in its text, will not be held another time either.
fn refused(error: &StoreError) -> ErrorResponse {
    match error.fate() {
        Fate::External => away(error),
        _ => ErrorResponse::bad_request(reasons(error)),
    }
}

fn away(error: &StoreError) -> ErrorResponse {
    tracing::warn!(%error, "a request could not be answered");
    ErrorResponse::unavailable("the database gives no answer; ask again")
}
