//! The scorer without a broker, for tests of what it makes of an event.

use std::sync::Arc;

use churn_runtime::metrics::Metrics;
use churn_serving::Served;
use churn_wire::{DecodeError, Decoder, Encoder, RegistryError, SchemaRegistry};

use crate::ScorerConfig;
use crate::batch::{Asked, Batch};
use crate::metrics::ScorerMetrics;
use crate::shadow::Shadows;

/// Scores single values by the code that scores batches of the stream.
#[derive(Debug)]
pub struct Rehearsal {
    batch: Batch,
    metrics: ScorerMetrics,
}

impl Rehearsal {
    /// Reads what was written with the schemas that `schemas` knows; `schema_id` is written before a score, which has so many
    /// `reasons`.
    pub fn new(schemas: Arc<SchemaRegistry>, schema_id: i32, reasons: usize) -> Self {
        let max_ahead = ScorerConfig::default().max_ahead.get();
        let decoder = Decoder::new(schemas, "customer-events.v1");
        let asked = Asked { top: reasons, threads: 1 };
        let shadows = Shadows::new("shadow-scores.v1", Encoder::new(schema_id), 1.0);
        let batch = Batch::new(decoder, Encoder::new(schema_id), "customer-scores.v1", max_ahead, asked, shadows);
        Self { batch, metrics: ScorerMetrics::new(&Metrics::default()) }
    }

    /// The score of the event in this value, as its topic would hold it; or why the value would be a dead letter. `None` is a
    /// record without a value.
    ///
    /// # Errors
    /// The schema registry gave no answer.
    pub async fn score(
        &mut self,
        value: Option<&[u8]>,
        champion: &Served,
    ) -> Result<Result<Vec<u8>, DecodeError>, RegistryError> {
        self.batch.rehearse(value, champion, &self.metrics).await
    }
}
