//! Exactly once on a real Kafka.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, bail};
use churn_runtime::config::HumanDuration;
use churn_stream::{Cluster, Consumer, Event, Outgoing, Position, StreamError, TopicPartition, TransactionalProducer};
use churn_testkit::{OwnKafka, fresh_name, poll_until};

use crate::support::{PATIENCE, add_topic, assign, connected, read_all, real, real_config, text};

const COUNT: usize = 20_000;

/// Copies records, one transaction a batch, and spoils every third transaction.
struct Copier {
    consumer: Consumer,
    producer: TransactionalProducer,
    target: String,
    committed: HashMap<TopicPartition, i64>,
    copied: usize,
    aborted: usize,
    batches: usize,
}

impl Copier {
    async fn run(&mut self) -> Result<()> {
        while self.copied < COUNT {
            match tokio::time::timeout(PATIENCE, self.consumer.next()).await? {
                Event::Records(batch) => {
                    self.batches += 1;
                    let spoil = self.batches.is_multiple_of(3);
                    let offsets = batch.next_offsets();
                    tokio::task::block_in_place(|| -> Result<()> {
                        self.producer.begin()?;
                        for r in batch.iter() {
                            let out =
                                Outgoing::new(&self.target, r.key().unwrap_or_default(), r.value().unwrap_or_default());
                            self.producer.send(out.at(r.timestamp_ms()))?;
                        }
                        if spoil {
                            self.producer.flush(PATIENCE)?;
                            return Ok(self.producer.abort()?);
                        }
                        Ok(self.producer.commit(&offsets, &self.consumer)?)
                    })?;
                    if spoil {
                        self.aborted += batch.len();
                        self.rewind().await?;
                    } else {
                        self.copied += batch.len();
                        self.committed.extend(offsets);
                    }
                }
                other => bail!("expected records, got {other:?}"),
            }
        }
        Ok(())
    }

    /// Back to the last commit, partly from Kafka and partly from memory: both must say the same.
    async fn rewind(&mut self) -> Result<()> {
        let starts: Vec<_> = self
            .consumer
            .assigned()
            .iter()
            .map(|p| match self.committed.get(p) {
                Some(next) if p.partition % 2 == 0 => (p.clone(), Position::Offset(*next)),
                _ => (p.clone(), Position::Stored),
            })
            .collect();
        Ok(self.consumer.assign(&starts).await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transactional_copy_with_aborts_gives_each_record_once() -> Result<()> {
    let (cluster, progress, source) = real("source", 3).await?;
    let target = source.replace("source", "target");
    add_topic(&cluster, &target, 3).await?;
    let mut writer = cluster.producer(&progress.stage("writer"))?;
    tokio::task::block_in_place(|| -> Result<()> {
        for i in 0..COUNT {
            writer.send(Outgoing::new(&source, format!("k{i}").as_bytes(), format!("{i}").as_bytes()))?;
        }
        Ok(writer.flush(PATIENCE)?)
    })?;
    let stage = progress.stage("copier");
    let mut consumer = cluster.consumer(&stage, "copier", &[&source]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let producer = cluster.transactional_producer(&stage, "copier-0").await?;
    let mut copier = Copier {
        consumer,
        producer,
        target: target.clone(),
        committed: HashMap::new(),
        copied: 0,
        aborted: 0,
        batches: 0,
    };
    copier.run().await?;
    assert!(copier.aborted > 0, "no transaction was aborted");
    poll_until(PATIENCE, || async { progress.drained(&[&source]) }).await?;
    copier.consumer.close().await;

    let seen = read_all(&cluster, &progress.stage("check"), &target).await?;
    assert_eq!(seen.len(), COUNT);
    assert!(seen.values().all(|&times| times == 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transaction_markers_are_no_lag() -> Result<()> {
    let (cluster, progress, topic) = real("markers", 1).await?;
    let (writer, reader) = (progress.stage("writer"), progress.stage("reader"));
    let mut consumer = cluster.consumer(&reader, "reader", &[&topic]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let mut producer = cluster.transactional_producer(&writer, "markers").await?;
    tokio::task::block_in_place(|| -> Result<()> {
        producer.begin()?;
        producer.send(Outgoing::new(&topic, b"k", b"v"))?;
        Ok(producer.commit(&[], &consumer)?)
    })?;
    let Event::Records(batch) = tokio::time::timeout(PATIENCE, consumer.next()).await? else {
        bail!("expected the record")
    };
    assert_eq!(batch.iter().map(|r| text(r.value())).collect::<Vec<_>>(), ["v"]);
    consumer.durable(&batch.next_offsets());
    // The marker takes offset 1, so the partition ends at 2.
    poll_until(PATIENCE, || async { progress.produced_end(&topic, 0) == Some(2) }).await?;
    poll_until(PATIENCE, || async {
        progress.outstanding(&topic, 0) == 0 && consumer.caught_up().await.unwrap_or(false)
    })
    .await?;
    assert_eq!(reader.position(&topic, 0), Some(2));
    consumer.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_producer_with_the_same_id_fences_the_first() -> Result<()> {
    let (cluster, progress, topic) = real("fence", 1).await?;
    let stage = progress.stage("writer");
    let idle = cluster.consumer(&stage, &fresh_name("idle"), &[&topic]).await?;
    let mut first = cluster.transactional_producer(&stage, "same").await?;
    tokio::task::block_in_place(|| -> Result<()> {
        first.begin()?;
        first.send(Outgoing::new(&topic, b"k", b"of the first"))?;
        Ok(first.flush(PATIENCE)?)
    })?;
    let mut second = cluster.transactional_producer(&stage, "same").await?;
    tokio::task::block_in_place(|| -> Result<()> {
        second.begin()?;
        second.send(Outgoing::new(&topic, b"k", b"of the second"))?;
        Ok(second.commit(&[], &idle)?)
    })?;
    let refused = tokio::task::block_in_place(|| first.commit(&[], &idle));
    assert!(matches!(refused, Err(StreamError::Fenced { .. })), "{refused:?}");
    let seen = read_all(&cluster, &progress.stage("check"), &topic).await?;
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["of the second"]);
    idle.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_timed_out_is_resumed_and_commits_once() -> Result<()> {
    let broker = OwnKafka::start().await?;
    let mut config = real_config();
    config.brokers = broker.kafka().bootstrap.clone();
    // The coordinator must not end the transaction while it is paused.
    config.transaction_timeout = HumanDuration::from_secs(120);
    config.session_timeout = HumanDuration::from_secs(60);
    let (cluster, progress, topic) = connected(&config, "resumed", 1).await?;
    let stage = progress.stage("copier");
    let mut consumer = cluster.consumer(&stage, "copier", &[&topic]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let mut producer = cluster.transactional_producer(&stage, "resumed").await?;
    let offsets = [(TopicPartition::new(&topic, 0), 1)];
    tokio::task::block_in_place(|| -> Result<()> {
        producer.begin()?;
        producer.send(Outgoing::new(&topic, b"k", b"once"))?;
        Ok(producer.prepare(&offsets, &consumer)?)
    })?;
    broker.pause()?;
    let unknown = tokio::task::block_in_place(|| producer.commit(&offsets, &consumer));
    broker.resume()?;
    let Err(error) = unknown else { bail!("a paused broker has answered") };
    assert!(producer.is_committing() && matches!(error, StreamError::Kafka { retriable: true, .. }), "{error}");
    poll_until(PATIENCE, || {
        let done = tokio::task::block_in_place(|| producer.commit(&offsets, &consumer));
        async { done.map(|()| true) }
    })
    .await?;
    assert!(!producer.is_open());
    tokio::task::block_in_place(|| -> Result<()> {
        producer.begin()?;
        producer.send(Outgoing::new(&topic, b"k", b"the next"))?;
        Ok(producer.commit(&[], &consumer)?)
    })?;
    consumer.close().await;
    let seen = read_all(&cluster, &progress.stage("check"), &topic).await?;
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [("once".to_owned(), 1), ("the next".to_owned(), 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_whose_transaction_timed_out_goes_on_with_a_new_client() -> Result<()> {
    let (_, progress, topic) = real("expired", 1).await?;
    let mut config = real_config();
    config.topic_prefix = topic.trim_end_matches("expired").to_owned();
    config.transaction_timeout = HumanDuration::from_secs(1);
    let cluster = Cluster::connect(&config, &progress).await?;
    let stage = progress.stage("writer");
    let idle = cluster.consumer(&stage, &fresh_name("idle"), &[&topic]).await?;
    let mut producer = cluster.transactional_producer(&stage, "expired").await?;
    tokio::task::block_in_place(|| -> Result<()> {
        producer.begin()?;
        producer.send(Outgoing::new(&topic, b"k", b"too late"))?;
        Ok(producer.flush(PATIENCE)?)
    })?;
    // The coordinator looks for such transactions every ten seconds; its marker then moves the end.
    poll_until(PATIENCE, || async { cluster.watermarks(&topic, 0).await.map(|(_, end)| end >= 2) }).await?;
    let refused = tokio::task::block_in_place(|| producer.commit(&[], &idle));
    assert!(matches!(refused, Err(StreamError::Expired { .. })), "{refused:?}");
    tokio::task::block_in_place(|| -> Result<()> {
        producer.renew()?;
        producer.begin()?;
        producer.send(Outgoing::new(&topic, b"k", b"in time"))?;
        Ok(producer.commit(&[], &idle)?)
    })?;
    let seen = read_all(&cluster, &progress.stage("check"), &topic).await?;
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["in time"]);
    idle.close().await;
    Ok(())
}

/// Streams share the partition that their positions are in: one whose writer stands still in its transaction hides what others commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_record_of_a_key_is_found_behind_an_open_transaction_of_another() -> Result<()> {
    let (cluster, progress, topic) = real("latest", 1).await?;
    let stage = progress.stage("writer");
    let mut other = cluster.transactional_producer(&stage, "other").await?;
    let mut mine = cluster.transactional_producer(&stage, "mine").await?;
    tokio::task::block_in_place(|| -> Result<()> {
        for value in [b"first", b"older"] {
            mine.begin()?;
            mine.send(Outgoing::new(&topic, b"mine", value))?;
            mine.commit_records()?;
        }
        other.begin()?;
        other.send(Outgoing::new(&topic, b"other", b"open"))?;
        other.flush(PATIENCE)?;
        mine.begin()?;
        mine.send(Outgoing::new(&topic, b"mine", b"newer"))?;
        Ok(mine.commit_records()?)
    })?;
    let mut asked = tokio::spawn({
        let (cluster, topic) = (cluster.clone(), topic.clone());
        async move { cluster.latest(&topic, b"mine").await }
    });
    let early = tokio::time::timeout(Duration::from_millis(500), &mut asked).await;
    assert!(early.is_err(), "answered before it can know: {early:?}");
    tokio::task::block_in_place(|| other.abort())?;
    assert_eq!(asked.await??.as_deref(), Some(&b"newer"[..]));
    Ok(())
}
