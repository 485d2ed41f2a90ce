//! The object that scores: in the scorer, in the api and offline alike.

use std::ops::Range;

use churn_domain::Table;

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
    encoded: Vec<f32>,
    margins: Vec<f64>,
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
            stats.merge(&self.encoder.encode_into(table, block, &mut scratch.encoded));
            scratch.margins.clear();
            self.model.margins_into(&scratch.encoded, &mut scratch.margins);
            probability.extend(scratch.margins.iter().map(|&margin| self.calibration.probability(margin)));
        }
        stats
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
