//! The one place that reads time. Everything else is handed a time, so that it can be tested without waiting.

#![allow(clippy::disallowed_methods)] // this is the place that the ban points to

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall clock in milliseconds since 1970-01-01 UTC; negative before it, saturating at the ends of `i64`.
pub fn now_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

/// Wall clock in nanoseconds since 1970-01-01 UTC, for spans of traces; 0 before it.
pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |after| u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
}

/// The monotonic clock, for deadlines and spans of time.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// A span of monotonic time that began when the stopwatch was made.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts measuring now.
    pub fn start() -> Self {
        Self { started: monotonic() }
    }

    /// Time since the start, or since the last [`Stopwatch::lap`].
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Seconds since the start: the unit of every duration metric.
    pub fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }

    /// Time since the start or the last lap, and starts the next one.
    pub fn lap(&mut self) -> Duration {
        let now = monotonic();
        let lap = now - self.started;
        self.started = now;
        lap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_in_milliseconds_of_this_century() {
        assert!(now_ms() > 1_577_836_800_000, "later than 2020");
        assert!(now_ms() < 4_102_444_800_000, "earlier than 2100");
    }

    #[test]
    fn laps_add_up_to_no_more_than_the_whole() {
        let whole = Stopwatch::start();
        let mut laps = Stopwatch::start();
        let sum = laps.lap() + laps.lap();
        assert!(sum <= whole.elapsed());
    }
}
