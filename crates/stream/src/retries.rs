//! Trying again, as every pipeline does it: backoff with jitter, a count, a log line, a component that is down meanwhile, and an
//! end of waiting when the process is asked to stop or the partitions go to another member.

use std::fmt::Display;
use std::time::Duration;

use churn_runtime::CancellationToken;
use churn_runtime::health::Component;
use churn_runtime::metrics::{IntCounterVec, Metrics, catalogue};
use churn_runtime::retry::Backoff;

use crate::Consumer;

/// Shortest wait before another try.
const MIN: Duration = Duration::from_millis(100);
/// Longest wait: what a server's return adds to the delay of the stream.
const MAX: Duration = Duration::from_secs(5);

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Wait {
    /// Try again.
    Again,
    /// The process was asked to stop: leave the batch to be read again.
    Stopped,
    /// The group goes on without this member: drop the batch, which is another's to process (see [`Consumer::must_yield`]).
    Withdrawn,
}

/// Counts a stage's retries.
#[derive(Debug, Clone)]
pub struct Retries {
    stage: &'static str,
    counter: IntCounterVec,
}

/// Attempts at one thing, until it succeeds.
#[derive(Debug)]
pub struct Attempts {
    retries: Retries,
    target: &'static str,
    component: Component,
    backoff: Backoff,
}

impl Retries {
    /// Of the stage with this name.
    #[must_use]
    pub fn new(stage: &'static str, metrics: &Metrics) -> Self {
        Self { stage, counter: metrics.counter_vec(&catalogue::RETRIES) }
    }

    /// Attempts against `target`, such as "postgres"; `component` is down while they fail.
    #[must_use]
    pub fn of(&self, target: &'static str, component: &Component) -> Attempts {
        let backoff = Backoff::new(MIN, MAX);
        Attempts { retries: self.clone(), target, component: component.clone(), backoff }
    }

    /// Counts and logs a failure after which another try comes in `delay`.
    pub fn failed(&self, target: &str, error: &dyn Display, delay: Duration) {
        self.counter.with_label_values(&[self.stage, target]).inc();
        tracing::warn!(stage = self.stage, target_system = target, %error, delay_ms = delay.as_millis(), "trying again");
    }
}

impl Attempts {
    /// Waits after a failure. The reason is shown by `/readyz`.
    pub async fn wait(&mut self, error: &(dyn Display + Sync), consumer: &Consumer, stop: &CancellationToken) -> Wait {
        let delay = self.backoff.next_delay();
        self.retries.failed(self.target, error, delay);
        self.component.down(error);
        consumer.pause(delay, stop).await
    }

    /// Waits after a failure, whatever becomes of partitions. False when the process was asked to stop.
    pub async fn wait_regardless(&mut self, error: &(dyn Display + Sync), stop: &CancellationToken) -> bool {
        let delay = self.backoff.next_delay();
        self.retries.failed(self.target, error, delay);
        self.component.down(error);
        tokio::select! {
            () = tokio::time::sleep(delay) => true,
            () = stop.cancelled() => false,
        }
    }

    /// Repeats `attempt` until it succeeds, or fails in a way that does not pass by itself. None when the process was asked to stop.
    ///
    /// # Errors
    /// The failure that does not pass.
    pub async fn until<T, E: Display + Sync, F: Future<Output = Result<T, E>>>(
        &mut self,
        stop: &CancellationToken,
        may_pass: impl Fn(&E) -> bool,
        attempt: impl Fn() -> F,
    ) -> Result<Option<T>, E> {
        loop {
            match stop.run_until_cancelled(attempt()).await {
                None => return Ok(None),
                Some(Ok(done)) => return Ok(Some(done)),
                Some(Err(error)) if may_pass(&error) => {
                    if !self.wait_regardless(&error, stop).await {
                        return Ok(None);
                    }
                }
                Some(Err(error)) => return Err(error),
            }
        }
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.backoff.attempts()
    }

    /// After a success: the next wait is short again.
    pub fn succeeded(&mut self) {
        self.backoff.reset();
    }
}

impl Consumer {
    /// Waits this long, unless the process is asked to stop or the partitions have to be given up.
    pub async fn pause(&self, delay: Duration, stop: &CancellationToken) -> Wait {
        if self.must_yield() {
            return Wait::Withdrawn;
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => if self.must_yield() { Wait::Withdrawn } else { Wait::Again },
            () = self.lost() => Wait::Withdrawn,
            () = stop.cancelled() => Wait::Stopped,
        }
    }

    /// Reads nothing for this long, to slow down. Ends early when the process is asked to stop, or when the group wants its partitions
    /// back: then what was read ahead is left to whom they are given, or it would be worked off without a rest.
    pub async fn rest(&mut self, delay: Duration, stop: &CancellationToken) {
        if delay == Duration::ZERO {
            return;
        }
        let withdrawn = tokio::select! {
            () = tokio::time::sleep(delay) => false,
            () = self.withdrawn() => true,
            () = stop.cancelled() => false,
        };
        if withdrawn {
            self.abandon();
        }
    }

    /// Ends when the partitions are another member's already.
    async fn lost(&self) {
        self.withdrawn().await;
        while !self.must_yield() {
            tokio::time::sleep(MIN).await;
        }
    }
}
