//! Reading whole topics, and writing nonsense into them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::history::{LetterFact, Place};

/// A broker that answers nothing for so long has failed the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// A committed record.
#[derive(Debug, Clone)]
pub(crate) struct Committed {
    pub(crate) place: Place,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// Every record of a topic that is committed by now, partition by partition in order.
///
/// # Errors
/// The broker does not answer. Blocks meanwhile.
pub(crate) fn read_all(bootstrap: &str, topic: &str) -> Result<Vec<Committed>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "churn-chaos-oracle")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .context("make a consumer")?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).with_context(|| format!("look at {topic}"))?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    let mut list = TopicPartitionList::new();
    // Where each partition ends: who reads what is still written to may never find a moment without more.
    let mut unread = BTreeMap::new();
    for partition in 0..i32::try_from(partitions)? {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
        let (begin, end) = consumer
            .fetch_watermarks(topic, partition, PATIENCE)
            .with_context(|| format!("look at the ends of {topic}"))?;
        if begin < end {
            unread.insert(partition, end);
        }
    }
    consumer.assign(&list)?;
    let mut records = Vec::new();
    while !unread.is_empty() {
        match consumer.poll(PATIENCE) {
            None => bail!("{topic} does not answer"),
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(unread.remove(&partition)),
            Some(Err(error)) => return Err(error).with_context(|| format!("read {topic}")),
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                let Some(&end) = unread.get(&partition) else { continue };
                if offset + 1 >= end {
                    unread.remove(&partition);
                }
                if offset < end {
                    records.push(committed(&message));
                }
            }
        }
    }
    records.sort_by_key(|record| record.place);
    Ok(records)
}

fn committed(message: &BorrowedMessage<'_>) -> Committed {
    Committed {
        place: Place { partition: message.partition(), offset: message.offset() },
        value: message.payload().unwrap_or_default().to_vec(),
        headers: message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
        }),
    }
}

/// Writes records that are no records, and says where they went.
///
/// # Errors
/// The broker did not take one in time.
pub(crate) async fn poison(bootstrap: &str, topic: &str, count: usize, salt: usize) -> Result<Vec<LetterFact>> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        // Each exactly once, also while the broker restarts.
        .set("enable.idempotence", "true")
        .create()
        .context("make a producer")?;
    let mut sent = Vec::with_capacity(count);
    for number in 0..count {
        let value = nonsense(salt + number);
        let key = format!("nonsense-{salt}-{number}");
        sent.push((
            value.clone(),
            async {
                let record = FutureRecord::to(topic).key(&key).payload(&value);
                producer.send(record, PATIENCE).await.map_err(|(error, _)| error)
            }
            .await
            .with_context(|| format!("poison {topic}"))?,
        ));
    }
    let letter = |(value, delivery): (Vec<u8>, rdkafka::producer::future_producer::Delivery)| LetterFact {
        topic: topic.to_owned(),
        place: Place { partition: delivery.partition, offset: delivery.offset },
        value,
    };
    Ok(sent.into_iter().map(letter).collect())
}

/// Bytes of several kinds that no reader takes for a record.
fn nonsense(number: usize) -> Vec<u8> {
    match number % 4 {
        0 => Vec::new(),
        1 => format!("no record at all, number {number}").into_bytes(),
        2 => [&[0][..], &i32::MAX.to_be_bytes(), b"a schema that nobody has"].concat(),
        _ => vec![0; 1 + number % 300],
    }
}
