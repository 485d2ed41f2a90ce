//! Outcomes: whether a customer left in the end, known some time after the event.

use crate::{EventId, Interned, ScoreId, Text};

/// Outcomes, column by column, all columns of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeBatch {
    /// Name of the stream that emitted the event.
    pub stream: Interned,
    /// The event's place in the stream.
    pub sequence: Vec<i64>,
    /// When the event happened, epoch milliseconds.
    pub event_time_ms: Vec<i64>,
    /// Whose outcome it is.
    pub customer_id: Text,
    /// Whether the customer left.
    pub churned: Vec<bool>,
    /// When the outcome became known, epoch milliseconds.
    pub observed_at_ms: Vec<i64>,
}

impl Default for OutcomeBatch {
    fn default() -> Self {
        Self {
            stream: Interned::new(&[]),
            sequence: Vec::new(),
            event_time_ms: Vec::new(),
            customer_id: Text::default(),
            churned: Vec::new(),
            observed_at_ms: Vec::new(),
        }
    }
}

impl OutcomeBatch {
    /// Number of outcomes.
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

    /// Identity of the score that the outcome belongs to.
    pub fn score_id(&self, row: usize) -> ScoreId {
        ScoreId::derive(self.id(row), self.event_time_ms[row])
    }

    /// Forgets all outcomes and the streams' names, and keeps the memory for the next batch.
    pub fn clear(&mut self) {
        self.truncate(0);
        self.stream.clear();
    }

    /// Keeps the first `rows` outcomes.
    pub fn truncate(&mut self, rows: usize) {
        self.stream.truncate(rows);
        self.sequence.truncate(rows);
        self.event_time_ms.truncate(rows);
        self.customer_id.truncate(rows);
        self.churned.truncate(rows);
        self.observed_at_ms.truncate(rows);
    }

    /// Appends the outcome `row` of another batch.
    pub fn push_from(&mut self, other: &Self, row: usize) {
        self.stream.push(other.stream.get(row));
        self.sequence.push(other.sequence[row]);
        self.event_time_ms.push(other.event_time_ms[row]);
        self.customer_id.push_from(&other.customer_id, row);
        self.churned.push(other.churned[row]);
        self.observed_at_ms.push(other.observed_at_ms[row]);
    }
}
