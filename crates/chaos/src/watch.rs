//! Whether the flow goes on: looked at in Postgres, where it ends.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use crate::stack::Stack;

/// A database that answers no look within this time does not count as progress.
const LOOK: Duration = Duration::from_millis(500);
/// The flow must resume within this time of the moment when nothing is broken any more.
pub(crate) const RESUME_WITHIN: Duration = Duration::from_secs(30);

/// Follows the stored positions.
#[derive(Debug)]
pub(crate) struct Watch {
    connection: Option<PgConnection>,
    position: i64,
    /// When the position last moved.
    moved: Instant,
    /// Since when nothing is broken.
    whole: Option<Instant>,
    counted: bool,
    /// Longest time from whole to moving.
    pub(crate) longest: Duration,
    /// Times that it took longer than [`RESUME_WITHIN`].
    pub(crate) stalls: u64,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            connection: None,
            position: -1,
            moved: now,
            whole: Some(now),
            counted: false,
            longest: Duration::ZERO,
            stalls: 0,
        }
    }

    /// Takes a look; `broken` says that a fault is going on.
    pub(crate) async fn look(&mut self, stack: &Stack, broken: bool) {
        let now = Instant::now();
        if broken {
            self.whole = None;
        } else {
            self.whole.get_or_insert(now);
        }
        let position = tokio::time::timeout(LOOK, self.position(stack)).await.ok().flatten();
        if position.is_none() {
            self.connection = None;
        }
        if position.is_some_and(|position| position > self.position) {
            self.position = position.unwrap_or_default();
            self.moved = now;
            self.counted = false;
        }
        self.judge(now);
    }

    fn judge(&mut self, now: Instant) {
        let Some(whole) = self.whole else { return };
        let still = now.saturating_duration_since(self.moved.max(whole));
        self.longest = self.longest.max(still);
        if still > RESUME_WITHIN && !self.counted {
            self.stalls += 1;
            self.counted = true;
        }
    }

    /// Ends its connection; the next look makes another.
    pub(crate) fn leave(&mut self) {
        self.connection = None;
    }

    /// Nothing happened for so long although nothing is broken.
    pub(crate) fn still(&self) -> Duration {
        self.moved.elapsed()
    }

    async fn position(&mut self, stack: &Stack) -> Option<i64> {
        if self.connection.is_none() {
            self.connection = stack.connect().await.ok();
        }
        let sum = "select coalesce(sum(next_offset), 0)::bigint from churn.consumer_offset";
        sqlx::query_scalar(sum).fetch_one(self.connection.as_mut()?).await.ok()
    }
}
