//! The object that scores: in the scorer, in the api and offline alike.

use std::ops::Range;

use churn_domain::Table;

use crate::explain::ExplainScratch;
use crate::{Calibration, EncodeStats, Encoder, Model};

/// Encoder, model, calibration and threshold: everything between a customer and a probability. Shared freely between
/// threads; what a call needs to work with is the caller's [`Scratch`].
#[derive(Clone, Debug)]
pub struct ScoringModel {
    pub(crate) encoder: Encoder,
    pub(crate) model: Model,
    pub(crate) calibration: Calibration,
    pub(crate) threshold: f64,
}

/// Buffers of one scoring thread, kept from call to call so that scoring allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(crate) encoded: Vec<f32>,
    margins: Vec<f64>,
    pub(crate) explain: ExplainScratch,
}

impl ScoringModel {
    /// Customers encoded and scored at a time: their rows stay in the second cache.
    const BLOCK_ROWS: usize = 256;

    /// Appends the probability of leaving of each of the given rows to `probability`: calibrated, from 0 to 1, never NaN,
    /// whatever the customers look like. Says what was missing or unknown.
    ///
    /// # Panics
    /// When `rows` reaches beyond the table.
    pub fn predict(
        &self,
        table: &Table,
        rows: Range<usize>,
        scratch: &mut Scratch,
        probability: &mut Vec<f64>,
    ) -> EncodeStats {
        let mut stats = EncodeStats::default();
        probability.reserve(rows.len());
        let Range { mut start, end } = rows;
        while start < end {
            let block = start..end.min(start + Self::BLOCK_ROWS);
            start = block.end;
            stats.merge(&self.score_block(table, block, scratch, probability));
        }
        stats
    }

    /// Scores one block; its encoded rows stay in the scratch.
    pub(crate) fn score_block(
        &self,
        table: &Table,
        block: Range<usize>,
        scratch: &mut Scratch,
        probability: &mut Vec<f64>,
    ) -> EncodeStats {
        let Scratch { encoded, margins, .. } = scratch;
        margins.clear();
        margins.resize(block.len(), 0.0);
        let stats = self.encoder.encode_into(table, block, encoded);
        self.model.add_margins(self.encoder.columns(), encoded, 1.0, margins);
        probability.extend(margins.iter().map(|&margin| self.calibration.probability(margin)));
        stats
    }

    /// The margin (log-odds before calibration) of every customer of a table.
    pub fn margins(&self, table: &Table) -> Vec<f64> {
        self.model.margins(&self.encoder.encode(table, 0..table.len()))
    }

    /// The probability of every customer of a table.
    pub fn predict_all(&self, table: &Table) -> Vec<f64> {
        let mut probability = Vec::new();
        self.predict(table, 0..table.len(), &mut Scratch::default(), &mut probability);
        probability
    }

    /// Whether a probability is taken for leaving.
    #[inline]
    pub fn label(&self, probability: f64) -> bool {
        probability >= self.threshold
    }

    /// The probability from which on a customer is taken for a leaver, from 0 to 1.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// How customers become numbers.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The learner.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How margins become probabilities.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }
}
