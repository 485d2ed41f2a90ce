//! The last records of a partition.

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
use crate::cluster::blocking;
use crate::{Cluster, RecordBatch, StreamError};

/// How long reading the tail may take.
const TAIL_TIMEOUT: Duration = Duration::from_secs(20);
/// Transaction markers and aborted records take offsets too, so the first look goes this much further back.
const SLACK: i64 = 16;

impl Cluster {
    /// The last `count` committed records of a partition, oldest first; fewer when the partition holds fewer.
    ///
    /// # Errors
    /// The partition does not exist, no broker answers, or its end is not reached within 20 s.
    pub async fn tail(&self, topic: &str, partition: i32, count: usize) -> Result<RecordBatch, StreamError> {
        let (low, high) = self.watermarks(topic, partition).await?;
        let (cluster, topic) = (self.clone(), topic.to_owned());
        blocking("read a partition's tail", move || {
            Tail { cluster: &cluster, topic: &topic, partition, count }.read(low, high)
        })
        .await
    }
}

struct Tail<'a> {
    cluster: &'a Cluster,
    topic: &'a str,
    partition: i32,
    count: usize,
}

impl Tail<'_> {
    fn read(&self, low: i64, high: i64) -> Result<RecordBatch, StreamError> {
        let topics: Arc<[Arc<str>]> = Arc::from([Arc::from(self.topic)]);
        let mut found = Builder::new(topics, Arc::new(Pool::default()));
        if high <= low || self.count == 0 {
            return Ok(found.finish());
        }
        let consumer = self.consumer()?;
        let deadline = Instant::now() + TAIL_TIMEOUT;
        let mut span = i64::try_from(self.count).unwrap_or(i64::MAX).saturating_add(SLACK);
        loop {
            let start = high.saturating_sub(span).max(low);
            found.reset();
            self.read_from(&consumer, start, &mut found, deadline)?;
            if found.len() >= self.count || start == low {
                found.keep_last(self.count);
                return Ok(found.finish());
            }
            span = span.saturating_mul(8);
        }
    }

    fn read_from(
        &self,
        consumer: &BaseConsumer<AskContext>,
        start: i64,
        found: &mut Builder,
        deadline: Instant,
    ) -> Result<(), StreamError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.topic, self.partition, Offset::Offset(start)).map_err(|e| self.error(&e))?;
        consumer.assign(&list).map_err(|e| self.error(&e))?;
        while Instant::now() < deadline {
            match consumer.poll(Duration::from_millis(50)) {
                Some(Ok(message)) => {
                    found.push(&message);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                // The client connects again by itself; the deadline bounds how long it may take.
                Some(Err(error)) if self.error(&error).fate() == Fate::External => {}
                Some(Err(error)) => return Err(self.error(&error)),
                None => {}
            }
        }
        Err(StreamError::timed_out(self.action(), TAIL_TIMEOUT))
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
