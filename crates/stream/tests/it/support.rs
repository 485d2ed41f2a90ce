//! What several tests need: a cluster with topics of its own, and consumers that assign what they are given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use churn_runtime::config::HumanDuration;
use churn_runtime::progress::{Progress, Stage};
use churn_stream::{Cluster, Consumer, Event, KafkaConfig, Position, Record, TopicSpec};
use churn_testkit::{fresh_name, kafka};

/// Longest time for anything on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn real_config() -> KafkaConfig {
    let mut config = KafkaConfig {
        brokers: kafka().bootstrap,
        topic_prefix: fresh_name("stream-"),
        connect_timeout: HumanDuration::from_secs(20),
        ..KafkaConfig::default()
    };
    // Many batches out of few records.
    config.fetch.batch_records = 500;
    config
}

/// A real cluster with topic `name` (prefixed) of `partitions`, and the topic's full name.
pub(crate) async fn real(name: &str, partitions: i32) -> Result<(Cluster, Progress, String)> {
    connected(&real_config(), name, partitions).await
}

/// The same where and how `config` says.
pub(crate) async fn connected(
    config: &KafkaConfig,
    name: &str,
    partitions: i32,
) -> Result<(Cluster, Progress, String)> {
    let progress = Progress::new();
    let cluster = Cluster::connect(config, &progress).await?;
    let topic = format!("{}{name}", config.topic_prefix);
    add_topic(&cluster, &topic, partitions).await?;
    Ok((cluster, progress, topic))
}

pub(crate) async fn add_topic(cluster: &Cluster, name: &str, partitions: i32) -> Result<()> {
    let spec = TopicSpec { name: name.to_owned(), partitions, replication: 1, compacted: false, dead_letters: false };
    cluster.create_topics(std::slice::from_ref(&spec)).await?;
    let ready = || async { cluster.topic_partitions(name).await.map(|n| n == partitions) };
    churn_testkit::poll_until(PATIENCE, ready).await.context("new topic does not appear")
}

/// Waits for the assignment and begins each partition at `position`.
pub(crate) async fn assign(consumer: &mut Consumer, position: Position) -> Result<()> {
    let event = tokio::time::timeout(PATIENCE, consumer.next()).await.context("no assignment")?;
    let Event::Assigned(partitions) = event else { bail!("expected an assignment, got {event:?}") };
    let starts: Vec<_> = partitions.into_iter().map(|p| (p, position)).collect();
    consumer.assign(&starts).await?;
    Ok(())
}

/// Reads until `enough` says so, giving each record to `see`.
pub(crate) async fn read_until(
    consumer: &mut Consumer,
    mut see: impl FnMut(&Record<'_>),
    mut enough: impl FnMut() -> bool,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !enough() {
        let event =
            tokio::time::timeout_at(deadline.into(), consumer.next()).await.context("too few records in time")?;
        match event {
            Event::Records(batch) => {
                batch.iter().for_each(|record| see(&record));
                consumer.durable(&batch.next_offsets());
            }
            other => bail!("expected records, got {other:?}"),
        }
    }
    Ok(())
}

/// Values of all committed records of `topic`, with how often each was seen, read by a group of its own.
pub(crate) async fn read_all(cluster: &Cluster, stage: &Stage, topic: &str) -> Result<BTreeMap<String, usize>> {
    let mut consumer = cluster.consumer(stage, &fresh_name("read-all"), &[topic]).await?;
    assign(&mut consumer, Position::Beginning).await?;
    let mut seen = BTreeMap::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match tokio::time::timeout(Duration::from_millis(200), consumer.next()).await {
            Ok(Event::Records(batch)) => {
                for record in batch.iter() {
                    *seen.entry(text(record.value())).or_insert(0) += 1;
                }
            }
            Ok(other) => bail!("expected records, got {other:?}"),
            Err(_) if consumer.caught_up().await? => break,
            Err(_) if Instant::now() > deadline => bail!("never at the end of {topic}"),
            Err(_) => {}
        }
    }
    consumer.close().await;
    Ok(seen)
}

/// Bytes that no compression makes smaller: brokers weigh a batch as it arrives.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

pub(crate) fn text(bytes: Option<&[u8]>) -> String {
    bytes.map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
}
