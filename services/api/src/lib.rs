//! The api part: scores and synthesizes customers over HTTP.
//!
//! Promise: `POST /v1/predict` uses the same model object and encoder as the scorer, so a customer gets the same probability on
//! either way; `/v2` speaks the Open Inference Protocol with that same model. Without a champion it answers 503, never a made-up value. A request that is understood but wrong is answered with
//! 422 and the path of every faulty field.

mod config;
mod document;
mod inference;
mod metrics;
mod operations;
mod predict;
mod rows;
mod synthesize;

use std::sync::Arc;

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use churn_runtime::metrics::Metrics;
use churn_serving::ModelSlot;
use churn_synth::Generator;

pub use config::ApiConfig;
pub use document::openapi;
pub use predict::parse as parse_customers;

use metrics::ApiMetrics;

/// What the handlers share.
#[derive(Debug, Clone)]
struct Api {
    config: ApiConfig,
    models: ModelSlot,
    generator: Option<Arc<Generator>>,
    metrics: ApiMetrics,
}

/// The routes of the api, to be served by the part's HTTP server with its checks around them.
pub fn routes(config: ApiConfig, models: ModelSlot, generator: Option<Arc<Generator>>, metrics: &Metrics) -> Router {
    let state = Api { config, models, generator, metrics: ApiMetrics::new(metrics) };
    Router::new()
        .route("/v1/predict", post(predict::handle))
        .route("/v1/synthesize", post(synthesize::handle))
        .route("/openapi.json", get(async || axum::Json(openapi())))
        .route("/docs", get(async || Html(document::PAGE)))
        .merge(inference::routes())
        .with_state(Arc::new(state))
}
