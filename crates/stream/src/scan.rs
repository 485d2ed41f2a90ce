//! Reading a partition from its beginning to its end, once, outside of any group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use churn_runtime::exit::{Fate, Fated};
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;

use crate::batch::{Builder, Pool};
use crate::client::AskContext;
use crate::{Cluster, RecordBatch, StreamError};

/// How long a broker may say nothing before the scan gives up.
const SILENCE: Duration = Duration::from_secs(20);
/// Most records and bytes in one batch.
const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;

/// A partition on its way from beginning to end.
pub struct Scan {
    consumer: BaseConsumer<AskContext>,
    place: String,
    batch: Builder,
    ended: bool,
}

impl Cluster {
    /// Reads what is committed in a partition, from its beginning to the end that it has when the reader gets there.
    ///
    /// # Errors
    /// The partition does not exist, or no broker answers.
    pub async fn scan(&self, topic: &str, partition: i32) -> Result<Scan, StreamError> {
        let (low, _) = self.watermarks(topic, partition).await?;
        self.scan_from(topic, partition, low)
    }

    /// Reads what is committed in a partition from an offset on. One that is no longer or not yet there is an error of the
    /// first batch.
    ///
    /// # Errors
    /// The configuration is not usable.
    pub fn scan_from(&self, topic: &str, partition: i32, offset: i64) -> Result<Scan, StreamError> {
        let place = format!("read {topic}[{partition}]");
        let error = |error: KafkaError| StreamError::kafka(place.as_str(), &error);
        let consumer: BaseConsumer<AskContext> = self
            .config()
            .client(self.brokers())
            // librdkafka wants a group for any assignment; nothing is joined or committed.
            .set("group.id", self.group_name("churn-scan"))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            // The broker says that a partition has ended once this has passed without a record.
            .set("fetch.wait.max.ms", "20")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.queue.backoff.ms", "5")
            .set_log_level(RDKafkaLogLevel::Info)
            .create_with_context(AskContext::default())
            .map_err(error)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).map_err(error)?;
        consumer.assign(&list).map_err(error)?;
        let topics: Arc<[Arc<str>]> = Arc::from([Arc::from(topic)]);
        let batch = Builder::new(topics, Arc::new(Pool::default()));
        Ok(Scan { consumer, place, batch, ended: false })
    }
}

impl Scan {
    /// The next records; none at the end. Blocks: call it inside `block_in_place`.
    ///
    /// # Errors
    /// No broker answers for twenty seconds, or reading is not allowed.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, StreamError> {
        let mut heard = Instant::now();
        while !self.ended && self.batch.len() < BATCH_RECORDS && self.batch.bytes() < BATCH_BYTES {
            match self.consumer.poll(Duration::from_millis(50)) {
                Some(Ok(message)) => {
                    self.batch.push(&message);
                    heard = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.ended = true,
                Some(Err(error)) => {
                    let error = StreamError::kafka(self.place.as_str(), &error);
                    // The client connects again by itself.
                    if error.fate() != Fate::External {
                        return Err(error);
                    }
                }
                None if heard.elapsed() > SILENCE => return Err(StreamError::timed_out(self.place.as_str(), SILENCE)),
                None => {}
            }
        }
        Ok((!self.batch.is_empty()).then(|| self.batch.finish()))
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("place", &self.place).field("ended", &self.ended).finish_non_exhaustive()
    }
}
