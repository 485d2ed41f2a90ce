//! Names that no other test uses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name that starts with `prefix` and is unique on the shared servers: fit for a topic, a consumer
/// group, a transactional id or a schema subject.
///
/// The counter tells tests of one binary apart, the process id binaries that run side by side, and
/// the time (seconds since 1970) one run from the next on servers that were left up.
pub fn fresh_name(prefix: &str) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{seconds}-{count}", std::process::id())
}
