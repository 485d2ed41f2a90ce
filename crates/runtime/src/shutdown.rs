//! Stopping: the first SIGINT or SIGTERM asks, the second insists, and one grace time bounds the whole of it.
//!
//! Order of a part's end: not ready, stop polling, finish the batch, make it durable, commit, close, admin server last. A loop
//! holds the token and looks at it between batches; a batch in flight is never raced against it.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// Time after the grace for errors to be told and files to be closed.
const INSIST_AFTER: Duration = Duration::from_secs(2);

/// The process's wish to stop. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

/// The grace time ran out.
#[derive(Debug, thiserror::Error)]
#[error("{what} did not finish within the grace time of {grace:?}")]
pub struct GraceExceeded {
    /// What was still running.
    pub what: String,
    /// The time it was given.
    pub grace: Duration,
}

impl Shutdown {
    /// A shutdown that only [`Shutdown::trigger`] sets off: for tests and for parts inside another process.
    pub fn manual() -> Self {
        Self::default()
    }

    /// Listens for SIGINT and SIGTERM. The first asks for a shutdown, the second ends the process at once with 128 + its number.
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses to install a signal handler.
    pub fn install() -> std::io::Result<Self> {
        let shutdown = Self::default();
        let mut signals = Signals::new()?;
        let asked = shutdown.clone();
        tokio::spawn(async move {
            asked.trigger(signals.next().await.name());
            let second = signals.next().await;
            tracing::warn!(signal = second.name(), "second signal, exiting at once");
            std::process::exit(i32::from(second.exit().code()));
        });
        Ok(shutdown)
    }

    /// Ends the process with exit code 1 when it still runs some time after the grace: for what the grace cannot end, such as
    /// a thread inside a client library that waits for a server which does not answer. Must be called inside a tokio runtime.
    pub fn insist(&self, grace: Duration) {
        let asked = self.clone();
        tokio::spawn(async move {
            asked.requested().await;
            // A thread, because every worker of the runtime may be held up.
            std::thread::spawn(move || {
                std::thread::sleep(grace.saturating_add(INSIST_AFTER));
                tracing::error!(?grace, "still running after the grace time, exiting at once");
                std::process::exit(i32::from(Exit::Failed.code()));
            });
        });
    }

    /// A token for a loop to look at.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Asks everything to stop; the first reason is logged.
    pub fn trigger(&self, reason: &str) {
        if !self.token.is_cancelled() {
            tracing::info!(reason, "shutting down");
        }
        self.token.cancel();
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for the request to stop.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Runs `work` to its end, however long it takes until a stop is asked for, and at most `grace` after that.
    ///
    /// # Errors
    /// [`GraceExceeded`] when the time ran out; `work` is dropped then.
    pub async fn grace<T>(
        &self,
        grace: Duration,
        what: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, GraceExceeded> {
        let deadline = async {
            self.requested().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = deadline => Err(GraceExceeded { what: what.to_owned(), grace }),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Signal {
    Interrupt,
    #[cfg(unix)]
    Terminate,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            #[cfg(unix)]
            Self::Terminate => "SIGTERM",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            #[cfg(unix)]
            Self::Terminate => Exit::Terminated,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps)]
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_ends_in_time_is_returned() {
        let shutdown = Shutdown::manual();
        shutdown.trigger("test");
        assert!(shutdown.is_requested());
        let answer = shutdown.grace(Duration::from_secs(60), "the answer", async { 42 }).await;
        assert_eq!(answer.unwrap(), 42);
    }

    #[tokio::test]
    async fn work_that_hangs_after_the_request_is_given_up_by_name() {
        let shutdown = Shutdown::manual();
        let token = shutdown.token();
        shutdown.trigger("test");
        token.cancelled().await;
        let hung = shutdown.grace(Duration::from_millis(1), "the sink", std::future::pending::<()>()).await;
        assert!(hung.unwrap_err().to_string().contains("the sink did not finish"));
    }
}
