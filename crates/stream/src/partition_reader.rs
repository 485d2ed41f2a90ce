//! Consumers that join no group: they read partitions from given offsets on, and commit nothing.

use std::sync::Arc;
use std::time::Duration;

use churn_runtime::exit::{Fate, Fated};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::batch::{Builder, Pool};
use crate::client::AskContext;
use crate::{Cluster, StreamError};

/// A consumer that joins no group.
pub(crate) type Onlooker = BaseConsumer<AskContext>;

/// How long one poll waits: as long as deadlines may be overdrawn.
const TURN: Duration = Duration::from_millis(50);

impl Cluster {
    /// Settings of a consumer that joins nothing. librdkafka wants the name of a group (full name) all the same.
    pub(crate) fn onlooker_settings(&self, group: &str) -> ClientConfig {
        let mut settings = self.config().client(self.brokers());
        settings
            .set_log_level(RDKafkaLogLevel::Info)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error");
        settings
    }
}

/// Reads one partition, and says where it ends.
pub(crate) struct PartitionReader {
    consumer: Onlooker,
    topic: String,
    partition: i32,
    action: String,
}

/// What a moment of reading has brought.
pub(crate) enum Polled<'a> {
    Record(BorrowedMessage<'a>),
    /// The partition has no more.
    End,
    Nothing,
}

impl PartitionReader {
    /// Reads nothing before [`PartitionReader::start`]. `name` is for the broker's operators, `action` for errors.
    pub(crate) fn new(
        cluster: &Cluster,
        name: &str,
        action: String,
        topic: &str,
        partition: i32,
    ) -> Result<Self, StreamError> {
        let consumer = cluster
            .onlooker_settings(&cluster.group_name(name))
            .set("enable.partition.eof", "true")
            // The broker says that a partition has ended once this has passed without a record.
            .set("fetch.wait.max.ms", "20")
            .set("queued.max.messages.kbytes", "8192")
            // The default of a second would stall a consumer that has filled its small queue.
            .set("fetch.queue.backoff.ms", "5")
            .create_with_context(AskContext::default())
            .map_err(|error| StreamError::kafka(action.as_str(), &error))?;
        Ok(Self { consumer, topic: topic.to_owned(), partition, action })
    }

    /// Goes on at `offset`, wherever it was before.
    pub(crate) fn start(&self, offset: i64) -> Result<(), StreamError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.partition, Offset::Offset(offset)).map_err(|e| self.error(&e))?;
        self.consumer.assign(&list).map_err(|e| self.error(&e))
    }

    /// Waits for a moment. What the client mends by itself is no error: deadlines are the caller's.
    pub(crate) fn poll(&self) -> Result<Polled<'_>, StreamError> {
        match self.consumer.poll(TURN) {
            Some(Ok(message)) => Ok(Polled::Record(message)),
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Polled::End),
            Some(Err(error)) if is_about_group(&error) => Ok(Polled::Nothing),
            Some(Err(error)) => {
                let error = self.error(&error);
                // The client connects again by itself.
                if error.fate() == Fate::External { Ok(Polled::Nothing) } else { Err(error) }
            }
            None => Ok(Polled::Nothing),
        }
    }

    /// For batches of this partition.
    pub(crate) fn builder(&self) -> Builder {
        builder(&self.topic)
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    fn error(&self, error: &KafkaError) -> StreamError {
        StreamError::kafka(self.action.as_str(), error)
    }
}

/// For batches of one topic.
pub(crate) fn builder(topic: &str) -> Builder {
    let topics: Arc<[Arc<str>]> = Arc::from([Arc::from(topic)]);
    Builder::new(topics, Arc::new(Pool::default()))
}

/// Rights on the group that the client wants a name of: nobody joins it, so they are not needed.
pub(crate) fn is_about_group(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}
