//! The loop of the trainer that holds the lease: when to train, once at a time, and what is written down of it.
//!
//! Delivery: a request is answered once. What was begun by a trainer that is gone is begun again by its successor, or, where the
//! promotion was made already, only written down; whoever lost the lease writes nothing and promotes nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use churn_registry::Kind;
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::health::Component;
use churn_runtime::retry::Backoff;
use churn_store::{Account, Outcome, Taken, Waiting};
use tokio::sync::Notify;

use crate::core::{Core, Trouble, promoted_for, signature};
use crate::handle::Step;
use crate::hook::{Change, Programs};
use crate::lease::{LEASE, Lease};
use crate::probation::Probation;
use crate::schedule::Schedule;
use crate::training::Abort;

/// Requests that keep coming cannot put a training off for longer than so many times `debounce`.
const LONGEST_DEBOUNCE: i64 = 4;
/// Waits after a server was away.
const BACKOFF: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];

/// Decides and trains.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) core: Core,
    pub(crate) lease: Lease,
    pub(crate) schedule: Schedule,
    pub(crate) probation: Probation,
    pub(crate) started_ms: i64,
    /// Rings when a request has arrived.
    pub(crate) bell: Arc<Notify>,
    pub(crate) health: Component,
    pub(crate) programs: Programs,
    pub(crate) versions_recorded: bool,
}

impl Worker {
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut backoff = Backoff::new(BACKOFF[0], BACKOFF[1]);
        loop {
            let wait = match self.turn(&stop).await {
                Ok(()) => {
                    backoff.reset();
                    self.health.up();
                    self.core.config.poll.get()
                }
                Err(error) => {
                    let delay = backoff.next_delay();
                    self.health.down(format!("{error:#}"));
                    tracing::warn!(error = %format!("{error:#}"), delay_ms = delay.as_millis(), "trying again");
                    delay
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.bell.notified() => {}
                () = stop.cancelled() => break,
            }
        }
        self.health.stopping();
        self.lease.release().await;
        Ok(())
    }

    /// Looks at everything once.
    async fn turn(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let token = self.lease.hold().await.context("take the trainer's lease")?;
        self.core.metrics.lease(token.is_some());
        let Some(token) = token else { return Ok(()) };
        if !self.versions_recorded {
            self.core.record_versions().await?;
            self.versions_recorded = true;
        }
        self.schedule.ask(&self.core.store, self.started_ms, now_ms()).await.context("look at the schedule")?;
        let champion = self.core.registry.champion(Kind::Model).await.context("look up the champion")?;
        if let Some(champion) = &champion {
            let version = champion.version.to_string();
            let asked_for = promoted_for(champion);
            self.core.store.skip_stale_requests(&version, asked_for).await.context("look for outdated requests")?;
        }
        let waiting = self.core.store.waiting_requests().await.context("look for requests")?;
        self.core.metrics.waiting(&waiting);
        if self.is_due(&waiting)
            && let Some(taken) = self.core.store.take_request(LEASE, token).await.context("take up a request")?
        {
            return self.serve(&taken, token, stop).await;
        }
        if let Some(champion) = champion
            && let Some(change) = self.probation.look(&self.core, &champion).await?
        {
            self.changed(change);
        }
        Ok(())
    }

    fn is_due(&self, waiting: &Waiting) -> bool {
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX / LONGEST_DEBOUNCE);
        let (debounce, cooldown) = (ms(self.core.config.debounce.get()), ms(self.core.config.cooldown.get()));
        if waiting.orphaned {
            return true;
        }
        let settled =
            waiting.latest_ms_ago >= debounce || waiting.first_ms_ago >= debounce.saturating_mul(LONGEST_DEBOUNCE);
        let rested = waiting.manual || waiting.last_training_ms_ago.is_none_or(|ago| ago >= cooldown);
        waiting.requests > 0 && settled && rested
    }

    /// Works on a request while the lease is held.
    async fn serve(&mut self, taken: &Taken, token: i64, stop: &CancellationToken) -> anyhow::Result<()> {
        let (abort, watch) = (Abort::default(), Stopwatch::start());
        let mut renew = tokio::time::interval(self.lease.renew_every());
        let mut account = Account::default();
        let result = {
            let work = attempt(&self.core, token, taken, &abort, &mut account);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    done = &mut work => break done,
                    _ = renew.tick() => match self.lease.renew(token).await {
                        Ok(true) => {}
                        Ok(false) => break Err(Trouble::Aborted),
                        Err(error) if self.lease.is_over() => break Err(error.into()),
                        Err(error) => tracing::warn!(%error, "the lease could not be renewed yet"),
                    },
                    () = stop.cancelled() => break Err(Trouble::Aborted),
                }
            }
        };
        // A thread that is still at work ends soon, and nobody looks at its result.
        abort.now();
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(Trouble::Impossible(reason)) => {
                account.detail = reason;
                Outcome::Failed
            }
            Err(Trouble::Later(error)) => return Err(error).context("a training was put off"),
            Err(Trouble::Aborted) => {
                if stop.is_cancelled() {
                    self.core.store.return_request(token, taken.id).await.context("give a request back")?;
                }
                return Ok(());
            }
        };
        self.end(taken, token, outcome, &account, watch.seconds()).await
    }

    /// Writes down how a request ended, tells of it, and starts the operator's program.
    async fn end(
        &mut self,
        taken: &Taken,
        token: i64,
        outcome: Outcome,
        account: &Account,
        seconds: f64,
    ) -> anyhow::Result<()> {
        let written = self.core.store.finish_request(token, taken.id, outcome, account).await;
        if !written.context("write down how a training ended")? {
            tracing::warn!(request_id = %taken.id, "another trainer has this request since: nothing is written");
            return Ok(());
        }
        self.core.metrics.ended(outcome.name(), seconds);
        let step = match outcome {
            Outcome::Promoted => Step::Promoted,
            Outcome::Rejected => Step::Rejected,
            Outcome::Failed => Step::Failed,
        };
        self.core.handle.add(step, account.detail.clone());
        if outcome == Outcome::Promoted {
            let name = |version: &Option<String>| version.clone().unwrap_or_default();
            self.changed(Change {
                version: name(&account.candidate_version),
                previous: name(&account.champion_version),
                reason: "promotion",
            });
        }
        Ok(())
    }

    /// The champion has changed.
    fn changed(&mut self, change: Change) {
        let config = &self.core.config;
        let (words, timeout) = (config.after_promotion.clone(), config.after_promotion_timeout.get());
        self.programs.start(words, timeout, change, self.core.metrics.clone());
    }
}

/// One training, from rows to the champion's pointer.
async fn attempt(
    core: &Core,
    token: i64,
    taken: &Taken,
    abort: &Abort,
    account: &mut Account,
) -> Result<Outcome, Trouble> {
    let champion = core.champion().await?;
    if champion.by == signature(taken) {
        // The trainer before was lost between the promotion and its account.
        account.detail = format!("{} was promoted: {}", champion.version, champion.reason);
        account.candidate_version = Some(champion.version.to_string());
        account.champion_version = champion.history.first().map(|former| former.reign.version.to_string());
        let manifest = core.registry.manifest(Kind::Model, champion.version).await?;
        account.decision = manifest.decision.map(|decision| serde_json::json!(decision).to_string());
        account.training = Some(serde_json::Value::Object(manifest.lineage).to_string());
        return Ok(Outcome::Promoted);
    }
    if taken.attempts > i32::try_from(core.config.max_attempts).unwrap_or(i32::MAX) {
        let times = taken.attempts - 1;
        return Err(Trouble::Impossible(format!("its training was begun {times} times and never came to an end")));
    }
    let judged = core.challenge(taken, abort, account).await?;
    if !judged.passed {
        account.detail = judged.reason;
        return Ok(Outcome::Rejected);
    }
    // A last look before the pointer moves. The pointer itself lets only one of two trainers win.
    if !core.store.renew_lease(LEASE, token, core.config.lease.get()).await? {
        return Err(Trouble::Aborted);
    }
    core.promote(taken, &judged, account).await
}
