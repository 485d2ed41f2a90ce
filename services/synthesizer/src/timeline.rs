//! When each event is due, and when it was: a schedule that a late start or a held-up producer does not shift, so that latency
//! counts from the time an event was meant for.
//!
//! A time is a function of the sequence number and of a few pieces, which are stored with the stream's position: whoever comes
//! after a crash knows the time of every event whose outcome still waits.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Rate;

/// Events at an even pace, or all at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "(i64, i64, Option<f64>)", into = "(i64, i64, Option<f64>)")]
pub struct Piece {
    /// Sequence number of its first event; it goes on until the next piece's.
    pub(crate) first: i64,
    /// When the first event is due, epoch microseconds.
    pub(crate) origin_us: i64,
    /// Events a second; none when all of them are due at the origin.
    pub(crate) rate: Option<f64>,
}

impl From<(i64, i64, Option<f64>)> for Piece {
    fn from((first, origin_us, rate): (i64, i64, Option<f64>)) -> Self {
        Self { first, origin_us, rate }
    }
}

impl From<Piece> for (i64, i64, Option<f64>) {
    fn from(piece: Piece) -> Self {
        (piece.first, piece.origin_us, piece.rate)
    }
}

impl Piece {
    fn time_us(&self, sequence: i64) -> i64 {
        let offset = self.rate.map_or(0.0, |rate| ((sequence - self.first) as f64 * 1e6 / rate).ceil());
        self.origin_us.saturating_add(offset as i64)
    }

    /// The first sequence number that is not due yet, if the piece went on for ever.
    fn end_of_due(&self, now_us: i64) -> i64 {
        if now_us < self.origin_us {
            return self.first;
        }
        let due = self.rate.map_or(f64::MAX, |rate| (now_us - self.origin_us) as f64 * rate / 1e6 + 1.0);
        self.first.saturating_add(due as i64)
    }
}

/// A stretch of events that come faster.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// The events.
    pub events: Range<i64>,
    /// How many times faster than the configured rate.
    pub factor: f64,
}

/// The schedule of a stream. Times are microseconds since 1970.
#[derive(Debug, Clone)]
pub struct Timeline {
    pieces: VecDeque<Piece>,
    rate: Option<f64>,
    /// Without a rate: nothing is due before this moment.
    silent_until_us: i64,
}

/// Pieces that a timeline holds at most. Without a rate each batch is a piece, and all of them are stored in every transaction:
/// more would not fit into a record of 1 MB.
const MOST_PIECES: usize = 10_000;

impl Timeline {
    /// A schedule without events.
    pub fn new(rate: Rate) -> Self {
        Self { pieces: VecDeque::new(), rate: rate.per_second(), silent_until_us: 0 }
    }

    /// A schedule that was stored.
    pub(crate) fn stored(rate: Rate, pieces: Vec<Piece>) -> Self {
        Self { pieces: pieces.into(), ..Self::new(rate) }
    }

    /// From `next` on, events come from `origin_us` on at the configured rate, faster in the bursts. What was planned for them
    /// before is forgotten.
    pub fn plan(&mut self, next: i64, origin_us: i64, bursts: &[Burst]) {
        while self.pieces.back().is_some_and(|piece| piece.first >= next) {
            self.pieces.pop_back();
        }
        let Some(rate) = self.rate else {
            self.silent_until_us = origin_us;
            return;
        };
        let mut borders: Vec<i64> = bursts.iter().flat_map(|burst| [burst.events.start, burst.events.end]).collect();
        borders.push(next);
        borders.retain(|border| *border >= next);
        borders.sort_unstable();
        borders.dedup();
        let mut at = Piece { first: next, origin_us, rate: None };
        for border in borders {
            let factor: f64 =
                bursts.iter().filter(|burst| burst.events.contains(&border)).map(|burst| burst.factor).product();
            at = Piece { first: border, origin_us: at.time_us(border), rate: Some(rate * factor) };
            self.pieces.push_back(at);
        }
    }

    /// How many events from `next` on are due at `now_us`, at least one and at most `most`, or how long until the next one is.
    pub fn take(&mut self, next: i64, now_us: i64, most: usize) -> Result<usize, Duration> {
        if self.rate.is_none() {
            return self.take_all(next, now_us, most);
        }
        let mut end = next;
        for (at, piece) in self.pieces.iter().enumerate() {
            let limit = self.pieces.get(at + 1).map_or(i64::MAX, |following| following.first);
            if limit > end {
                let due = piece.end_of_due(now_us).min(limit);
                end = end.max(due);
                if due < limit {
                    break;
                }
            }
        }
        match usize::try_from(end - next) {
            Ok(due) if due > 0 => Ok(due.min(most)),
            _ => Err(until(self.time_us(next) - now_us)),
        }
    }

    fn take_all(&mut self, next: i64, now_us: i64, most: usize) -> Result<usize, Duration> {
        if now_us < self.silent_until_us {
            return Err(until(self.silent_until_us - now_us));
        }
        self.pieces.push_back(Piece { first: next, origin_us: now_us, rate: None });
        Ok(most)
    }

    /// Whether another piece may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.pieces.len() < MOST_PIECES
    }

    /// When the event is or was due, epoch microseconds.
    pub(crate) fn time_us(&self, sequence: i64) -> i64 {
        let after = self.pieces.partition_point(|piece| piece.first <= sequence);
        let piece = self.pieces.get(after.saturating_sub(1));
        piece.map_or(0, |piece| piece.time_us(sequence))
    }

    /// When the event is or was due, epoch milliseconds.
    pub fn time_ms(&self, sequence: i64) -> i64 {
        self.time_us(sequence) / 1_000
    }

    /// The first event from `next` on that is due at `at_us` or later, where a rate says so; `next` without one.
    pub(crate) fn sequence_at(&self, at_us: i64, next: i64) -> i64 {
        let Some(piece) = self.pieces.iter().rev().find(|piece| piece.origin_us <= at_us) else { return next };
        let Some(rate) = piece.rate.filter(|_| self.rate.is_some()) else { return next };
        let offset = ((at_us - piece.origin_us) as f64 * rate / 1e6).ceil() as i64;
        piece.first.saturating_add(offset).max(next)
    }

    /// Forgets the pieces that lie wholly before `sequence`.
    pub(crate) fn forget_before(&mut self, sequence: i64) {
        while self.pieces.get(1).is_some_and(|following| following.first <= sequence) {
            self.pieces.pop_front();
        }
    }

    pub(crate) fn pieces(&self) -> Vec<Piece> {
        self.pieces.iter().copied().collect()
    }
}

fn until(us: i64) -> Duration {
    Duration::from_micros(us.max(1).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(rate: Rate) -> Timeline {
        let mut timeline = Timeline::new(rate);
        timeline.plan(10, 1_000_000, &[]);
        timeline
    }

    #[test]
    fn events_come_at_their_rate_and_a_pause_is_made_up_for() {
        let mut timeline = timeline(Rate::PerSecond(1_000.0));
        assert_eq!(timeline.take(10, 1_000_000, 100), Ok(1));
        assert_eq!(timeline.take(11, 1_000_500, 100), Err(Duration::from_micros(500)));
        assert_eq!(timeline.take(11, 1_050_000, 100), Ok(50));
        assert_eq!(timeline.take(61, 2_000_000, 100), Ok(100));
        assert_eq!(timeline.time_ms(61), 1_051);
        assert_eq!((timeline.sequence_at(1_051_000, 0), timeline.sequence_at(1_051_001, 0)), (61, 62));
    }

    #[test]
    fn without_a_rate_every_batch_is_full_due_now_and_keeps_its_time() {
        let mut timeline = timeline(Rate::Max);
        assert_eq!(timeline.take(10, 1_000_000, 100), Ok(100));
        assert_eq!(timeline.take(110, 1_007_000, 100), Ok(100));
        assert_eq!([10, 109, 110, 209].map(|at| timeline.time_ms(at)), [1_000, 1_000, 1_007, 1_007]);
        timeline.forget_before(110);
        assert_eq!(timeline.pieces().len(), 1);
    }

    #[test]
    fn a_burst_is_faster_for_its_events_only_and_later_events_do_not_move() {
        let mut timeline = timeline(Rate::PerSecond(1_000.0));
        timeline.plan(110, timeline.time_us(110), &[Burst { events: 110..610, factor: 5.0 }]);
        assert_eq!([109, 110, 115, 610, 620].map(|at| timeline.time_ms(at)), [1_099, 1_100, 1_101, 1_200, 1_210]);
        assert_eq!(timeline.take(10, 1_200_000, 10_000), Ok(601));
    }

    #[test]
    fn silence_puts_off_what_follows() {
        let mut timeline = timeline(Rate::PerSecond(1_000.0));
        timeline.plan(20, timeline.time_us(20) + 3_000_000, &[]);
        assert_eq!(timeline.take(10, 2_000_000, 100), Ok(10));
        assert_eq!(timeline.take(20, 2_000_000, 100), Err(Duration::from_micros(2_010_000)));
        let mut timeline = Timeline::new(Rate::Max);
        timeline.plan(0, 5_000, &[]);
        assert_eq!(timeline.take(0, 4_000, 100), Err(Duration::from_micros(1_000)));
    }

    #[test]
    fn a_stored_timeline_gives_the_same_times() {
        let mut timeline = timeline(Rate::PerSecond(333.3));
        timeline.plan(1_000, timeline.time_us(1_000), &[Burst { events: 1_000..2_000, factor: 3.0 }]);
        let json = serde_json::to_string(&timeline.pieces()).unwrap();
        let stored = Timeline::stored(Rate::Max, serde_json::from_str(&json).unwrap());
        assert!((10..5_000).all(|at| stored.time_ms(at) == timeline.time_ms(at)));
    }
}
