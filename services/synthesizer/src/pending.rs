//! Outcomes that wait for their time.

use std::collections::VecDeque;

use churn_domain::{EventBatch, OutcomeBatch};

/// A queue of outcomes in the order of their events, bounded by the configuration.
#[derive(Debug)]
pub(crate) struct PendingOutcomes {
    queue: VecDeque<Pending>,
    delay_ms: i64,
    most: usize,
}

#[derive(Debug)]
struct Pending {
    sequence: i64,
    event_time_ms: i64,
    churned: bool,
    customer_id: Box<str>,
}

impl PendingOutcomes {
    pub(crate) fn new(delay_ms: i64, most: usize) -> Self {
        Self { queue: VecDeque::new(), delay_ms, most }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many more may wait.
    pub(crate) fn room(&self) -> usize {
        self.most.saturating_sub(self.queue.len())
    }

    pub(crate) fn push(&mut self, events: &EventBatch, churned: &[bool]) {
        let pending = |row: usize| Pending {
            sequence: events.sequence[row],
            event_time_ms: events.event_time_ms[row],
            churned: churned[row],
            customer_id: events.customer_id.get(row).unwrap_or_default().into(),
        };
        self.queue.extend((0..events.len()).map(pending));
    }

    /// When the first outcome is due, epoch milliseconds.
    pub(crate) fn next_due_ms(&self) -> Option<i64> {
        self.queue.front().map(|pending| pending.event_time_ms + self.delay_ms)
    }

    /// When the last outcome is due, epoch milliseconds.
    pub(crate) fn last_due_ms(&self) -> Option<i64> {
        self.queue.back().map(|pending| pending.event_time_ms + self.delay_ms)
    }

    /// Moves the outcomes that are due at `now_ms`, at most `most`, into `into`, which is emptied first.
    pub(crate) fn take_due(&mut self, stream: &str, now_ms: i64, most: usize, into: &mut OutcomeBatch) {
        into.truncate(0);
        while into.len() < most && self.next_due_ms().is_some_and(|due| due <= now_ms) {
            let Some(pending) = self.queue.pop_front() else { return };
            into.stream.push(Some(stream));
            into.sequence.push(pending.sequence);
            into.event_time_ms.push(pending.event_time_ms);
            into.customer_id.push(Some(&pending.customer_id));
            into.churned.push(pending.churned);
            into.observed_at_ms.push(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_leave_in_order_after_their_delay() {
        let mut events = EventBatch::default();
        for sequence in 0..3 {
            events.stream.push(Some("s"));
            events.sequence.push(sequence);
            events.event_time_ms.push(1_000 + 10 * sequence);
            events.customer_id.push(Some("c"));
        }
        let mut pending = PendingOutcomes::new(100, 5);
        pending.push(&events, &[true, false, true]);
        assert_eq!((pending.room(), pending.next_due_ms()), (2, Some(1_100)));
        let mut out = OutcomeBatch::default();
        pending.take_due("s", 1_110, 10, &mut out);
        assert_eq!((out.sequence.clone(), out.churned.clone()), (vec![0, 1], vec![true, false]));
        pending.take_due("s", 1_119, 10, &mut out);
        assert!(out.is_empty());
        assert_eq!(pending.len(), 1);
    }
}
