//! The last records of a partition, and the last one of a key.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::message::{BorrowedMessage, Message as _};

use crate::client::AskContext;
use crate::cluster::{ASK_TIMEOUT, blocking};
use crate::partition_reader::{Onlooker, PartitionReader, Polled};
use crate::{Cluster, RecordBatch, StreamError, TopicPartition, partition_for_key};

/// How long reading the tail may take.
const TAIL_TIMEOUT: Duration = Duration::from_secs(20);
/// Transaction markers and aborted records take offsets too, so the first look goes this much further back.
const SLACK: i64 = 16;
/// Offsets that the first look for a key covers: a live stream's last record is among them.
const FIRST_LOOK: i64 = 2_000;
/// Between two looks at a transaction that is still open.
const PAUSE: Duration = Duration::from_millis(20);
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
            Tail::new(&cluster, &topic, partition, TAIL_TIMEOUT)?.last(count, low, high)
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
            let tail = Tail::new(&cluster, &partition.topic, partition.partition, TAIL_TIMEOUT)?;
            tail.before(next.min(high), next.saturating_sub(offsets).max(low))
        })
        .await
    }

    /// The value of the last committed record with that key, however far back it lies; none when there is no such record or when
    /// the last one is a tombstone. Records are committed that readers cannot see yet: those behind a transaction of somebody else
    /// that is still open. So it waits until all is decided that had been written when it was called.
    ///
    /// # Errors
    /// The topic does not exist, no broker answers, or the search takes longer than two minutes.
    pub async fn latest(&self, topic: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StreamError> {
        let partition = partition_for_key(key, self.topic_partitions(topic).await?);
        let (low, high) = self.decided(topic, partition).await?;
        let (cluster, topic, key) = (self.clone(), topic.to_owned(), key.to_owned());
        blocking("look for a key", move || {
            Tail::new(&cluster, &topic, partition, SEARCH_TIMEOUT)?.last_of(&key, low, high)
        })
        .await
    }

    /// The ends of a partition once no transaction is open any more that had written into it by now.
    async fn decided(&self, topic: &str, partition: i32) -> Result<(i64, i64), StreamError> {
        let (started, written) = (Instant::now(), self.written_end(topic, partition).await?);
        loop {
            let (low, high) = self.watermarks(topic, partition).await?;
            if high >= written {
                return Ok((low, high));
            }
            if started.elapsed() >= SEARCH_TIMEOUT {
                let action = format!("wait for the transaction that is open in {topic}[{partition}]");
                return Err(StreamError::timed_out(action, started.elapsed()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The end of all that is written, transactions that are open included.
    async fn written_end(&self, topic: &str, partition: i32) -> Result<i64, StreamError> {
        let mut settings = self.onlooker_settings(&self.group_name("churn-ends"));
        settings.set("isolation.level", "read_uncommitted");
        let topic = topic.to_owned();
        blocking("read where a partition ends", move || {
            let failed = |error| StreamError::kafka(format!("read the end of {topic}[{partition}]"), &error);
            let asker: Onlooker = settings.create_with_context(AskContext::default()).map_err(failed)?;
            Ok(asker.fetch_watermarks(&topic, partition, ASK_TIMEOUT).map_err(failed)?.1)
        })
        .await
    }
}

/// A partition's end, read backwards in growing steps, in bounded time.
struct Tail {
    reader: PartitionReader,
    started: Instant,
    patience: Duration,
}

impl Tail {
    fn new(cluster: &Cluster, topic: &str, partition: i32, patience: Duration) -> Result<Self, StreamError> {
        let action = format!("read the tail of {topic}[{partition}]");
        let reader = PartitionReader::new(cluster, "churn-tail", action, topic, partition)?;
        Ok(Self { reader, started: Instant::now(), patience })
    }

    fn last(&self, count: usize, low: i64, high: i64) -> Result<RecordBatch, StreamError> {
        let mut found = self.reader.builder();
        if high <= low || count == 0 {
            return Ok(found.finish());
        }
        let mut span = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(SLACK);
        loop {
            let start = high.saturating_sub(span).max(low);
            found.reset();
            self.read_from(start, i64::MAX, |message| {
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
        let mut found = self.reader.builder();
        if start < end {
            self.read_from(start, end, |message| {
                found.push(message);
            })?;
        }
        Ok(found.finish())
    }

    fn last_of(&self, key: &[u8], low: i64, high: i64) -> Result<Option<Vec<u8>>, StreamError> {
        if high <= low {
            return Ok(None);
        }
        let mut span = FIRST_LOOK;
        loop {
            let start = high.saturating_sub(span).max(low);
            let mut found = None;
            self.read_from(start, i64::MAX, |message| {
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
    fn read_from(&self, start: i64, end: i64, mut see: impl FnMut(&BorrowedMessage<'_>)) -> Result<(), StreamError> {
        self.reader.start(start)?;
        while self.started.elapsed() < self.patience {
            match self.reader.poll()? {
                Polled::Record(message) if message.offset() < end => see(&message),
                Polled::Record(_) | Polled::End => return Ok(()),
                Polled::Nothing => {}
            }
        }
        Err(StreamError::timed_out(self.reader.action(), self.started.elapsed()))
    }
}
