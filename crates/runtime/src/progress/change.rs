//! Waking those who wait for progress, from tasks and from threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::clock::Stopwatch;

/// Two counters, because two questions are asked of them. `begun` rises before a position is stored: whoever reads several
/// positions and finds it unmoved has read them as of one moment. `announced` rises after: whoever waits on it finds the new
/// position stored.
#[derive(Debug, Default)]
pub(crate) struct Change {
    begun: AtomicU64,
    announced: Mutex<u64>,
    threads: Condvar,
    tasks: Notify,
}

impl Change {
    /// Runs one update of a position between the two counters.
    pub(crate) fn with<T>(&self, store: impl FnOnce() -> T) -> T {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let stored = store();
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.threads.notify_all();
        self.tasks.notify_waiters();
        stored
    }

    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        self.tasks.notified()
    }

    /// Blocks the thread until `reached` or `timeout`; says which.
    pub(crate) fn wait_until(&self, timeout: Duration, reached: impl Fn() -> bool) -> bool {
        let waited = Stopwatch::start();
        loop {
            let seen = *self.announced.lock().unwrap_or_else(PoisonError::into_inner);
            if reached() {
                return true;
            }
            let Some(left) = timeout.checked_sub(waited.elapsed()).filter(|left| !left.is_zero()) else {
                return false;
            };
            let guard = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
            // The guard only orders waiting and waking; its value is read again above.
            drop(self.threads.wait_timeout_while(guard, left, |now| *now == seen));
        }
    }
}
