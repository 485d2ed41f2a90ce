//! The trainer's lease: of any number of trainers one works, the others stand by.

use std::time::Duration;

use churn_runtime::clock::Stopwatch;
use churn_store::{Store, StoreError};

/// Name of the lease.
pub(crate) const LEASE: &str = "trainer";

/// This process's hold on the lease.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Store,
    holder: String,
    time: Duration,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    token: i64,
    renewed: Stopwatch,
}

impl Lease {
    pub(crate) fn new(store: Store, holder: String, time: Duration) -> Self {
        Self { store, holder, time, held: None }
    }

    /// How often to renew: two renewals may fail before the lease is lost.
    pub(crate) fn renew_every(&self) -> Duration {
        self.time / 3
    }

    /// Holds the lease, and gives its token; `None` while another process holds it.
    ///
    /// # Errors
    /// Postgres gives no answer.
    pub(crate) async fn hold(&mut self) -> Result<Option<i64>, StoreError> {
        if let Some(held) = &self.held {
            if held.renewed.elapsed() < self.renew_every() {
                return Ok(Some(held.token));
            }
            let token = held.token;
            if self.renew(token).await? {
                return Ok(Some(token));
            }
            tracing::warn!(lease = LEASE, "another trainer has taken over");
            self.held = None;
        }
        // Begun before the server is asked: the lease ends no sooner there than it is thought to here.
        let renewed = Stopwatch::start();
        let token = self.store.take_lease(LEASE, &self.holder, self.time).await?;
        if let Some(token) = token {
            tracing::info!(lease = LEASE, token, holder = self.holder, "this trainer works");
            self.held = Some(Held { token, renewed });
        }
        Ok(token)
    }

    /// Whether the lease is still held under this token, and then for longer.
    ///
    /// # Errors
    /// Postgres gives no answer.
    pub(crate) async fn renew(&mut self, token: i64) -> Result<bool, StoreError> {
        let renewed = Stopwatch::start();
        let still = self.store.renew_lease(LEASE, token, self.time).await?;
        self.held = still.then_some(Held { token, renewed });
        Ok(still)
    }

    /// Whether the lease has run out as far as this process can tell.
    pub(crate) fn is_over(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.renewed.elapsed() >= self.time)
    }

    /// Lets a successor begin at once.
    pub(crate) async fn release(&mut self) {
        if let Some(held) = self.held.take()
            && let Err(error) = self.store.release_lease(LEASE, held.token).await
        {
            tracing::warn!(%error, "the lease ends by itself");
        }
    }
}
