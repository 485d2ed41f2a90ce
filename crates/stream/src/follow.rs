//! Hearing what is written to a topic from now on, outside of any group: every process hears everything.

use std::time::Duration;

use churn_runtime::exit::{Fate, Fated};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc;

use crate::batch::Builder;
use crate::client::AskContext;
use crate::partition_reader::{Onlooker, builder, is_about_group};
use crate::{Cluster, RecordBatch, StreamError};

/// Records that wait for their hearer; more wait in the broker.
const WAITING: usize = 16;
/// Time between two looks at whether anybody listens still.
const LOOK: Duration = Duration::from_millis(200);
/// The longest that a broker holds an empty answer back: a topic of a few records a day is not worth more questions.
const FETCH_WAIT_MS: &str = "500";

/// A topic that is being followed. Dropping it ends the following within a moment.
#[derive(Debug)]
pub struct Follow {
    records: mpsc::Receiver<Result<RecordBatch, StreamError>>,
    place: String,
}

impl Cluster {
    /// Follows all partitions of a topic from where they end when this returns. Meant for topics of a few records: each comes in
    /// a batch of its own.
    ///
    /// # Errors
    /// The topic does not exist, or no broker answers.
    pub async fn follow(&self, topic: &str) -> Result<Follow, StreamError> {
        let place = format!("follow {topic}");
        let error = |error: KafkaError| StreamError::kafka(place.as_str(), &error);
        let mut list = TopicPartitionList::new();
        for partition in 0..self.topic_partitions(topic).await? {
            let (_, end) = self.watermarks(topic, partition).await?;
            list.add_partition_offset(topic, partition, Offset::Offset(end)).map_err(error)?;
        }
        let consumer: Onlooker = self
            .onlooker_settings(&self.group_name("churn-follow"))
            .set("fetch.wait.max.ms", FETCH_WAIT_MS)
            .set("queued.max.messages.kbytes", "1024")
            .create_with_context(AskContext::default())
            .map_err(error)?;
        consumer.assign(&list).map_err(error)?;
        let (heard, records) = mpsc::channel(WAITING);
        let (builder, thread_place) = (builder(topic), place.clone());
        // Holds on to the cluster, so that an embedded broker outlives those who listen.
        let cluster = self.clone();
        std::thread::Builder::new()
            .name("kafka-follow".into())
            .spawn(move || {
                hear(&consumer, builder, &thread_place, &heard);
                drop(cluster);
            })
            .map_err(|error| StreamError::Kafka {
                action: place.clone(),
                reason: format!("no thread can be started: {error}"),
                retriable: true,
            })?;
        Ok(Follow { records, place })
    }
}

impl Follow {
    /// The next record, whenever it comes. Cancel-safe. After an error the following is over: begin anew.
    ///
    /// # Errors
    /// The position is gone, reading is not allowed any more, or the topic is.
    pub async fn next(&mut self) -> Result<RecordBatch, StreamError> {
        self.records.recv().await.unwrap_or_else(|| Err(StreamError::closed(self.place.as_str())))
    }
}

fn hear(
    consumer: &Onlooker,
    mut builder: Builder,
    place: &str,
    heard: &mpsc::Sender<Result<RecordBatch, StreamError>>,
) {
    while !heard.is_closed() {
        let record = match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                builder.push(&message);
                Ok(builder.finish())
            }
            Some(Err(error)) if is_about_group(&error) => continue,
            Some(Err(error)) => {
                let gone = is_gone(&error);
                let error = StreamError::kafka(place, &error);
                // The client connects again by itself.
                if error.fate() == Fate::External && !gone {
                    tracing::debug!(place, %error, "nothing is heard for the moment");
                    continue;
                }
                Err(error)
            }
            None => continue,
        };
        let over = record.is_err();
        if heard.blocking_send(record).is_err() || over {
            return;
        }
    }
}

/// Whether the topic was made anew, or trimmed, under the reader.
fn is_gone(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as C;
    matches!(error.rdkafka_error_code(), Some(C::AutoOffsetReset | C::OffsetOutOfRange | C::UnknownTopicOrPartition))
}
