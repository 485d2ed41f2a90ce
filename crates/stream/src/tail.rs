//! The last records of a partition, and the last one of a key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use churn_runtime::exit::{Fate, Fated};
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::Offset;

use crate::batch::{Builder, Pool};
use crate::client::AskContext;
use crate::cluster::blocking;
use crate::{Cluster, RecordBatch, StreamError, TopicPartition, partition_for_key};

/// How long reading the tail may take.
const TAIL_TIMEOUT: Duration = Duration::from_secs(20);
/// Transaction markers and aborted records take offsets too, so the first look goes this much further back.
const SLACK: i64 = 16;
/// Offsets that the first look for a key covers: a live stream's last record is among them.
const FIRST_LOOK: i64 = 2_000;
/// How long the search for a key may take: a compacted partition of some hundred MiB is read in that time.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(120);

impl Cluster {
    /// The last `count` committed records of a partition, oldest first; fewer when the partition holds fewer.
    ///
    /// # Errors
    /// The partition does not exist, no broker answers, or its end is not reached within 20 s.
    pub async fn tail(&self, topic: &str, partition: i32, count: usize) -> Result<RecordBatch, StreamError> {
        let (low, high) = self.watermarks(topic, partition).await?;
        let (cluster, topic) = (self.clone(), topic.to_owned());
        blocking("read a partition's tail", move || {
            Tail::new(&cluster, &topic, partition, TAIL_TIMEOUT).last(count, low, high)
        })
        .await
    }

    /// The committed records among the last `offsets` offsets before `next`, oldest first.
    ///
    /// # Errors
    /// The partition does not exist, no broker answers, or `next` is not reached within 20 s.
    pub async fn before(
        &self,
        partition: &TopicPartition,
        next: i64,
        offsets: i64,
    ) -> Result<RecordBatch, StreamError> {
        let (cluster, partition) = (self.clone(), partition.clone());
        let (low, high) = self.watermarks(&partition.topic, partition.partition).await?;
        blocking("read before a position", move || {
            let tail = Tail::new(&cluster, &partition.topic, partition.partition, TAIL_TIMEOUT);
            tail.before(next.min(high), next.saturating_sub(offsets).max(low))
        })
        .await
    }

    /// The value of the last committed record with that key, however far back it lies; none when there is no such record or when
    /// the last one is a tombstone.
    ///
    /// # Errors
    /// The topic does not exist, no broker answers, or the search takes longer than two minutes.
    pub async fn latest(&self, topic: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StreamError> {
        let partition = partition_for_key(key, self.topic_partitions(topic).await?);
        let (low, high) = self.watermarks(topic, partition).await?;
        let (cluster, topic, key) = (self.clone(), topic.to_owned(), key.to_owned());
        blocking("look for a key", move || {
            Tail::new(&cluster, &topic, partition, SEARCH_TIMEOUT).last_of(&key, low, high)
        })
        .await
    }
}

struct Tail<'a> {
    cluster: &'a Cluster,
    topic: &'a str,
    partition: i32,
    started: Instant,
    patience: Duration,
}

impl<'a> Tail<'a> {
    fn new(cluster: &'a Cluster, topic: &'a str, partition: i32, patience: Duration) -> Self {
        Self { cluster, topic, partition, started: Instant::now(), patience }
    }

    fn last(&self, count: usize, low: i64, high: i64) -> Result<RecordBatch, StreamError> {
        let mut found = self.builder();
        if high <= low || count == 0 {
            return Ok(found.finish());
        }
        let consumer = self.consumer()?;
        let mut span = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(SLACK);
        loop {
            let start = high.saturating_sub(span).max(low);
            found.reset();
            self.read_from(&consumer, start, i64::MAX, |message| {
                found.push(message);
            })?;
            if found.len() >= count || start == low {
                found.keep_last(count);
                return Ok(found.finish());
            }
            span = span.saturating_mul(8);
        }
    }

    fn before(&self, end: i64, start: i64) -> Result<RecordBatch, StreamError> {
        let mut found = self.builder();
        if start < end {
            self.read_from(&self.consumer()?, start, end, |message| {
                found.push(message);
            })?;
        }
        Ok(found.finish())
    }

    fn builder(&self) -> Builder {
        let topics: Arc<[Arc<str>]> = Arc::from([Arc::from(self.topic)]);
        Builder::new(topics, Arc::new(Pool::default()))
    }

    fn last_of(&self, key: &[u8], low: i64, high: i64) -> Result<Option<Vec<u8>>, StreamError> {
        if high <= low {
            return Ok(None);
        }
        let consumer = self.consumer()?;
        let mut span = FIRST_LOOK;
        loop {
            let start = high.saturating_sub(span).max(low);
            let mut found = None;
            self.read_from(&consumer, start, i64::MAX, |message| {
                if message.key() == Some(key) {
                    found = Some(message.payload().map(<[u8]>::to_vec));
                }
            })?;
            if found.is_some() || start == low {
                return Ok(found.flatten());
            }
            span = span.saturating_mul(8);
        }
    }

    /// Shows the records from `start` on up to `end`, or to where the partition ends.
    fn read_from(
        &self,
        consumer: &BaseConsumer<AskContext>,
        start: i64,
        end: i64,
        mut see: impl FnMut(&BorrowedMessage<'_>),
    ) -> Result<(), StreamError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.topic, self.partition, Offset::Offset(start)).map_err(|e| self.error(&e))?;
        consumer.assign(&list).map_err(|e| self.error(&e))?;
        while self.started.elapsed() < self.patience {
            match consumer.poll(Duration::from_millis(50)) {
                Some(Ok(message)) if message.offset() < end => see(&message),
                Some(Ok(_)) => return Ok(()),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                // Rights on the group that the client wants a name of: nobody joins it.
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
                // The client connects again by itself; the deadline bounds how long it may take.
                Some(Err(error)) if self.error(&error).fate() == Fate::External => {}
                Some(Err(error)) => return Err(self.error(&error)),
                None => {}
            }
        }
        Err(StreamError::timed_out(self.action(), self.started.elapsed()))
    }

    fn consumer(&self) -> Result<BaseConsumer<AskContext>, StreamError> {
        self.cluster
            .config()
            .client(self.cluster.brokers())
            // librdkafka wants a group for any assignment; nothing is joined or committed.
            .set("group.id", self.cluster.group_name("churn-tail"))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "20")
            .set_log_level(RDKafkaLogLevel::Info)
            .create_with_context(AskContext::default())
            .map_err(|e| self.error(&e))
    }

    fn action(&self) -> String {
        format!("read the tail of {}[{}]", self.topic, self.partition)
    }

    fn error(&self, error: &KafkaError) -> StreamError {
        StreamError::kafka(self.action(), error)
    }
}
