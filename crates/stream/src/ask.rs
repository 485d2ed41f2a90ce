//! The client that only asks questions (metadata, the ends of partitions), and its successors.
//!
//! librdkafka drops every broker it knows when a broker that is just waking up names none, and then asks nobody any more. So a
//! client that has not been answered for a while gives way to a new one, which begins with `bootstrap.servers` again. That costs
//! nothing: questions leave no state behind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset, TopicPartitionList};

use crate::StreamError;
use crate::client::AskContext;

/// A client that only asks questions.
pub(crate) type AskClient = BaseConsumer<AskContext>;

/// How long questions may go unanswered before another client asks them.
const UNANSWERED: Duration = Duration::from_secs(5);

pub(crate) struct Asker {
    /// What successors are made of; none where the client is the embedded broker.
    settings: Option<ClientConfig>,
    current: Mutex<Current>,
}

struct Current {
    client: Arc<AskClient>,
    /// Since when no question was answered.
    unanswered: Option<Instant>,
}

impl Asker {
    pub(crate) fn new(settings: &ClientConfig) -> Result<Self, StreamError> {
        Ok(Self { settings: Some(settings.clone()), current: Mutex::new(Current::new(settings)?) })
    }

    /// With the mock cluster in it.
    pub(crate) fn embedded() -> Result<Self, StreamError> {
        let current = Current::new(ClientConfig::new().set("test.mock.num.brokers", "1"))?;
        Ok(Self { settings: None, current: Mutex::new(current) })
    }

    pub(crate) fn client(&self) -> Arc<AskClient> {
        Arc::clone(&self.current().client)
    }

    /// Asks something that blocks.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&AskClient) -> KafkaResult<T>) -> KafkaResult<T> {
        let (client, began) = (self.client(), Instant::now());
        let answer = question(&client);
        self.note(&client, began, answer.as_ref().err());
        answer
    }

    /// The cluster's metadata, of `topic` or of all topics. Where nobody answers for half of `patience`, a client that was cut off
    /// has made way by then, and its successor asks once more.
    pub(crate) fn metadata(&self, topic: Option<&str>, patience: Duration) -> KafkaResult<Metadata> {
        let half = patience / 2;
        match self.named(topic, half) {
            Err(error) if error.rdkafka_error_code().is_some_and(is_silence) => self.named(topic, half),
            answered => answered,
        }
    }

    /// An answer that names no broker is none.
    fn named(&self, topic: Option<&str>, patience: Duration) -> KafkaResult<Metadata> {
        self.ask(|client| {
            let metadata = client.fetch_metadata(topic, patience)?;
            if metadata.brokers().is_empty() {
                return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerNotAvailable));
            }
            Ok(metadata)
        })
    }

    /// Number of partitions of `topic`; none where it does not exist.
    pub(crate) fn partition_count(&self, topic: &str, patience: Duration) -> KafkaResult<Option<i32>> {
        let metadata = self.metadata(Some(topic), patience)?;
        let found = metadata.topics().iter().find(|t| t.name() == topic);
        let Some(found) = found else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(i32::try_from(found.partitions().len()).ok()),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
            Some(code) => Err(KafkaError::MetadataFetch(code)),
        }
    }

    /// First offset and end of a partition.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32, patience: Duration) -> KafkaResult<(i64, i64)> {
        self.ask(|client| client.fetch_watermarks(topic, partition, patience))
    }

    /// The first offset of a partition whose record is not older than this; none where all are.
    pub(crate) fn offset_since(
        &self,
        topic: &str,
        partition: i32,
        time_ms: i64,
        patience: Duration,
    ) -> KafkaResult<Option<i64>> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset(topic, partition, Offset::Offset(time_ms))?;
        let found = self.ask(|client| client.offsets_for_times(asked, patience))?;
        match found.find_partition(topic, partition) {
            Some(place) => {
                place.error()?;
                Ok(place.offset().to_raw().filter(|offset| *offset >= 0))
            }
            None => Ok(None),
        }
    }

    /// Serves the client's log queue and returns the last reason it gave.
    pub(crate) fn last_reason(&self) -> Option<String> {
        let client = self.client();
        while client.poll(Duration::ZERO).is_some() {}
        client.context().reasons.take()
    }

    fn note(&self, client: &Arc<AskClient>, began: Instant, error: Option<&KafkaError>) {
        let mut current = self.current();
        if !Arc::ptr_eq(&current.client, client) {
            return;
        }
        let code = error.and_then(KafkaError::rdkafka_error_code);
        if !code.is_some_and(is_silence) {
            current.unanswered = None;
            return;
        }
        let since = *current.unanswered.get_or_insert(began);
        // After an answer without brokers the client has forgotten those that it knew.
        if code == Some(RDKafkaErrorCode::BrokerNotAvailable) || since.elapsed() >= UNANSWERED {
            self.renew(&mut current);
        }
    }

    fn renew(&self, current: &mut Current) {
        let Some(settings) = &self.settings else { return };
        match Current::new(settings) {
            Ok(fresh) => {
                let old = std::mem::replace(current, fresh);
                // Closing waits for requests that may never be answered.
                std::thread::spawn(move || drop(old));
                tracing::debug!("no broker has answered: questions go on with a new client");
            }
            Err(error) => tracing::warn!(%error, "no broker answers, and no new client can be made"),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn new(settings: &ClientConfig) -> Result<Self, StreamError> {
        let client = settings
            .clone()
            .set_log_level(RDKafkaLogLevel::Info)
            .create_with_context(AskContext::default())
            .map_err(|error| StreamError::kafka("create a Kafka client", &error))?;
        Ok(Self { client: Arc::new(client), unanswered: None })
    }
}

/// Whether nobody has answered, or somebody who knew of nobody.
pub(crate) fn is_silence(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as C;
    matches!(
        code,
        C::BrokerTransportFailure | C::AllBrokersDown | C::OperationTimedOut | C::Resolve | C::BrokerNotAvailable
    )
}
