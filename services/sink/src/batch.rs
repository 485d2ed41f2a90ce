//! One batch on its way from records to rows, in columns.

use churn_domain::{OutcomeBatch, ScoreBatch};
use churn_runtime::traces::Tracer;
use churn_store::{Target, Written};
use churn_stream::deadletter::{DeadLetter, LetterLimit, Verdict};
use churn_stream::{BatchTrace, Record, RecordBatch, SpanNames};
use churn_wire::{
    Codec, DecodeError, Decoder, OutcomeCodec, RegistryError, ScoreCodec, VALUE_SCHEMA_ID_HEADER, claimed_schema_id,
};

/// Place of the scores' topic in the consumer's list of topics; the outcomes' is the other.
pub(crate) const SCORES: usize = 0;

/// What its spans are called.
const SPANS: SpanNames = SpanNames { batch: "store batch", record: "store score" };

/// A record that is set aside.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) letter: DeadLetter,
    pub(crate) class: &'static str,
}

/// Scores and outcomes of a batch, and what could not be read.
#[derive(Debug)]
pub(crate) struct Batch {
    scores: Lane<ScoreCodec>,
    outcomes: Lane<OutcomeCodec>,
    refused: Vec<Refused>,
    letter_limit: LetterLimit,
    traces: BatchTrace,
}

/// The records of one topic.
#[derive(Debug)]
struct Lane<C: Codec> {
    decoder: Decoder<C>,
    rows: C::Batch,
    /// Which record each row came from.
    origins: Vec<(usize, usize)>,
}

impl Batch {
    pub(crate) fn new(scores: Decoder<ScoreCodec>, outcomes: Decoder<OutcomeCodec>) -> Self {
        Self {
            scores: Lane::new(scores),
            outcomes: Lane::new(outcomes),
            refused: Vec::new(),
            letter_limit: LetterLimit::default(),
            traces: BatchTrace::new(Tracer::default(), SPANS),
        }
    }

    /// Traces its batches by `tracer`.
    pub(crate) fn trace_by(&mut self, tracer: Tracer) {
        self.traces = BatchTrace::new(tracer, SPANS);
    }

    /// Reads the records; what is no record of ours is refused.
    ///
    /// # Errors
    /// The schema registry gave no answer; calling again begins anew.
    pub(crate) async fn decode(&mut self, records: &[RecordBatch]) -> Result<(), RegistryError> {
        self.scores.clear();
        self.outcomes.clear();
        self.refused.clear();
        self.traces.begin();
        for (batch, records) in records.iter().enumerate() {
            for (place, record) in records.iter().enumerate() {
                let origin = (batch, place);
                let decoded = match record.topic_index() {
                    SCORES => {
                        let decoded = self.scores.decode(&record, origin).await?;
                        if decoded.is_ok() {
                            self.traces.meet(self.scores.origins.len() - 1, &record);
                        }
                        decoded
                    }
                    _ => self.outcomes.decode(&record, origin).await?,
                };
                if let Err(error) = decoded {
                    self.refused.push(refuse(&record, "sink.decode", error.class.name(), &error.to_string()));
                }
            }
        }
        Ok(())
    }

    /// What the log says of the batch.
    pub(crate) fn log_span(&self) -> tracing::Span {
        self.traces.log_span()
    }

    /// The rows are committed: the spans of the batch end, but for those of scores that were set aside.
    pub(crate) fn trace_stored(&mut self, scores: &str, written: &Written) {
        let conflicts = written.conflicts.iter().map(|conflict| (conflict.which, conflict.row));
        let rejected = written.rejected.iter().map(|rejected| (rejected.which, rejected.row));
        for (which, row) in conflicts.chain(rejected) {
            if matches!(which, Target::Score) {
                self.traces.set_aside(row);
            }
        }
        let ids = &self.scores.rows.score_id;
        let id = |row: usize| ids.get(row).map(|id| id.uuid().to_string());
        self.traces.durable(ids.len(), scores, [("db.system.name", "postgresql")], id);
    }

    pub(crate) fn scores(&self) -> &ScoreBatch {
        &self.scores.rows
    }

    pub(crate) fn outcomes(&self) -> &OutcomeBatch {
        &self.outcomes.rows
    }

    /// Everything that is set aside: what could not be read, and what Postgres cannot or must not store.
    pub(crate) fn refused<'a>(&'a self, records: &'a [RecordBatch], written: &'a Written) -> Vec<Refused> {
        let undecodable =
            self.refused.iter().map(|refused| Refused { letter: refused.letter.clone(), class: refused.class });
        let record = |which, row| self.origin(which, row).and_then(|(batch, place)| records.get(batch)?.get(place));
        let conflicts = written.conflicts.iter().filter_map(|conflict| {
            let record = record(conflict.which, conflict.row)?;
            Some(refuse(&record, "sink.store", "conflict", "this id is stored already, with other content"))
        });
        let rejected = written.rejected.iter().filter_map(|rejected| {
            let record = record(rejected.which, rejected.row)?;
            Some(refuse(&record, "sink.store", "unstorable", &rejected.reason))
        });
        let mut all: Vec<Refused> = undecodable.chain(conflicts).chain(rejected).collect();
        all.iter_mut().for_each(|refused| self.letter_limit.apply(&mut refused.letter));
        all
    }

    /// A dead letter was too large: letters are cut from now on. False when that cannot help.
    pub(crate) fn cut_letters(&mut self) -> bool {
        self.letter_limit.refused()
    }

    fn origin(&self, which: Target, row: usize) -> Option<(usize, usize)> {
        match which {
            Target::Score => self.scores.origins.get(row).copied(),
            Target::Outcome => self.outcomes.origins.get(row).copied(),
        }
    }
}

impl<C: Codec> Lane<C> {
    fn new(decoder: Decoder<C>) -> Self {
        Self { decoder, rows: C::Batch::default(), origins: Vec::new() }
    }

    fn clear(&mut self) {
        C::clear(&mut self.rows);
        self.origins.clear();
    }

    async fn decode(
        &mut self,
        record: &Record<'_>,
        origin: (usize, usize),
    ) -> Result<Result<(), DecodeError>, RegistryError> {
        let header = record.header(VALUE_SCHEMA_ID_HEADER);
        let decoded = self.decoder.read(record.value(), header, &mut self.rows).await?;
        if decoded.is_ok() {
            self.origins.push(origin);
        }
        Ok(decoded.map(drop))
    }
}

fn refuse(record: &Record<'_>, stage: &str, class: &'static str, text: &str) -> Refused {
    let schema_id = claimed_schema_id(record.value(), record.header(VALUE_SCHEMA_ID_HEADER));
    let schema_id = schema_id.and_then(|id| id.try_into().ok());
    let verdict = Verdict { stage, error_class: class, error_text: text, schema_id };
    Refused { letter: DeadLetter::new(record, &verdict), class }
}
