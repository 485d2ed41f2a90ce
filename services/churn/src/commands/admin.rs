//! The HTTP server that every process has.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use churn_runtime::CancellationToken;
use churn_runtime::exit::Ending;
use churn_runtime::http::{self, AdminState, RunningServer, StatusFn, Version};
use serde_json::json;

use crate::app::Shared;
use crate::config::Config;

/// What `/v1/status` says beyond the stages: the monitor's figures, where one runs in this process, and the scenarios that the
/// stream went through, where it is synthesized here.
fn status(shared: &Shared) -> StatusFn {
    let monitor = shared.monitor.clone();
    let scenarios = shared.scenarios.clone();
    Arc::new(
        move || json!({ "monitor": monitor.get().map(|monitor| monitor.snapshot()), "scenarios": scenarios.begun() }),
    )
}

/// Starts the server with the routes of every part and `extra` ones.
///
/// # Errors
/// The address is taken, or open to others without a token.
pub(crate) async fn serve(
    part: &str,
    config: &Config,
    shared: &Shared,
    extra: Router,
    close: &CancellationToken,
) -> anyhow::Result<RunningServer> {
    let version = Version {
        part: part.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("CHURN_COMMIT").unwrap_or("unknown").to_owned(),
    };
    let state = AdminState {
        health: shared.health.clone(),
        metrics: shared.metrics.clone(),
        progress: shared.progress.clone(),
        version,
        status: Some(status(shared)),
    };
    http::serve(&config.http, state, extra, close.clone())
        .await
        .map_err(|error| Ending::new(error.exit(), error))
        .context("start the HTTP server")
}
