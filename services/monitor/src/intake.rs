//! Records of both topics into columns.

use churn_domain::{OutcomeBatch, ScoreBatch};
use churn_stream::{Record, RecordBatch};
use churn_wire::{Codec, DecodeError, Decoder, OutcomeCodec, RegistryError, ScoreCodec, VALUE_SCHEMA_ID_HEADER};

/// Place of the scores in the consumer's list of topics; the outcomes come second.
const SCORES: usize = 0;
/// Place of the shadows' scores.
const SHADOWS: usize = 2;

/// Decodes what was read.
#[derive(Debug)]
pub(crate) struct Intake {
    score_decoder: Decoder<ScoreCodec>,
    outcome_decoder: Decoder<OutcomeCodec>,
    shadow_decoder: Decoder<ScoreCodec>,
    pub(crate) scores: ScoreBatch,
    /// Scores of models that shadow the champion.
    pub(crate) shadows: ScoreBatch,
    pub(crate) outcomes: OutcomeBatch,
    pub(crate) bad: Vec<DecodeError>,
}

impl Intake {
    pub(crate) fn new(
        score_decoder: Decoder<ScoreCodec>,
        outcome_decoder: Decoder<OutcomeCodec>,
        shadow_decoder: Decoder<ScoreCodec>,
    ) -> Self {
        Self {
            score_decoder,
            outcome_decoder,
            shadow_decoder,
            shadows: ScoreBatch::default(),
            scores: ScoreBatch::default(),
            outcomes: OutcomeBatch::default(),
            bad: Vec::new(),
        }
    }

    /// Decodes all records, in place of what was decoded before.
    ///
    /// # Errors
    /// The schema registry gave no answer; calling again begins anew.
    pub(crate) async fn decode(&mut self, records: &RecordBatch) -> Result<(), RegistryError> {
        self.scores.clear();
        self.shadows.clear();
        self.outcomes.clear();
        self.bad.clear();
        for record in records.iter() {
            let decoded = match record.topic_index() {
                SCORES => row(&mut self.score_decoder, &record, &mut self.scores).await?,
                SHADOWS => row(&mut self.shadow_decoder, &record, &mut self.shadows).await?,
                _ => row(&mut self.outcome_decoder, &record, &mut self.outcomes).await?,
            };
            self.bad.extend(decoded.err());
        }
        Ok(())
    }
}

async fn row<C: Codec>(
    decoder: &mut Decoder<C>,
    record: &Record<'_>,
    batch: &mut C::Batch,
) -> Result<Result<(), DecodeError>, RegistryError> {
    let header = record.header(VALUE_SCHEMA_ID_HEADER);
    Ok(decoder.read(record.value(), header, batch).await?.map(drop))
}
