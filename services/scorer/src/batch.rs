//! One batch on its way from events to scores, in columns that are used again and again.

use std::sync::Arc;
use std::time::Duration;

use churn_domain::{EventBatch, ScoreBatch};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::traces::{TRACEPARENT, Tracer};
use churn_serving::{EncodeStats, Scored, Served};
use churn_stream::deadletter::{DeadLetter, LetterLimit, Verdict};
use churn_stream::{BatchTrace, Header, Outgoing, Record, RecordBatch, SpanNames, StreamError, TransactionalProducer};
use churn_wire::{
    Codec, DecodeError, Decoder, Encoder, ErrorClass, EventCodec, RegistryError, ScoreCodec, VALUE_SCHEMA_ID_HEADER,
    claimed_schema_id, write_prefix,
};

use crate::metrics::ScorerMetrics;
use crate::shadow::Shadows;

/// What its spans are called.
const SPANS: SpanNames = SpanNames { batch: "score batch", record: "score event" };

/// Events of a batch, what the model says of them, and what could not be read.
#[derive(Debug)]
pub(crate) struct Batch {
    decoder: Decoder<EventCodec>,
    encoder: Encoder<ScoreCodec>,
    event_codec: EventCodec,
    topic: String,
    /// How far an event's time may lie ahead of the clock.
    max_ahead_ms: i64,
    scores: ScoreBatch,
    origins: Vec<Origin>,
    letters: Vec<DeadLetter>,
    letter_classes: Vec<&'static str>,
    letter_limit: LetterLimit,
    scored: Scored,
    stats: EncodeStats,
    reasons: Asked,
    shadows: Shadows,
    traces: BatchTrace,
    value: Vec<u8>,
    shadow_value: Vec<u8>,
}

/// How many reasons each score gets, and by how many threads they are found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) top: usize,
    pub(crate) threads: usize,
}

/// Which record a row came from.
#[derive(Debug, Clone, Copy)]
struct Origin {
    batch: usize,
    record: usize,
    /// Length of the event's bytes at the end of the record's value, where they are those of our schema: a score starts with
    /// them, so they need not be encoded again.
    ours: Option<usize>,
}

impl Batch {
    /// A batch that reads with `decoder` and writes to `topic` with `encoder`, each score with its reasons, and takes events whose
    /// time lies no more than `max_ahead` ahead of the clock.
    pub(crate) fn new(
        decoder: Decoder<EventCodec>,
        encoder: Encoder<ScoreCodec>,
        topic: &str,
        max_ahead: Duration,
        reasons: Asked,
        shadows: Shadows,
    ) -> Self {
        Self {
            decoder,
            encoder,
            event_codec: EventCodec::default(),
            topic: topic.to_owned(),
            max_ahead_ms: i64::try_from(max_ahead.as_millis()).unwrap_or(i64::MAX),
            scores: ScoreBatch::default(),
            origins: Vec::new(),
            letters: Vec::new(),
            letter_classes: Vec::new(),
            letter_limit: LetterLimit::default(),
            scored: Scored::default(),
            stats: EncodeStats::default(),
            reasons,
            shadows,
            traces: BatchTrace::new(Tracer::default(), SPANS),
            value: Vec::new(),
            shadow_value: Vec::new(),
        }
    }

    /// Traces its batches by `tracer`.
    pub(crate) fn trace_by(&mut self, tracer: Tracer) {
        self.traces = BatchTrace::new(tracer, SPANS);
    }

    /// Reads the events; what is no event becomes a dead letter.
    ///
    /// # Errors
    /// The schema registry gave no answer; calling again begins anew.
    pub(crate) async fn decode(&mut self, records: &[RecordBatch]) -> Result<(), RegistryError> {
        self.scores.clear();
        self.origins.clear();
        self.letters.clear();
        self.letter_classes.clear();
        self.traces.begin();
        let now = now_ms();
        for (batch, records) in records.iter().enumerate() {
            for (place, record) in records.iter().enumerate() {
                let header = record.header(VALUE_SCHEMA_ID_HEADER);
                let read = self.decoder.read(record.value(), header, &mut self.scores.event).await?;
                match read.and_then(|read| self.check_time(now).map(|()| read)) {
                    Ok((schema_id, ours)) => {
                        self.traces.meet(self.origins.len(), &record);
                        self.origins.push(Origin { batch, record: place, ours });
                        self.scores.lineage.push(schema_id, record.partition(), record.offset());
                    }
                    Err(error) => self.refuse(&record, &error),
                }
            }
        }
        Ok(())
    }

    /// Takes the last event back where it has not happened yet. Brokers refuse a batch with such a time in it, for ever.
    fn check_time(&mut self, now: i64) -> Result<(), DecodeError> {
        let events = &mut self.scores.event;
        let Some(&time) = events.event_time_ms.last() else { return Ok(()) };
        EventBatch::check_time(time, now, self.max_ahead_ms).map_err(|error| {
            events.truncate(events.len() - 1);
            DecodeError { class: ErrorClass::OutOfRange, field: "event_time", message: error.to_string() }
        })
    }

    fn refuse(&mut self, record: &Record<'_>, error: &DecodeError) {
        let text = error.to_string();
        let schema_id = claimed_schema_id(record.value(), record.header(VALUE_SCHEMA_ID_HEADER));
        let verdict = Verdict {
            stage: "scorer.decode",
            error_class: error.class.name(),
            error_text: &text,
            schema_id: schema_id.and_then(|id| id.try_into().ok()),
        };
        let mut letter = DeadLetter::new(record, &verdict);
        self.letter_limit.apply(&mut letter);
        self.letters.push(letter);
        self.letter_classes.push(error.class.name());
    }

    /// A record for `topic` was too large: dead letters are cut from now on. False when that cannot help.
    pub(crate) fn cut_letters(&mut self, topic: &str) -> bool {
        self.letters.first().is_some_and(|letter| letter.topic() == topic) && self.letter_limit.refused()
    }

    /// Lets the champion speak on every event, and those in its shadow on theirs.
    pub(crate) fn score(&mut self, champion: &Served, shadows: &[Arc<Served>], metrics: &ScorerMetrics) {
        let watch = Stopwatch::start();
        let (scores, Asked { top, threads }) = (&mut self.scores, self.reasons);
        champion.score(&scores.event.features, top, threads, &mut self.scored);
        self.stats = self.scored.stats();
        for stretch in self.scored.stretches() {
            scores.probability.extend_from_slice(&stretch.probability);
            scores.reasons.append(&stretch.reasons);
        }
        let (threshold, now) = (champion.threshold(), now_ms());
        for (row, &probability) in scores.probability.iter().enumerate() {
            scores.score_id.push(scores.event.score_id(row));
            scores.label.push(probability >= threshold);
            scores.threshold.push(threshold);
            scores.model_version.push(Some(champion.version()));
            scores.model_hash.push(Some(champion.hash()));
            scores.scored_at_ms.push(now);
        }
        metrics.step("predict", watch.elapsed());
        let watch = Stopwatch::start();
        self.shadows.score(shadows, champion, &self.scores);
        if !shadows.is_empty() {
            metrics.step("shadow", watch.elapsed());
        }
    }

    /// Takes one value of the events' topic instead of a batch: scored as in the stream, or refused as there.
    ///
    /// # Errors
    /// The schema registry gave no answer.
    pub(crate) async fn rehearse(
        &mut self,
        value: Option<&[u8]>,
        champion: &Served,
        metrics: &ScorerMetrics,
    ) -> Result<Result<Vec<u8>, DecodeError>, RegistryError> {
        self.decode(&[]).await?;
        let read = self.decoder.read(value, None, &mut self.scores.event).await?;
        let schema_id = match read.and_then(|(schema_id, _)| self.check_time(now_ms()).map(|()| schema_id)) {
            Ok(schema_id) => schema_id,
            Err(error) => return Ok(Err(error)),
        };
        self.scores.lineage.push(schema_id, 0, 0);
        self.score(champion, &[], metrics);
        let mut score = Vec::new();
        self.encoder.encode_into(&self.scores, 0, &mut score);
        Ok(Ok(score))
    }

    /// Sends scores and dead letters, each to the partition number that its event came from.
    ///
    /// # Errors
    /// What the producer says.
    pub(crate) fn send(
        &mut self,
        records: &[RecordBatch],
        producer: &mut TransactionalProducer,
    ) -> Result<(), StreamError> {
        let mut shadowed = self.shadows.rows().peekable();
        for (row, origin) in self.origins.iter().enumerate() {
            let place = shadowed.next_if(|(shadowed, _)| *shadowed == row).map(|(_, place)| place);
            let Some(record) = records.get(origin.batch).and_then(|batch| batch.get(origin.record)) else { continue };
            self.value.clear();
            write_prefix(self.encoder.schema_id(), &mut self.value);
            let start = self.value.len();
            match (origin.ours, record.value()) {
                (Some(length), Some(value)) => self.value.extend_from_slice(&value[value.len() - length..]),
                _ => self.event_codec.encode_into(&self.scores.event, row, &mut self.value),
            }
            let end = self.value.len();
            self.encoder.codec().encode_tail_into(&self.scores, row, &mut self.value);
            let time = self.scores.event.event_time_ms[row];
            let traceparent = self.traces.traceparent(row);
            let beside = traceparent.as_ref().map(|value| Header { name: TRACEPARENT, value: Some(value.as_ref()) });
            let mut send = |topic: &str, value: &[u8]| {
                producer.send(Outgoing {
                    topic,
                    partition: Some(record.partition()),
                    key: record.key(),
                    value: Some(value),
                    timestamp_ms: Some(time),
                    headers: beside.as_slice(),
                })
            };
            send(&self.topic, &self.value)?;
            if let Some(place) = place {
                let (event, shadows) = (&self.value[start..end], &self.shadows);
                shadows.values(place, event, &mut self.shadow_value, |value| send(shadows.topic(), value))?;
            }
        }
        for letter in &self.letters {
            letter.send_with(|outgoing| producer.send(outgoing))?;
        }
        Ok(())
    }

    /// What the log says of the batch.
    pub(crate) fn log_span(&self) -> tracing::Span {
        self.traces.log_span()
    }

    /// The scores are committed: the spans of the batch end.
    pub(crate) fn trace_committed(&mut self, events: &str, model_version: &str) {
        let (rows, ids) = (self.origins.len(), &self.scores.score_id);
        let id = |row: usize| ids.get(row).map(|id| id.uuid().to_string());
        self.traces.durable(rows, events, [("churn.model_version", model_version)], id);
    }

    /// Mean probability of its events; none without any.
    pub(crate) fn mean_probability(&self) -> Option<f64> {
        let probability = &self.scores.probability;
        (!probability.is_empty()).then(|| probability.iter().sum::<f64>() / probability.len() as f64)
    }

    /// Number of events that were scored.
    pub(crate) fn scored(&self) -> usize {
        self.origins.len()
    }

    /// The models in shadow, each with the number of events that it scored.
    pub(crate) fn shadowed(&self) -> impl Iterator<Item = (&str, usize)> {
        self.shadows.spoke()
    }

    /// Classes of what was refused, one a record.
    pub(crate) fn refused(&self) -> &[&'static str] {
        &self.letter_classes
    }

    /// What the encoder met.
    pub(crate) fn stats(&self) -> &EncodeStats {
        &self.stats
    }
}
