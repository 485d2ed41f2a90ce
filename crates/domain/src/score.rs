//! Scores: an event together with what the model said of it.

use crate::{EventBatch, Interned, Reasons, ScoreId};

/// Where a score's event came from, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lineage {
    /// Schema the event was written with.
    pub schema_id: Vec<i32>,
    /// Partition of the event.
    pub partition: Vec<i32>,
    /// Offset of the event in its partition.
    pub offset: Vec<i64>,
}

/// Scored events, column by column, all columns of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreBatch {
    /// Identity of the score, always [`EventBatch::score_id`] of the event.
    pub score_id: Vec<ScoreId>,
    /// The events.
    pub event: EventBatch,
    /// Calibrated probability that the customer leaves, from 0 to 1.
    pub probability: Vec<f64>,
    /// Whether the probability reaches the model's threshold.
    pub label: Vec<bool>,
    /// The model's threshold.
    pub threshold: Vec<f64>,
    /// Version of the model.
    pub model_version: Interned,
    /// SHA-256 of the model's manifest, hexadecimal.
    pub model_hash: Interned,
    /// When the event was scored, epoch milliseconds.
    pub scored_at_ms: Vec<i64>,
    /// Where the event came from.
    pub lineage: Lineage,
    /// Why: the features that moved the score most; none where nobody asked for them.
    pub reasons: Reasons,
}

impl Default for ScoreBatch {
    fn default() -> Self {
        Self {
            score_id: Vec::new(),
            event: EventBatch::default(),
            probability: Vec::new(),
            label: Vec::new(),
            threshold: Vec::new(),
            model_version: Interned::new(&[]),
            model_hash: Interned::new(&[]),
            scored_at_ms: Vec::new(),
            lineage: Lineage::default(),
            reasons: Reasons::default(),
        }
    }
}

impl ScoreBatch {
    /// Number of scores.
    pub fn len(&self) -> usize {
        self.score_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.score_id.is_empty()
    }

    /// Forgets all scores and every word that is not in a vocabulary, and keeps the memory for the next batch.
    pub fn clear(&mut self) {
        self.truncate(0);
        self.event.clear();
        self.model_version.clear();
        self.model_hash.clear();
        self.reasons.clear();
    }

    /// Keeps the first `rows` scores.
    pub fn truncate(&mut self, rows: usize) {
        self.score_id.truncate(rows);
        self.event.truncate(rows);
        self.probability.truncate(rows);
        self.label.truncate(rows);
        self.threshold.truncate(rows);
        self.model_version.truncate(rows);
        self.model_hash.truncate(rows);
        self.scored_at_ms.truncate(rows);
        self.lineage.truncate(rows);
        self.reasons.truncate(rows);
    }

    /// Appends the score `row` of another batch.
    pub fn push_from(&mut self, other: &Self, row: usize) {
        self.score_id.push(other.score_id[row]);
        self.event.push_from(&other.event, row);
        self.probability.push(other.probability[row]);
        self.label.push(other.label[row]);
        self.threshold.push(other.threshold[row]);
        self.model_version.push(other.model_version.get(row));
        self.model_hash.push(other.model_hash.get(row));
        self.scored_at_ms.push(other.scored_at_ms[row]);
        self.lineage.push(other.lineage.schema_id[row], other.lineage.partition[row], other.lineage.offset[row]);
        self.reasons.push_from(&other.reasons, row);
    }
}

impl Lineage {
    /// Appends the lineage of one event.
    pub fn push(&mut self, schema_id: i32, partition: i32, offset: i64) {
        self.schema_id.push(schema_id);
        self.partition.push(partition);
        self.offset.push(offset);
    }

    /// Keeps the first `rows` entries.
    pub fn truncate(&mut self, rows: usize) {
        self.schema_id.truncate(rows);
        self.partition.truncate(rows);
        self.offset.truncate(rows);
    }
}
