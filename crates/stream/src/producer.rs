//! Sending records without a future for each: they are counted in and counted out.
//!
//! Acknowledgements are served by the calls of this type (`send`, `poll`, `flush`) and reported to the stage partition by
//! partition. A record that fails is an error of the next call: nothing is dropped in silence. All calls may block for a bounded
//! time, so pipelines make them inside `tokio::task::block_in_place`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use churn_runtime::progress::{Progress, Stage};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::cluster::blocking;
use crate::delivery::DeliveryContext;
use crate::throttle::Throttle;
use crate::touch::QUIET;
use crate::{Cluster, Outgoing, StreamError};

/// Records between two looks at acknowledgements.
const SERVE_EVERY: u32 = 64;
/// One turn of a waiting loop. It sleeps instead of polling with a timeout: `BaseProducer::poll` takes its whole time even when
/// acknowledgements arrive, and spins through the last millisecond of it.
const TURN: Duration = Duration::from_micros(200);

/// How long a broker may take to describe a topic.
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);
/// An idempotent producer (acks=all): each record once and in order, as long as the process lives.
pub struct Producer {
    pub(crate) client: Arc<BaseProducer<DeliveryContext>>,
    pub(crate) cluster: Cluster,
    topics: Vec<Known>,
    last: usize,
    until_serve: u32,
    enqueued: u64,
}

/// A topic that was sent to before.
struct Known {
    name: String,
    number: usize,
    throttle: Option<Throttle>,
}

impl Cluster {
    /// A producer that reports acknowledged ends to `stage`.
    ///
    /// # Errors
    /// The settings do not fit together.
    pub fn producer(&self, stage: &Stage) -> Result<Producer, StreamError> {
        Producer::create(self, &self.producer_settings(), stage)
    }

    /// Sends one record by a producer made for it, and waits until the broker has it: for what is said a few times a day.
    ///
    /// # Errors
    /// The broker does not take it, or not in this time.
    pub async fn publish(&self, topic: &str, key: &[u8], value: &[u8], within: Duration) -> Result<(), StreamError> {
        let (cluster, topic) = (self.clone(), topic.to_owned());
        let (key, value) = (key.to_owned(), value.to_owned());
        blocking("send a record", move || {
            // What nobody waits for needs no account in the process's progress.
            let mut producer = cluster.producer(&Progress::new().stage("publish"))?;
            producer.send(Outgoing::new(&topic, &key, &value))?;
            producer.flush(within)
        })
        .await
    }
}

impl Producer {
    pub(crate) fn create(cluster: &Cluster, settings: &ClientConfig, stage: &Stage) -> Result<Self, StreamError> {
        let client: BaseProducer<_> = settings
            .create_with_context(DeliveryContext::new(stage.clone()))
            .map_err(|e| StreamError::kafka(format!("create a producer at {}", cluster.brokers()), &e))?;
        Ok(Self {
            client: Arc::new(client),
            cluster: cluster.clone(),
            topics: Vec::new(),
            last: 0,
            until_serve: SERVE_EVERY,
            enqueued: 0,
        })
    }

    /// Hands a record to the client library, which sends it in a batch. Waits while the local queue is full, at most
    /// `kafka.delivery_timeout`; on the embedded broker also while its readers are behind.
    ///
    /// # Errors
    /// The record is too large, an earlier record failed, or there is no room in time. This record was not taken then.
    pub fn send(&mut self, record: Outgoing<'_>) -> Result<(), StreamError> {
        let topic = self.known(record.topic)?;
        self.hold_back(topic, record.bytes())?;
        self.until_serve -= 1;
        if self.until_serve == 0 {
            self.until_serve = SERVE_EVERY;
            self.poll()?;
        }
        self.enqueue(topic, &record)
    }

    /// Serves acknowledgements that have arrived, and reports them. Call it now and then when nothing is sent for a while.
    ///
    /// # Errors
    /// A record sent earlier failed, or the producer is beyond repair.
    pub fn poll(&mut self) -> Result<(), StreamError> {
        self.serve();
        self.check()
    }

    /// Waits until every record is acknowledged.
    ///
    /// # Errors
    /// A record failed, or some are not acknowledged within `deadline`.
    pub fn flush(&mut self, deadline: Duration) -> Result<(), StreamError> {
        let start = Instant::now();
        let mut heard = start;
        while self.client.in_flight_count() > 0 {
            let action = || format!("deliver {} records to {}", self.client.in_flight_count(), self.cluster.brokers());
            if start.elapsed() > deadline {
                self.context().publish();
                let error = self.check().err().unwrap_or_else(|| StreamError::timed_out(action(), deadline));
                return Err(self.judged(error));
            }
            if self.wait_a_turn() {
                heard = Instant::now();
            } else if heard.elapsed() >= QUIET {
                if self.has_no_broker() {
                    return Err(StreamError::cut_off(action(), "nothing is acknowledged"));
                }
                heard = Instant::now();
            }
        }
        self.poll()
    }

    /// Records acknowledged since the producer was made.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.context().acknowledged()
    }

    /// Records handed over since the producer was made.
    #[must_use]
    pub fn enqueued(&self) -> u64 {
        self.enqueued
    }

    pub(crate) fn context(&self) -> &DeliveryContext {
        self.client.client().context()
    }

    /// Takes in the acknowledgements that have arrived; says whether there were any.
    pub(crate) fn serve(&self) -> bool {
        serve(&self.client)
    }

    /// Says whether something was acknowledged.
    fn wait_a_turn(&self) -> bool {
        let served = self.serve();
        if !served {
            std::thread::sleep(TURN);
        }
        served
    }

    /// The failure of a record sent earlier, if there was one.
    pub(crate) fn check(&self) -> Result<(), StreamError> {
        if let Some(reason) = self.context().fatal() {
            return Err(StreamError::Expired { action: format!("produce to {}", self.cluster.brokers()), reason });
        }
        let Some((failure, count)) = self.context().take_failure() else { return Ok(()) };
        if failure.error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
            return Err(StreamError::TooLarge { topic: failure.topic.to_string(), bytes: failure.bytes });
        }
        let mut error = StreamError::kafka(format!("deliver {count} record(s) to {}", failure.topic), &failure.error);
        if let (StreamError::Kafka { reason, .. }, Some(log)) = (&mut error, self.context().reasons.take()) {
            reason.push_str(": ");
            reason.push_str(&log);
        }
        Err(error)
    }

    fn enqueue(&mut self, topic: usize, record: &Outgoing<'_>) -> Result<(), StreamError> {
        let number = self.topics.get(topic).map_or(0, |t| t.number);
        let patience = self.cluster.config().delivery_timeout.get();
        let mut start = None;
        let mut message = record.message(number);
        loop {
            let (error, back) = match self.client.send(message) {
                Ok(()) => {
                    self.enqueued += 1;
                    return Ok(());
                }
                Err(refused) => refused,
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => {}
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    return Err(StreamError::TooLarge { topic: record.topic.to_owned(), bytes: record.bytes() });
                }
                _ => return Err(self.refused(record.topic, &error)),
            }
            if start.get_or_insert_with(Instant::now).elapsed() > patience {
                return Err(StreamError::timed_out(format!("queue a record for {}", record.topic), patience));
            }
            self.wait_a_turn();
            self.check()?;
            message = back;
        }
    }

    fn refused(&self, topic: &str, error: &KafkaError) -> StreamError {
        self.check().err().unwrap_or_else(|| StreamError::kafka(format!("produce to {topic}"), error))
    }

    fn hold_back(&mut self, topic: usize, bytes: usize) -> Result<(), StreamError> {
        let Some(throttle) = self.topics.get_mut(topic).and_then(|t| t.throttle.as_mut()) else { return Ok(()) };
        if !throttle.count(bytes) {
            return Ok(());
        }
        let client = &self.client;
        throttle.wait(&self.cluster, || {
            serve(client);
        })
    }

    /// The place of `topic` in the list, made at its first record.
    fn known(&mut self, topic: &str) -> Result<usize, StreamError> {
        if self.topics.get(self.last).is_some_and(|t| t.name == topic) {
            return Ok(self.last);
        }
        let place = match self.topics.iter().position(|t| t.name == topic) {
            Some(place) => place,
            None => self.meet(topic)?,
        };
        self.last = place;
        Ok(place)
    }

    fn meet(&mut self, topic: &str) -> Result<usize, StreamError> {
        let error = |e: &KafkaError| StreamError::kafka(format!("read metadata of {topic}"), e);
        let count = self.cluster.inner.asker.partition_count(topic, METADATA_TIMEOUT).map_err(|e| error(&e))?;
        let partitions = count.ok_or_else(|| StreamError::Topic {
            topic: topic.to_owned(),
            problem: "does not exist; `churn setup` creates it".into(),
        })?;
        // Otherwise the first record waits for librdkafka's next look at its topics, up to a second.
        self.client.client().fetch_metadata(Some(topic), METADATA_TIMEOUT).map_err(|e| error(&e))?;
        let throttle = self.cluster.is_embedded().then(|| Throttle::new(topic, partitions));
        let number = self.context().topic_number(topic);
        self.topics.push(Known { name: topic.to_owned(), number, throttle });
        Ok(self.topics.len() - 1)
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("brokers", &self.cluster.brokers())
            .field("enqueued", &self.enqueued)
            .finish_non_exhaustive()
    }
}

/// A poll without a timeout serves one event, which holds the answers to one request, or a line of the log: go on while they keep
/// coming.
fn serve(client: &BaseProducer<DeliveryContext>) -> bool {
    let context = client.client().context();
    let (start, mut before) = (context.answered(), None);
    while before != Some(context.told()) {
        before = Some(context.told());
        client.poll(Duration::ZERO);
    }
    context.publish();
    context.answered() > start
}
