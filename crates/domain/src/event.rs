//! Customer events: what the stream says of a customer at a time.

use thiserror::Error;

use crate::{EventId, Interned, Locations, ScoreId, Table, Text};

/// An event time that is not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TimeError {
    /// Outside of [`EventBatch::TIME_BOUNDS_MS`].
    #[error("{0} ms since 1970, expected a time from 2000-01-01 up to 2100-01-01")]
    OutOfBounds(i64),
    /// It has not come yet.
    #[error("{time_ms} ms since 1970 lies {} s ahead of the clock, expected at most {} s", .ahead_ms / 1_000, .limit_ms / 1_000)]
    Ahead {
        /// The event's time.
        time_ms: i64,
        /// How far it is from now.
        ahead_ms: i64,
        /// How far it may be.
        limit_ms: i64,
    },
}

/// Events, column by column, all columns of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct EventBatch {
    /// Name of the stream that emitted the event; never missing.
    pub stream: Interned,
    /// Place in the stream, from 0.
    pub sequence: Vec<i64>,
    /// When the event happened, epoch milliseconds within [`Self::TIME_BOUNDS_MS`].
    pub event_time_ms: Vec<i64>,
    /// Whose event it is; never missing. A synthesized customer's is a ULID.
    pub customer_id: Text,
    /// Version of the generator that made the customer, missing for real ones.
    pub synthesizer_version: Interned,
    /// The customer's features.
    pub features: Table,
    /// Where the customer lives.
    pub location: Locations,
}

impl Default for EventBatch {
    fn default() -> Self {
        Self {
            stream: Interned::new(&[]),
            sequence: Vec::new(),
            event_time_ms: Vec::new(),
            customer_id: Text::default(),
            synthesizer_version: Interned::new(&[]),
            features: Table::default(),
            location: Locations::default(),
        }
    }
}

impl EventBatch {
    /// Accepted event times: from 2000-01-01 to 2100-01-01. A time outside is a fault of its producer (seconds taken
    /// for milliseconds, an unset clock) and would spread the partitions of the warehouse over centuries.
    pub const TIME_BOUNDS_MS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

    /// Refuses an event time outside of [`Self::TIME_BOUNDS_MS`], and one that lies more than `limit_ms` ahead of `now_ms`: clocks
    /// differ by seconds, but what has not happened is no event.
    ///
    /// # Errors
    /// The time is refused; the error says why.
    pub fn check_time(time_ms: i64, now_ms: i64, limit_ms: i64) -> Result<(), TimeError> {
        if !Self::TIME_BOUNDS_MS.contains(&time_ms) {
            return Err(TimeError::OutOfBounds(time_ms));
        }
        let ahead_ms = time_ms.saturating_sub(now_ms);
        if ahead_ms > limit_ms { Err(TimeError::Ahead { time_ms, ahead_ms, limit_ms }) } else { Ok(()) }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.sequence.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sequence.is_empty()
    }

    /// Identity of the event at `row`.
    pub fn id(&self, row: usize) -> EventId<'_> {
        EventId { stream: self.stream.get(row).unwrap_or_default(), sequence: self.sequence[row] }
    }

    /// Identity of the score of the event at `row`.
    pub fn score_id(&self, row: usize) -> ScoreId {
        ScoreId::derive(self.id(row), self.event_time_ms[row])
    }

    /// Forgets all events and every word that is not in a vocabulary, and keeps the memory for the next batch.
    pub fn clear(&mut self) {
        self.truncate(0);
        self.stream.clear();
        self.synthesizer_version.clear();
        self.features.clear();
    }

    /// Keeps the first `rows` events: how a reader gives up on a row half way.
    pub fn truncate(&mut self, rows: usize) {
        self.stream.truncate(rows);
        self.sequence.truncate(rows);
        self.event_time_ms.truncate(rows);
        self.customer_id.truncate(rows);
        self.synthesizer_version.truncate(rows);
        self.features.truncate(rows);
        self.location.truncate(rows);
    }

    /// Appends the event `row` of another batch.
    pub fn push_from(&mut self, other: &Self, row: usize) {
        self.stream.push(other.stream.get(row));
        self.sequence.push(other.sequence[row]);
        self.event_time_ms.push(other.event_time_ms[row]);
        self.customer_id.push_from(&other.customer_id, row);
        self.synthesizer_version.push(other.synthesizer_version.get(row));
        self.features.push_from(&other.features, row);
        self.location.push_from(&other.location, row);
    }

    /// Whether all columns have one length.
    pub fn is_rectangular(&self) -> bool {
        let rows = self.len();
        [self.stream.len(), self.event_time_ms.len(), self.customer_id.len(), self.synthesizer_version.len()]
            .iter()
            .all(|&len| len == rows)
            && self.features.len() == rows
            && self.features.is_rectangular()
            && self.location.len() == rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_may_be_as_old_as_the_century_and_ahead_by_the_limit() {
        let (now, limit) = (1_800_000_000_000, 5_000);
        let bounds = EventBatch::TIME_BOUNDS_MS;
        for good in [bounds.start, now, now + limit] {
            assert_eq!(EventBatch::check_time(good, now, limit), Ok(()));
        }
        let ahead = EventBatch::check_time(now + limit + 1_000, now, limit).unwrap_err();
        assert_eq!(ahead.to_string(), "1800000006000 ms since 1970 lies 6 s ahead of the clock, expected at most 5 s");
        for bad in [bounds.start - 1, bounds.end, 0, i64::MIN, i64::MAX] {
            assert_eq!(EventBatch::check_time(bad, i64::MAX, limit), Err(TimeError::OutOfBounds(bad)));
        }
    }
}
