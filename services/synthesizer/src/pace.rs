//! When each event is due: a schedule that a late start or a held-up producer does not shift, so that latency counts from
//! the time an event was meant for.

use std::time::Duration;

use crate::config::Rate;

/// The schedule of a run. Times are microseconds since the run began.
#[derive(Debug)]
pub struct Pace {
    rate: Option<f64>,
    emitted: u64,
}

/// Events that are due now.
#[derive(Debug, PartialEq)]
pub struct Due {
    /// How many, at least one.
    pub events: u64,
    /// The first one's place in the run.
    pub first: u64,
}

impl Pace {
    /// A schedule that begins now.
    pub fn new(rate: Rate) -> Self {
        Self { rate: rate.per_second(), emitted: 0 }
    }

    /// Takes up to `most` events that are due at `now_us`, or says how long until the next one is.
    pub fn take(&mut self, now_us: u64, most: u64) -> Result<Due, Duration> {
        let due = match self.rate {
            None => most,
            Some(rate) => ((now_us as f64 * rate / 1e6) as u64 + 1).saturating_sub(self.emitted).min(most),
        };
        if due == 0 {
            let wait_us = self.scheduled_us(self.emitted, now_us).saturating_sub(now_us);
            return Err(Duration::from_micros(wait_us.max(1)));
        }
        let first = self.emitted;
        self.emitted += due;
        Ok(Due { events: due, first })
    }

    /// When the `index`-th event of the run is scheduled for; now, when there is no rate.
    pub fn scheduled_us(&self, index: u64, now_us: u64) -> u64 {
        self.rate.map_or(now_us, |rate| (index as f64 * 1e6 / rate).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_at_their_rate_and_a_pause_is_made_up_for() {
        let mut pace = Pace::new(Rate::PerSecond(1_000.0));
        assert_eq!(pace.take(0, 100), Ok(Due { events: 1, first: 0 }));
        assert_eq!(pace.take(500, 100), Err(Duration::from_micros(500)));
        assert_eq!(pace.take(50_000, 100), Ok(Due { events: 50, first: 1 }));
        assert_eq!(pace.take(1_000_000, 100), Ok(Due { events: 100, first: 51 }));
        assert_eq!(pace.scheduled_us(51, 1_000_000), 51_000);
    }

    #[test]
    fn without_a_rate_every_batch_is_full_and_due_now() {
        let mut pace = Pace::new(Rate::Max);
        assert_eq!(pace.take(0, 100), Ok(Due { events: 100, first: 0 }));
        assert_eq!(pace.scheduled_us(3, 77), 77);
    }
}
