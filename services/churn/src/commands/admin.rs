//! The HTTP server that every process has.

use anyhow::Context;
use axum::Router;
use churn_runtime::CancellationToken;
use churn_runtime::exit::Ending;
use churn_runtime::http::{self, AdminState, RunningServer, Version};

use crate::app::Shared;
use crate::config::Config;

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
        status: None,
    };
    http::serve(&config.http, state, extra, close.clone())
        .await
        .map_err(|error| Ending::new(error.exit(), error))
        .context("start the HTTP server")
}
