//! Outcomes that wait for their time.
//!
//! Those of this run are remembered, batch by batch. Those that an earlier run left behind are not: they are drawn again, a few
//! at a time, when they are due. So a start costs the same however many there are.

use std::collections::VecDeque;
use std::ops::Range;

use churn_domain::{EventBatch, OutcomeBatch, Text};

/// Outcomes of a stretch of events.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// The first event.
    pub(crate) first: i64,
    /// When each event was due, epoch milliseconds.
    pub(crate) event_time_ms: Vec<i64>,
    /// Whose event each was.
    pub(crate) customer_id: Text,
    /// Whether each customer leaves.
    pub(crate) churned: Vec<bool>,
}

impl Truth {
    /// Remembers the outcomes of a batch of events.
    pub(crate) fn of(events: &EventBatch, churned: Vec<bool>) -> Self {
        Self {
            first: events.sequence.first().copied().unwrap_or_default(),
            event_time_ms: events.event_time_ms.clone(),
            customer_id: events.customer_id.clone(),
            churned,
        }
    }

    fn len(&self) -> usize {
        self.churned.len()
    }
}

/// A queue of outcomes in the order of their events, bounded by the configuration.
#[derive(Debug)]
pub(crate) struct PendingOutcomes {
    stream: String,
    /// The outcomes at hand that leave next, and how many of them have left.
    front: Truth,
    left: usize,
    /// Outcomes of an earlier run that have not been drawn again.
    backlog: Range<i64>,
    queue: VecDeque<Truth>,
    len: usize,
    delay_ms: i64,
    most: usize,
}

/// Outcomes that are drawn again at once.
const REDRAWN: i64 = 2_000;

impl PendingOutcomes {
    pub(crate) fn new(stream: &str, delay_ms: i64, most: usize, backlog: Range<i64>) -> Self {
        Self {
            stream: stream.to_owned(),
            front: Truth::default(),
            left: 0,
            len: usize::try_from(backlog.end - backlog.start).unwrap_or(0),
            backlog,
            queue: VecDeque::new(),
            delay_ms,
            most,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many more may wait.
    pub(crate) fn room(&self) -> usize {
        self.most.saturating_sub(self.len)
    }

    /// Nothing waits any longer.
    pub(crate) fn due_now(&mut self) {
        self.delay_ms = i64::MIN / 2;
    }

    pub(crate) fn push(&mut self, truth: Truth) {
        self.len += truth.len();
        self.queue.push_back(truth);
    }

    /// Moves the outcomes that are due at `now_ms`, at most `most`, into `into`. `event_time_ms` tells when an event of the backlog
    /// was due, `redraw` draws a stretch of it again.
    pub(crate) fn take_due(
        &mut self,
        now_ms: i64,
        most: usize,
        into: &mut OutcomeBatch,
        event_time_ms: impl Fn(i64) -> i64,
        redraw: impl Fn(Range<i64>) -> Truth,
    ) {
        while into.len() < most {
            if self.left == self.front.len() && !self.refill(now_ms, &event_time_ms, &redraw) {
                return;
            }
            let row = self.left;
            if self.front.event_time_ms[row] + self.delay_ms > now_ms {
                return;
            }
            into.stream.push(Some(&self.stream));
            into.sequence.push(self.front.first + row as i64);
            into.event_time_ms.push(self.front.event_time_ms[row]);
            into.customer_id.push_from(&self.front.customer_id, row);
            into.churned.push(self.front.churned[row]);
            into.observed_at_ms.push(now_ms);
            self.left += 1;
            self.len -= 1;
        }
    }

    /// Puts the next outcomes to the front; false when there are none or none of the backlog is due.
    fn refill(
        &mut self,
        now_ms: i64,
        event_time_ms: &impl Fn(i64) -> i64,
        redraw: &impl Fn(Range<i64>) -> Truth,
    ) -> bool {
        let next = if self.backlog.is_empty() {
            self.queue.pop_front()
        } else if event_time_ms(self.backlog.start) + self.delay_ms <= now_ms {
            let end = self.backlog.end.min(self.backlog.start + REDRAWN);
            let redrawn = redraw(self.backlog.start..end);
            self.backlog.start = end;
            Some(redrawn)
        } else {
            None
        };
        let Some(next) = next else { return false };
        (self.front, self.left) = (next, 0);
        self.front.len() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(events: Range<i64>) -> Truth {
        Truth {
            first: events.start,
            event_time_ms: events.clone().map(|at| 1_000 + 10 * at).collect(),
            customer_id: events.clone().map(|_| Some("c")).collect(),
            churned: events.map(|at| at % 2 == 0).collect(),
        }
    }

    fn take(pending: &mut PendingOutcomes, now_ms: i64, most: usize) -> Vec<(i64, bool, i64)> {
        let mut out = OutcomeBatch::default();
        pending.take_due(now_ms, most, &mut out, |at| 1_000 + 10 * at, truth);
        (0..out.len()).map(|row| (out.sequence[row], out.churned[row], out.observed_at_ms[row])).collect()
    }

    #[test]
    fn outcomes_leave_in_order_after_their_delay() {
        let mut pending = PendingOutcomes::new("s", 100, 5, 0..0);
        pending.push(truth(0..2));
        pending.push(truth(2..3));
        assert_eq!(pending.room(), 2);
        assert_eq!(take(&mut pending, 1_110, 10), [(0, true, 1_110), (1, false, 1_110)]);
        assert_eq!(take(&mut pending, 1_119, 10), []);
        assert_eq!(take(&mut pending, 1_120, 10), [(2, true, 1_120)]);
        assert_eq!(pending.len(), 0);
    }

    #[test]
    fn outcomes_that_were_left_behind_come_first_and_are_drawn_again_when_due() {
        let mut pending = PendingOutcomes::new("s", 100, 10_000, 0..5_000);
        pending.push(truth(5_000..5_001));
        assert_eq!((pending.len(), take(&mut pending, 1_099, 10)), (5_001, vec![]));
        let early: Vec<i64> = take(&mut pending, 1_150, 3).into_iter().map(|(at, ..)| at).collect();
        assert_eq!(early, [0, 1, 2]);
        let rest: Vec<i64> = take(&mut pending, i64::MAX, usize::MAX).into_iter().map(|(at, ..)| at).collect();
        assert!(rest.into_iter().eq(3..5_001));
        assert_eq!(pending.len(), 0);
    }
}
