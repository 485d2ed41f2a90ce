//! The admin server of every part: alive, ready, metrics, version, status, and whatever routes the part adds.
//!
//! Guarantees: loopback unless told otherwise, and never beyond it without a token; Host and Origin are checked; bodies, time,
//! concurrency and optionally the rate are bounded; every error is JSON with a message; every request is counted; it is the last
//! thing of a part to close.
//!
//! Refuses to know TLS: a proxy in front does that.

mod config;
mod error;
mod guard;
mod layers;
mod routes;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use config::HttpConfig;
pub use error::{ErrorResponse, HttpError};
pub use routes::{AdminState, StatusFn, Version};

use crate::metrics::catalogue::BUILD_INFO;
use guard::Guard;

/// A server that answers.
#[derive(Debug)]
pub struct RunningServer {
    local: SocketAddr,
    close: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

/// Binds and starts to answer. `extra` may hold any routes but the server's own; it gets the same checks around it.
///
/// The server closes when `close` is cancelled or at [`RunningServer::stop`]: give it a token of its own, not the one that stops the
/// part, so that it is the last to go.
///
/// # Errors
/// [`HttpError::Open`] for an address that others can reach without a token; [`HttpError::Bind`] when the address is taken.
///
/// # Panics
/// When `extra` declares one of the server's own routes.
pub async fn serve(
    config: &HttpConfig,
    state: AdminState,
    extra: Router,
    close: CancellationToken,
) -> Result<RunningServer, HttpError> {
    let listen = config.listen;
    if config.is_open() {
        return Err(HttpError::Open { listen });
    }
    let bind_error = |source| HttpError::Bind { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(bind_error)?;
    let local = listener.local_addr().map_err(bind_error)?;
    state.metrics.export_progress(&state.progress);
    state.metrics.export_health(&state.health);
    let build = [state.version.version.as_str(), state.version.commit.as_str()];
    state.metrics.gauge_vec(&BUILD_INFO).with_label_values(&build).set(1.0);
    let metrics = state.metrics.clone();
    let app = layers::around(routes::router(state).merge(extra), config, Guard::new(config, local), &metrics);
    let closing = close.clone();
    let task =
        tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(closing.cancelled_owned()).await });
    tracing::info!(%local, "admin server listens");
    Ok(RunningServer { local, close, task })
}

impl RunningServer {
    /// The address it answers on, with the real port where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Runs until its token is cancelled and open requests are answered.
    ///
    /// # Errors
    /// [`HttpError::Serve`] when it failed by itself.
    pub async fn join(self) -> Result<(), HttpError> {
        flatten(self.task.await)
    }

    /// Takes no more connections, lets open requests end within `grace`, then cuts them off.
    ///
    /// # Errors
    /// [`HttpError::Grace`] when requests had to be cut off, [`HttpError::Serve`] when it had failed.
    pub async fn stop(mut self, grace: Duration) -> Result<(), HttpError> {
        self.close.cancel();
        match tokio::time::timeout(grace, &mut self.task).await {
            Ok(ended) => flatten(ended),
            Err(_) => {
                self.task.abort();
                Err(HttpError::Grace(grace))
            }
        }
    }
}

fn flatten(ended: Result<std::io::Result<()>, tokio::task::JoinError>) -> Result<(), HttpError> {
    ended.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(HttpError::Serve)
}
