use std::time::Duration;

use anyhow::{Context, Result};
use churn_testkit::{Kafka, fresh_name, kafka};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// Produces one record and returns when the broker has acknowledged it.
pub(crate) async fn produce(kafka: &Kafka, topic: &str, payload: &str) -> Result<()> {
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).create()?;
    let record = FutureRecord::<str, str>::to(topic).payload(payload).partition(0);
    let sent = producer.send(record, Duration::from_secs(20)).await;
    sent.map_err(|(error, _)| error).context("kafka did not acknowledge")?;
    Ok(())
}

/// The first record of the topic's first partition.
pub(crate) fn first_record(kafka: &Kafka, topic: &str) -> Result<String> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).set("group.id", fresh_name("group")).create()?;
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&start)?;
    let message = consumer.poll(Duration::from_secs(30)).context("no record came")??;
    let payload = message.payload().context("the record has no payload")?;
    Ok(String::from_utf8(payload.to_vec())?)
}

#[tokio::test]
async fn produced_record_is_consumed() -> Result<()> {
    let kafka = kafka();
    let topic = fresh_name("testkit");
    kafka.create_topics(&[(&topic, 2)]).await?;
    produce(&kafka, &topic, "hello").await?;
    assert_eq!(first_record(&kafka, &topic)?, "hello");
    Ok(())
}

#[tokio::test]
async fn creating_a_topic_twice_is_an_error_that_names_it() -> Result<()> {
    let kafka = kafka();
    let topic = fresh_name("testkit");
    kafka.create_topics(&[(&topic, 1)]).await?;
    let error = kafka.create_topics(&[(&topic, 1)]).await.expect_err("it exists");
    assert!(error.to_string().contains(&topic), "{error}");
    Ok(())
}

#[tokio::test]
async fn topics_are_not_made_by_using_them() -> Result<()> {
    let kafka = kafka();
    let topic = fresh_name("testkit-missing");
    let admin: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).create()?;
    let metadata = admin.fetch_metadata(Some(&topic), Duration::from_secs(10))?;
    let found = metadata.topics().first().context("no answer about the topic")?;
    assert!(found.error().is_some(), "the broker made {topic}");
    Ok(())
}
