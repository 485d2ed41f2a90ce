//! Puts events and outcomes into their topics, together with where the stream then stands.
//!
//! On Kafka each batch is one transaction whose id is the stream's name: a successor of the same name first ends what is open and
//! shuts the predecessor out. The embedded broker keeps nothing that a successor could go on from, so there records are sent
//! without transactions and no position is written.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use churn_domain::{EventBatch, OutcomeBatch};
use churn_runtime::CancellationToken;
use churn_runtime::exit::{Ending, Exit, Fate, Fated};
use churn_runtime::progress::{Progress, Stage};
use churn_runtime::retry::Backoff;
use churn_runtime::traces::SpanContext;
use churn_stream::{Cluster, Outgoing, Producer, StreamError, TransactionalProducer};
use churn_wire::{Codec, Encoder, EventCodec, OutcomeCodec, SchemaRegistry};
use tokio::task::block_in_place;

use crate::beside::{Beside, Mark};
use crate::position::{self, StreamPosition};

/// Stage that counts events.
const EVENTS: &str = "synthesizer";
/// Stage that counts outcomes.
const OUTCOMES: &str = "outcomes";
/// Shortest and longest wait before another try.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Failures in a row after which the client is made anew instead of aborting once more.
const ABORTS: u32 = 4;
/// How long the last records may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(20);

/// What leaves together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Events.
    pub events: EventBatch,
    /// Outcomes of these or earlier events.
    pub outcomes: OutcomeBatch,
    /// What is said beside events, in the header `churn-scenario`.
    pub marks: Vec<Mark>,
    /// The rows of the events that are traced, in order, with the spans that their traces begin with.
    pub traces: Vec<(usize, SpanContext)>,
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.outcomes.is_empty()
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.outcomes.clear();
        self.marks.clear();
        self.traces.clear();
    }
}

/// The one writer of a stream.
#[derive(Debug)]
pub struct Writer {
    stream: String,
    way: Way,
    events: Lane<EventCodec>,
    outcomes: Lane<OutcomeCodec>,
    positions: String,
    cluster: Cluster,
    /// The position that is stored, as it was written.
    committed: Option<Vec<u8>>,
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing of it is in the topics.
    Unwritten,
    /// All of it is.
    Committed,
}

#[derive(Debug)]
enum Way {
    Transactions(TransactionalProducer),
    /// A producer for each kind, so that each knows what was acknowledged of its own.
    Plain {
        events: Producer,
        outcomes: Producer,
    },
}

/// How one kind of record is written.
#[derive(Debug)]
struct Lane<C> {
    encoder: Encoder<C>,
    topic: String,
    stage: Stage,
    durable: u64,
    value: Vec<u8>,
}

impl Writer {
    /// Takes the stream over from whoever wrote it before, and finds out where it stands.
    ///
    /// # Errors
    /// Kafka or the schema registry is out of reach, a topic or schema is not set up, or the stream's position cannot be read.
    pub async fn open(
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        progress: &Progress,
        stream: &str,
    ) -> anyhow::Result<(Self, StreamPosition)> {
        let topics = cluster.topics();
        let events = Lane::<EventCodec>::open(schemas, &topics.events, progress.stage(EVENTS)).await?;
        let outcomes = Lane::<OutcomeCodec>::open(schemas, &topics.outcomes, progress.stage(OUTCOMES)).await?;
        let (way, (committed, position)) = if cluster.is_embedded() {
            let way = Way::Plain {
                events: cluster.producer(&events.stage).map_err(Ending::of).context("start a producer")?,
                outcomes: cluster.producer(&outcomes.stage).map_err(Ending::of).context("start a producer")?,
            };
            (way, (None, StreamPosition::new(stream)))
        } else {
            // The predecessor is shut out first: only then is the position that is read the last one.
            let producer = cluster.transactional_producer(&events.stage, stream).await;
            let producer = producer.map_err(Ending::of).context("start transactions")?;
            (Way::Transactions(producer), position::load(cluster, schemas, stream).await?)
        };
        let positions = topics.positions.clone();
        let cluster = cluster.clone();
        Ok((Self { stream: stream.to_owned(), way, events, outcomes, positions, cluster, committed }, position))
    }

    /// Whether a successor can go on where this writer stops.
    pub fn can_be_succeeded(&self) -> bool {
        matches!(self.way, Way::Transactions(_))
    }

    /// Writes a batch; afterwards the stream stands at `position`. What may succeed later is tried again.
    ///
    /// # Errors
    /// The stream was taken over, a record is refused for good, or `stop` came while the batch could not be written: then nothing
    /// of it is in the topics, or all of it with its position.
    pub async fn write(
        &mut self,
        batch: &Batch,
        position: &StreamPosition,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let place = position.to_json()?;
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        while let Err(error) = block_in_place(|| self.attempt(batch, &place)) {
            if self.recover(error, &place, &mut backoff, stop).await? == Found::Committed {
                break;
            }
        }
        if self.can_be_succeeded() {
            self.committed = Some(place);
            self.events.add_durable(batch.events.len() as u64);
            self.outcomes.add_durable(batch.outcomes.len() as u64);
        }
        Ok(())
    }

    fn attempt(&mut self, batch: &Batch, place: &[u8]) -> Result<(), StreamError> {
        let (beside, nothing) = (Beside::events_of(batch), Beside::default());
        match &mut self.way {
            Way::Plain { events, outcomes } => {
                self.events.send(&batch.events, event_facts(&batch.events), &beside, |record| events.send(record))?;
                self.outcomes
                    .send(&batch.outcomes, outcome_facts(&batch.outcomes), &nothing, |record| outcomes.send(record))?;
                return self.poll();
            }
            // A commit whose result is unknown is asked for again, and never sent twice.
            Way::Transactions(producer) if producer.is_committing() => producer.commit_records()?,
            Way::Transactions(producer) => {
                producer.begin()?;
                self.events.send(&batch.events, event_facts(&batch.events), &beside, |record| producer.send(record))?;
                self.outcomes
                    .send(&batch.outcomes, outcome_facts(&batch.outcomes), &nothing, |record| producer.send(record))?;
                producer.send(Outgoing::new(&self.positions, self.stream.as_bytes(), place))?;
                producer.commit_records()?;
            }
        }
        Ok(())
    }

    /// Makes ready for another attempt after an error that may pass. Where it cannot be known what became of the transaction, the
    /// stored position tells.
    async fn recover(
        &mut self,
        mut error: StreamError,
        place: &[u8],
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> anyhow::Result<Found> {
        loop {
            if matches!(error, StreamError::Fenced { .. }) {
                return Err(self.taken_over(&error));
            }
            let Way::Transactions(producer) = &mut self.way else { return Err(Ending::of(error).into()) };
            if error.fate() != Fate::External {
                return Err(Ending::of(error).into());
            }
            tracing::warn!(stream = %self.stream, %error, "a batch could not be written; trying again");
            if !backoff.sleep(stop).await {
                return Err(Ending::of(error)).context(
                    "stopped while Kafka did not take a batch; the next start of the stream goes on where it was committed",
                );
            }
            let broken = matches!(error, StreamError::Expired { .. }) || backoff.attempts().is_multiple_of(ABORTS);
            if !broken && (!producer.is_open() || producer.is_committing()) {
                return Ok(Found::Unwritten);
            }
            let ended = block_in_place(|| if broken { producer.renew() } else { producer.abort() });
            match ended {
                Ok(()) if broken => return self.look(place, stop).await,
                Ok(()) => return Ok(Found::Unwritten),
                Err(failed) => error = failed,
            }
        }
    }

    /// Reads what the last transaction came to, once a new client has ended it.
    async fn look(&self, place: &[u8], stop: &CancellationToken) -> anyhow::Result<Found> {
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        let stored = loop {
            match self.cluster.latest(&self.positions, self.stream.as_bytes()).await {
                Ok(stored) => break stored,
                Err(error) if error.fate() == Fate::External && backoff.sleep(stop).await => {}
                Err(error) => return Err(Ending::of(error)).context("look for the stream's position"),
            }
        };
        if stored.as_deref() == Some(place) {
            return Ok(Found::Committed);
        }
        if stored == self.committed {
            return Ok(Found::Unwritten);
        }
        Err(self.taken_over(&"its position was moved by somebody else"))
    }

    fn taken_over(&self, error: &dyn std::fmt::Display) -> anyhow::Error {
        let stream = &self.stream;
        Ending::new(
            Exit::Failed,
            anyhow!(
                "stream {stream} was taken over: another synthesizer with the same name has started, or this one was paused for longer than kafka.transaction_timeout; nothing that it had not committed is in the stream; run one synthesizer a stream (synthesizer.stream) ({error})"
            ),
        )
        .into()
    }

    /// Takes note of what was acknowledged, where that is not known from a commit.
    ///
    /// # Errors
    /// A record that was sent earlier failed.
    pub fn poll(&mut self) -> Result<(), StreamError> {
        if let Way::Plain { events, outcomes } = &mut self.way {
            events.poll()?;
            outcomes.poll()?;
            self.events.add_durable(events.acknowledged() - self.events.durable);
            self.outcomes.add_durable(outcomes.acknowledged() - self.outcomes.durable);
        }
        Ok(())
    }

    /// Waits until everything is acknowledged.
    ///
    /// # Errors
    /// A record failed, or some are not acknowledged in time.
    pub fn finish(&mut self) -> Result<(), StreamError> {
        if let Way::Plain { events, outcomes } = &mut self.way {
            events.flush(FLUSH)?;
            outcomes.flush(FLUSH)?;
        }
        self.poll()
    }

    /// Events that would survive a crash.
    pub fn durable_events(&self) -> u64 {
        self.events.durable
    }

    /// Outcomes that would survive a crash.
    pub fn durable_outcomes(&self) -> u64 {
        self.outcomes.durable
    }
}

/// Key and time of an event.
fn event_facts<'a>(events: &'a EventBatch) -> impl Fn(usize) -> (Option<&'a str>, i64) {
    |row| (events.customer_id.get(row), events.event_time_ms[row])
}

/// Key and time of an outcome.
fn outcome_facts<'a>(outcomes: &'a OutcomeBatch) -> impl Fn(usize) -> (Option<&'a str>, i64) {
    |row| (outcomes.customer_id.get(row), outcomes.observed_at_ms[row])
}

impl<C: Codec> Lane<C> {
    async fn open(schemas: &SchemaRegistry, topic: &str, stage: Stage) -> anyhow::Result<Self> {
        let schema_id = schemas.id_of(topic, C::RECORD).await.map_err(Ending::of).context("look up the schema")?;
        Ok(Self { encoder: Encoder::new(schema_id), topic: topic.to_owned(), stage, durable: 0, value: Vec::new() })
    }

    fn send<'a>(
        &mut self,
        batch: &C::Batch,
        facts: impl Fn(usize) -> (Option<&'a str>, i64),
        beside: &Beside<'_>,
        mut send: impl FnMut(Outgoing<'_>) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let rows = C::rows(batch);
        for row in 0..rows {
            let (key, timestamp_ms) = facts(row);
            self.value.clear();
            self.encoder.encode_into(batch, row, &mut self.value);
            let key = key.unwrap_or_default().as_bytes();
            let headers = beside.headers(row);
            send(Outgoing::new(&self.topic, key, &self.value).at(timestamp_ms).with_headers(&headers))?;
        }
        self.stage.read(rows as u64);
        self.stage.done(rows as u64);
        Ok(())
    }

    fn add_durable(&mut self, records: u64) {
        self.durable += records;
        self.stage.durable(records);
    }
}
