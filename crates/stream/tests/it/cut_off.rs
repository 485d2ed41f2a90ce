//! Clients that are told that there is no broker at all, and would ask nobody any more.

use anyhow::{Result, bail};
use churn_runtime::config::HumanDuration;
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, Consumer, Event, Outgoing, Position, Record, StreamError, TransactionalProducer};
use churn_testkit::{fresh_name, poll_until};

use crate::proxy::Proxy;
use crate::support::{PATIENCE, assign, read_all, read_until, real, text};

/// A cluster behind a proxy, and the same one seen directly.
struct Behind {
    proxy: Proxy,
    cluster: Cluster,
    direct: Cluster,
    progress: Progress,
    topic: String,
}

impl Behind {
    async fn new(name: &str) -> Result<Self> {
        let (direct, progress, topic) = real(name, 1).await?;
        let proxy = Proxy::start(direct.brokers(), &topic)?;
        let mut config = direct.config().clone();
        config.brokers = proxy.address();
        config.session_timeout = HumanDuration::from_secs(6);
        config.transaction_timeout = HumanDuration::from_secs(5);
        config.cut_off_after = HumanDuration::from_secs(2);
        let cluster = Cluster::connect(&config, &progress).await?;
        Ok(Self { proxy, cluster, direct, progress, topic })
    }

    fn write(&self, value: &str) -> Result<()> {
        let mut producer = self.direct.producer(&self.progress.stage("writer"))?;
        tokio::task::block_in_place(|| {
            producer.send(Outgoing::new(&self.topic, b"k", value.as_bytes()))?;
            producer.flush(PATIENCE)
        })?;
        Ok(())
    }

    async fn read(&self, consumer: &mut Consumer, value: &str) -> Result<()> {
        let seen = std::cell::Cell::new(false);
        let see = |record: &Record<'_>| seen.set(text(record.value()) == value);
        read_until(consumer, see, || seen.get()).await
    }
}

fn write(producer: &mut TransactionalProducer, topic: &str, value: &str) -> Result<(), StreamError> {
    tokio::task::block_in_place(|| {
        producer.begin()?;
        producer.send(Outgoing::new(topic, b"k", value.as_bytes()))?;
        producer.commit_records()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_was_told_of_no_broker_joins_its_group_again() -> Result<()> {
    let behind = Behind::new("cut-reader").await?;
    let stage = behind.progress.stage("reader");
    let mut consumer = behind.cluster.consumer(&stage, "reader", &[&behind.topic]).await?;
    assign(&mut consumer, Position::Beginning).await?;
    behind.write("before")?;
    behind.read(&mut consumer, "before").await?;
    behind.proxy.name_no_broker();
    poll_until(PATIENCE, || async { behind.proxy.unnamed() > 0 }).await?;
    behind.proxy.name_brokers();
    behind.write("after")?;

    let event = tokio::time::timeout(PATIENCE, consumer.next()).await?;
    let Event::Lost(lost) = event else { bail!("expected to lose the partition, got {event:?}") };
    assert_eq!(lost.len(), 1);
    assert!(consumer.must_yield());
    consumer.unassign().await?;
    assert!(!consumer.must_yield());
    assert_eq!(stage.snapshot().clients_renewed, 1);
    assign(&mut consumer, Position::Offset(1)).await?;
    behind.read(&mut consumer, "after").await?;
    consumer.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_was_told_of_no_broker_asks_for_a_new_client() -> Result<()> {
    let behind = Behind::new("cut-writer").await?;
    let stage = behind.progress.stage("writer");
    let mut producer = behind.cluster.transactional_producer(&stage, &fresh_name("cut")).await?;
    write(&mut producer, &behind.topic, "before")?;
    behind.proxy.name_no_broker();
    poll_until(PATIENCE, || async { behind.proxy.unnamed() > 0 }).await?;
    behind.proxy.name_brokers();
    let refused = write(&mut producer, &behind.topic, "lost");
    assert!(matches!(refused, Err(StreamError::Expired { .. })), "{refused:?}");
    tokio::task::block_in_place(|| producer.renew())?;
    assert_eq!(stage.snapshot().clients_renewed, 1);
    write(&mut producer, &behind.topic, "after")?;
    let seen = read_all(&behind.direct, &behind.progress.stage("check"), &behind.topic).await?;
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["after", "before"]);
    Ok(())
}
