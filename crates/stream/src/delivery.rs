//! Acknowledgements: what librdkafka's delivery reports say, counted without a future per record.

use std::sync::{Arc, Mutex, PoisonError};

use churn_runtime::progress::{PartitionGauge, Stage};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use crate::client::Reasons;

/// Context of a producer. Its callbacks run inside the producer's own poll, so its lock is never contended.
#[derive(Debug)]
pub(crate) struct DeliveryContext {
    pub(crate) reasons: Reasons,
    stage: Stage,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    topics: Vec<Topic>,
    acknowledged: u64,
    /// Acknowledged or failed.
    answered: u64,
    /// Whatever the client told: the answers, its log lines, and its errors.
    told: u64,
    /// Failed since the last look.
    failed: u64,
    failure: Option<Failure>,
    fatal: Option<String>,
}

/// The first record that failed since the last look.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) topic: Arc<str>,
    pub(crate) error: KafkaError,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    /// By partition number.
    ends: Vec<Option<End>>,
}

#[derive(Debug)]
struct End {
    next: i64,
    published: i64,
    gauge: PartitionGauge,
}

impl DeliveryContext {
    pub(crate) fn new(stage: Stage) -> Self {
        Self { reasons: Reasons::default(), stage, ledger: Mutex::default() }
    }

    /// The number under which deliveries of `topic` are counted: the opaque of its records.
    pub(crate) fn topic_number(&self, topic: &str) -> usize {
        let mut ledger = self.ledger();
        if let Some(number) = ledger.topics.iter().position(|t| *t.name == *topic) {
            return number;
        }
        ledger.topics.push(Topic { name: Arc::from(topic), ends: Vec::new() });
        ledger.topics.len() - 1
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.ledger().acknowledged
    }

    /// Records that were acknowledged or failed.
    pub(crate) fn answered(&self) -> u64 {
        self.ledger().answered
    }

    /// Callbacks of any kind.
    pub(crate) fn told(&self) -> u64 {
        self.ledger().told
    }

    /// Tells the stage how far each partition is acknowledged, once a batch of callbacks instead of once a record.
    pub(crate) fn publish(&self) {
        let mut ledger = self.ledger();
        for end in ledger.topics.iter_mut().flat_map(|t| t.ends.iter_mut()).flatten() {
            if end.next > end.published {
                end.gauge.advance(end.next);
                end.published = end.next;
            }
        }
    }

    /// The first failure since the last call, and how many there were.
    pub(crate) fn take_failure(&self) -> Option<(Failure, u64)> {
        let mut ledger = self.ledger();
        let failed = std::mem::take(&mut ledger.failed);
        ledger.failure.take().map(|failure| (failure, failed))
    }

    /// librdkafka's reason when this producer is beyond repair.
    pub(crate) fn fatal(&self) -> Option<String> {
        self.ledger().fatal.clone()
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topic {
    fn acknowledge(&mut self, partition: i32, offset: i64, stage: &Stage) {
        let Ok(index) = usize::try_from(partition) else { return };
        if index >= self.ends.len() {
            self.ends.resize_with(index + 1, || None);
        }
        let Some(slot) = self.ends.get_mut(index) else { return };
        let end = slot.get_or_insert_with(|| End {
            next: 0,
            published: 0,
            gauge: stage.produced_partition(&self.name, partition),
        });
        end.next = end.next.max(offset + 1);
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.ledger().told += 1;
        self.reasons.on_log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ledger().told += 1;
        self.reasons.on_error(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.ledger().fatal = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, topic: usize) {
        let mut ledger = self.ledger();
        ledger.answered += 1;
        ledger.told += 1;
        match result {
            Ok(message) => {
                ledger.acknowledged += 1;
                if let Some(topic) = ledger.topics.get_mut(topic) {
                    topic.acknowledge(message.partition(), message.offset(), &self.stage);
                }
            }
            Err((error, message)) => {
                ledger.failed += 1;
                if ledger.failure.is_none() {
                    let topic = ledger.topics.get(topic).map_or_else(|| Arc::from(""), |t| Arc::clone(&t.name));
                    ledger.failure =
                        Some(Failure { topic, error: error.clone(), bytes: message.key_len() + message.payload_len() });
                }
            }
        }
    }
}
