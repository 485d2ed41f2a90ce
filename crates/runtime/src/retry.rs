//! Waiting between attempts: exponential backoff with jitter, so that many members that failed together do not come back
//! together.
//!
//! A delay is drawn evenly from the upper half of the current step ("equal jitter"): never so short that a struggling server is
//! hammered, never the same for two members.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Delays that double from `min` up to `max`.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    step: Duration,
    attempts: u32,
    state: u64,
}

impl Backoff {
    /// The first delay lies in `min/2..=min`, the longest in `max/2..=max`. A `max` below `min` counts as `min`.
    pub fn new(min: Duration, max: Duration) -> Self {
        // A RandomState differs in every process and every call: all that jitter needs.
        Self::seeded(min, max, RandomState::new().hash_one(0_u64))
    }

    /// The same with chosen jitter, for tests that compare delays.
    pub fn seeded(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max: max.max(min), step: min, attempts: 0, state: seed }
    }

    /// The next delay, and doubles the step.
    pub fn next_delay(&mut self) -> Duration {
        let half = self.step / 2;
        let delay = half + half.mul_f64(self.unit());
        self.step = self.step.saturating_mul(2).min(self.max);
        self.attempts = self.attempts.saturating_add(1);
        delay
    }

    /// Delays given out since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Call after a success: the next delay is short again.
    pub fn reset(&mut self) {
        self.step = self.min;
        self.attempts = 0;
    }

    /// Sleeps the next delay. False when `cancel` came first: stop trying.
    pub async fn sleep(&mut self, cancel: &CancellationToken) -> bool {
        tokio::select! {
            () = cancel.cancelled() => false,
            () = tokio::time::sleep(self.next_delay()) => true,
        }
    }

    /// An even number in `0..1`: SplitMix64 (Steele, Lea, Flood 2014), 53 bits of it.
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_within_their_jitter_and_stop_at_the_maximum() {
        let mut backoff = Backoff::seeded(Duration::from_millis(100), Duration::from_secs(1), 7);
        for upper in [100, 200, 400, 800, 1000, 1000, 1000] {
            let delay = backoff.next_delay().as_millis();
            assert!((upper / 2..=upper).contains(&delay), "{delay} ms of {upper}");
        }
        assert_eq!(backoff.attempts(), 7);
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(100));
    }

    #[test]
    fn two_members_that_failed_together_wait_for_different_times() {
        let delays = |mut b: Backoff| (0..4).map(|_| b.next_delay()).collect::<Vec<_>>();
        let fresh = || Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        assert_ne!(delays(fresh()), delays(fresh()));
    }

    #[tokio::test]
    async fn a_cancelled_wait_ends_at_once() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let mut backoff = Backoff::new(Duration::from_secs(3600), Duration::from_secs(3600));
        assert!(!backoff.sleep(&cancel).await);
    }
}
