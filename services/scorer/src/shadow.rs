//! Challengers on the same events. Their scores go to a topic of their own, in the transaction of the scores that count.

use std::sync::Arc;

use churn_domain::{ScoreBatch, ScoreId};
use churn_serving::{Scored, Served};
use churn_wire::{Encoder, ScoreCodec, write_prefix};

/// What models in shadow say of a batch.
#[derive(Debug)]
pub(crate) struct Shadows {
    topic: String,
    encoder: Encoder<ScoreCodec>,
    fraction: f64,
    /// The rows that are scored, in ascending order: the same for every model.
    rows: Vec<usize>,
    verdicts: Vec<Verdicts>,
    scored: Scored,
}

/// What one model says of the chosen rows.
#[derive(Debug)]
struct Verdicts {
    model: Arc<Served>,
    /// Without the events, which are those of the batch: only what a score says beyond its event is written from here.
    scores: ScoreBatch,
}

impl Shadows {
    /// Scores this fraction of the events for `topic`.
    pub(crate) fn new(topic: &str, encoder: Encoder<ScoreCodec>, fraction: f64) -> Self {
        let (rows, verdicts, scored) = (Vec::new(), Vec::new(), Scored::default());
        Self { topic: topic.to_owned(), encoder, fraction, rows, verdicts, scored }
    }

    /// Lets the models in shadow speak on the chosen ones of these scored events. The champion is not its own shadow, also not in
    /// the moment after a swap.
    pub(crate) fn score(&mut self, shadows: &[Arc<Served>], champion: &Served, batch: &ScoreBatch) {
        self.rows.clear();
        self.verdicts.clear();
        if shadows.is_empty() {
            return;
        }
        self.rows.extend((0..batch.len()).filter(|&row| is_chosen(batch.score_id[row], self.fraction)));
        let some;
        let customers = if self.rows.len() == batch.len() {
            &batch.event.features
        } else {
            some = batch.event.features.select(self.rows.iter().copied());
            &some
        };
        for model in shadows.iter().filter(|model| model.hash() != champion.hash()) {
            model.score(customers, 0, 1, &mut self.scored);
            let scores = verdicts(model, &self.scored, &self.rows, batch);
            self.verdicts.push(Verdicts { model: Arc::clone(model), scores });
        }
    }

    /// Where the scores go.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// The chosen rows, each with its place among them.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        let spoken = if self.verdicts.is_empty() { 0 } else { self.rows.len() };
        self.rows[..spoken].iter().copied().enumerate().map(|(place, row)| (row, place))
    }

    /// Writes the value of each model's score of the row at this place, one after another, into `value`; `event` are the bytes of
    /// its event.
    pub(crate) fn values<E>(
        &self,
        place: usize,
        event: &[u8],
        value: &mut Vec<u8>,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for verdicts in &self.verdicts {
            value.clear();
            write_prefix(self.encoder.schema_id(), value);
            value.extend_from_slice(event);
            self.encoder.codec().encode_tail_into(&verdicts.scores, place, value);
            each(value.as_slice())?;
        }
        Ok(())
    }

    /// The models that spoke, each with the number of events that it spoke on.
    pub(crate) fn spoke(&self) -> impl Iterator<Item = (&str, usize)> {
        self.verdicts.iter().map(|verdicts| (verdicts.model.version(), self.rows.len()))
    }
}

/// The verdicts on the chosen rows, by their places.
fn verdicts(model: &Served, scored: &Scored, rows: &[usize], batch: &ScoreBatch) -> ScoreBatch {
    let (mut scores, threshold) = (ScoreBatch::default(), model.threshold());
    for (&row, probability) in rows.iter().zip(scored.probabilities()) {
        scores.score_id.push(batch.score_id[row]);
        scores.probability.push(probability);
        scores.label.push(probability >= threshold);
        scores.threshold.push(threshold);
        scores.model_version.push(Some(model.version()));
        scores.model_hash.push(Some(model.hash()));
        scores.scored_at_ms.push(batch.scored_at_ms[row]);
        let from = &batch.lineage;
        scores.lineage.push(from.schema_id[row], from.partition[row], from.offset[row]);
    }
    scores.reasons.end_rows(rows.len());
    scores
}

/// Whether an event belongs to the fraction: by its id, so that every model and every scorer chooses the same, also when an event
/// is scored again. The id's last 64 bits are those of a hash.
fn is_chosen(id: ScoreId, fraction: f64) -> bool {
    let share = (id.bits() & u128::from(u64::MAX)) as f64 / u64::MAX as f64;
    share < fraction || fraction >= 1.0
}

#[cfg(test)]
mod tests {
    use churn_domain::EventId;

    use super::*;

    #[test]
    fn a_fraction_chooses_its_share_of_the_events_and_always_the_same() {
        let id = |sequence| ScoreId::derive(EventId { stream: "s", sequence }, sequence);
        let ids: Vec<ScoreId> = (0..20_000).map(id).collect();
        let chosen = |fraction| ids.iter().map(|&id| is_chosen(id, fraction)).collect::<Vec<_>>();
        let count = |fraction| chosen(fraction).iter().filter(|chosen| **chosen).count();
        assert_eq!((count(0.0), count(1.0)), (0, 20_000));
        assert!((4_700..5_300).contains(&count(0.25)), "{}", count(0.25));
        assert!(chosen(0.25).iter().zip(chosen(0.5)).all(|(few, many)| many || !few), "more are those and others");
    }
}
