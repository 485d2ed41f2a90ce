//! The broker inside the process: nothing lost although it drops old records, and the rates that it gives.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use churn_runtime::progress::Progress;
use churn_stream::deadletter::{self, DeadLetter, Verdict};
use churn_stream::{Cluster, Consumer, Event, Header, KafkaConfig, Outgoing, Position, StreamError};

use crate::support::{PATIENCE, add_topic, assign, read_until, text};

async fn embedded() -> Result<(Cluster, Progress)> {
    let progress = Progress::new();
    Ok((Cluster::embedded(&KafkaConfig::default(), &progress).await?, progress))
}

/// 250-byte records with the sequence number in front.
fn value(sequence: u64, buffer: &mut [u8; 250]) {
    buffer[..8].copy_from_slice(&sequence.to_be_bytes());
}

fn sequence(value: &[u8]) -> u64 {
    value.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))
}

async fn produce(cluster: Cluster, progress: Progress, topic: String, count: u64) -> Result<Duration> {
    tokio::task::spawn_blocking(move || {
        let mut producer = cluster.producer(&progress.stage("writer"))?;
        let mut buffer = [b'v'; 250];
        let start = Instant::now();
        for i in 0..count {
            value(i, &mut buffer);
            producer.send(Outgoing::new(&topic, &i.to_le_bytes(), &buffer))?;
        }
        producer.flush(PATIENCE)?;
        anyhow::ensure!(producer.acknowledged() == count, "acknowledged {} of {count}", producer.acknowledged());
        Ok(start.elapsed())
    })
    .await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_records_pass_without_loss_although_the_broker_keeps_5_mib() -> Result<()> {
    const COUNT: u64 = 200_000;
    let (cluster, progress) = embedded().await?;
    let topic = cluster.topics().events.clone();
    let mut consumer = cluster.consumer(&progress.stage("reader"), "reader", &[&topic]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let writer = tokio::spawn(produce(cluster.clone(), progress.clone(), topic.clone(), COUNT));
    let seen = std::cell::RefCell::new(vec![0u8; COUNT as usize]);
    let (count, mut last) = (std::cell::Cell::new(0), HashMap::new());
    read_until(
        &mut consumer,
        |record| {
            let n = sequence(record.value().unwrap_or_default());
            seen.borrow_mut()[n as usize] += 1;
            count.set(count.get() + 1);
            // Within a partition the order of sending is kept.
            let before = last.insert(record.partition(), n);
            assert!(before.is_none_or(|before| before < n), "{before:?} before {n}");
        },
        || count.get() == COUNT,
    )
    .await?;
    writer.await??;
    assert!(seen.borrow().iter().all(|&times| times == 1));
    assert!(progress.drained(&[&topic]));
    assert_eq!(progress.stage("reader").snapshot().read, COUNT);
    consumer.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_waits_for_a_reader_that_stands_still_and_gives_up_when_the_cluster_closes() -> Result<()> {
    let (cluster, progress) = embedded().await?;
    let topic = cluster.topics().events.clone();
    let mut consumer = cluster.consumer(&progress.stage("reader"), "reader", &[&topic]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let writer = tokio::spawn(produce(cluster.clone(), progress.clone(), topic.clone(), 200_000));
    // Four partitions of at most 2 MiB unread, 1 MiB queued, and what is in flight: far from 200,000 records.
    let (mut backlog, mut since) = (0, Instant::now());
    let stuck = churn_testkit::poll_until(PATIENCE, || {
        if progress.backlog(&topic) != backlog {
            (backlog, since) = (progress.backlog(&topic), Instant::now());
        }
        std::future::ready(backlog > 10_000 && since.elapsed() > Duration::from_millis(300))
    });
    stuck.await?;
    assert!(progress.backlog(&topic) < 60_000, "{}", progress.backlog(&topic));
    cluster.close();
    let error = writer.await?.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains(&topic) && error.contains("closed"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_goes_on_where_it_committed_and_a_rewind_reads_again() -> Result<()> {
    let (cluster, progress) = embedded().await?;
    add_topic(&cluster, "one", 1).await?;
    let mut consumer = cluster.consumer(&progress.stage("reader"), "g", &["one"]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let second = cluster.consumer(&progress.stage("other"), "g", &["one"]).await;
    assert!(matches!(second, Err(StreamError::Topic { .. })), "one member a group");
    produce(cluster.clone(), progress.clone(), "one".into(), 100).await?;
    let first = numbers(&mut consumer, 100).await?;
    assert_eq!(first, (0..100).collect::<Vec<_>>());
    let partition = consumer.assigned()[0].clone();
    consumer.commit(&[(partition.clone(), 40)]).await?;
    consumer.assign(&[(partition.clone(), Position::Stored)]).await?;
    assert_eq!(numbers(&mut consumer, 60).await?, (40..100).collect::<Vec<_>>());
    consumer.close().await;

    let mut successor = cluster.consumer(&progress.stage("reader"), "g", &["one"]).await?;
    assign(&mut successor, Position::Stored).await?;
    assert_eq!(numbers(&mut successor, 60).await?, (40..100).collect::<Vec<_>>());
    successor.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_record_arrives_within_milliseconds() -> Result<()> {
    let (cluster, progress) = embedded().await?;
    add_topic(&cluster, "lone", 1).await?;
    let stage = progress.stage("test");
    let mut consumer = cluster.consumer(&stage, "lone", &["lone"]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let mut producer = cluster.producer(&stage)?;
    let mut took = Vec::new();
    for i in 0..50u64 {
        let start = Instant::now();
        tokio::task::block_in_place(|| producer.send(Outgoing::new("lone", b"k", &i.to_be_bytes())))?;
        numbers(&mut consumer, 1).await?;
        took.push(start.elapsed());
        tokio::task::block_in_place(|| producer.poll())?;
    }
    took.sort();
    println!("lone record: median {:?}, slowest {:?}", took[25], took[49]);
    assert!(took[25] < Duration::from_millis(50), "median {:?}", took[25]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_stops_reading_for_seconds_loses_nothing() -> Result<()> {
    let progress = Progress::new();
    let mut config = KafkaConfig::default();
    config.fetch.channel = churn_runtime::config::ByteSize::kib(16);
    config.fetch.batch_records = 10;
    let cluster = Cluster::embedded(&config, &progress).await?;
    add_topic(&cluster, "slow", 1).await?;
    let mut consumer = cluster.consumer(&progress.stage("reader"), "slow", &["slow"]).await?;
    assign(&mut consumer, Position::Stored).await?;
    produce(cluster.clone(), progress.clone(), "slow".into(), 2_000).await?;
    let first = numbers(&mut consumer, 10).await?;
    churn_testkit::poll_until(PATIENCE, || std::future::ready(consumer.is_paused())).await?;
    let rest = numbers(&mut consumer, 2_000 - first.len()).await?;
    assert_eq!([first, rest].concat(), (0..2_000).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_keeps_everything_and_says_where_it_comes_from() -> Result<()> {
    let (cluster, progress) = embedded().await?;
    let (topic, stage) = (cluster.topics().events.clone(), progress.stage("test"));
    let dlq = churn_stream::Topics::dlq(&topic);
    let mut consumer = cluster.consumer(&stage, "source", &[&topic]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let mut letters = cluster.consumer(&stage, "letters", &[&dlq]).await?;
    assign(&mut letters, Position::Stored).await?;
    let mut producer = cluster.producer(&stage)?;
    let headers = [Header { name: "traceparent", value: Some(b"00-abc") }, Header { name: "empty", value: None }];
    let poison =
        Outgoing::new(&topic, b"customer", b"\x00\xff").at(1_700_000_000_123).to_partition(3).with_headers(&headers);
    tokio::task::block_in_place(|| producer.send(poison).and_then(|()| producer.flush(PATIENCE)))?;

    let Event::Records(batch) = consumer.next().await else { bail!("expected a record") };
    let Some(record) = batch.get(0) else { bail!("expected a record") };
    let long = "x".repeat(5_000);
    let verdict = Verdict { stage: "scorer.decode", error_class: "undecodable", error_text: &long, schema_id: Some(7) };
    let letter = DeadLetter::new(&record, &verdict);
    tokio::task::block_in_place(|| letter.send_with(|out| producer.send(out)).and_then(|()| producer.flush(PATIENCE)))?;

    let Event::Records(dead) = letters.next().await else { bail!("expected a letter") };
    let Some(dead) = dead.get(0).map(|r| (r, DeadLetter::new(&r, &verdict))) else { bail!("expected a letter") };
    let (record, again) = dead;
    assert_eq!((record.topic(), record.partition(), record.timestamp_ms()), (dlq.as_str(), 3, 1_700_000_000_123));
    assert_eq!((record.key(), record.value()), (Some(b"customer".as_slice()), Some(b"\x00\xff".as_slice())));
    let header = |name: &str| text(record.header(name));
    assert_eq!(header(deadletter::TOPIC), topic);
    assert_eq!(header(deadletter::PARTITION), "3");
    assert_eq!(header(deadletter::OFFSET), "0");
    assert_eq!(header(deadletter::TIMESTAMP), "1700000000123");
    assert_eq!(header(deadletter::SCHEMA_ID), "7");
    assert_eq!(header(deadletter::STAGE), "scorer.decode");
    assert_eq!(header(deadletter::ERROR_CLASS), "undecodable");
    assert_eq!(header(deadletter::ERROR_TEXT).len(), deadletter::MAX_TEXT);
    assert_eq!(header(deadletter::ATTEMPT), "1");
    assert_eq!(header("traceparent"), "00-abc");
    assert!(record.headers().any(|h| h.name == "empty" && h.value.is_none()));
    assert!(again.topic().ends_with(".dlq.dlq"));
    Ok(())
}

/// Measures, and asserts only what any machine gives: `cargo test -p churn-stream --test it rates -- --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_of_the_embedded_broker() -> Result<()> {
    const COUNT: u64 = 300_000;
    let (cluster, progress) = embedded().await?;
    // Nobody reads this topic: the producer is not held back.
    add_topic(&cluster, "unread", 4).await?;
    let took = produce(cluster.clone(), progress.clone(), "unread".into(), COUNT).await?;
    println!("produce alone: {:.0} records/s of 250 bytes", COUNT as f64 / took.as_secs_f64());

    // What fits the broker, read as fast as possible.
    // Sixteen partitions of 15,000 records of 250 bytes: below the 5 MiB a partition that the broker keeps.
    const STOCK: usize = 240_000;
    add_topic(&cluster, "stock", 16).await?;
    produce(cluster.clone(), progress.clone(), "stock".into(), STOCK as u64).await?;
    let mut consumer = cluster.consumer(&progress.stage("stock"), "stock", &["stock"]).await?;
    let start = Instant::now();
    assign(&mut consumer, Position::Beginning).await?;
    let (read, batches) = drain(&mut consumer, STOCK).await?;
    println!(
        "consume alone: {:.0} records/s in batches of {}",
        read as f64 / start.elapsed().as_secs_f64(),
        read / batches
    );

    let topic = cluster.topics().events.clone();
    let mut consumer = cluster.consumer(&progress.stage("reader"), "reader", &[&topic]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let start = Instant::now();
    let writer = tokio::spawn(produce(cluster.clone(), progress.clone(), topic, COUNT));
    let (read, batches) = drain(&mut consumer, COUNT as usize).await?;
    let through = start.elapsed();
    writer.await??;
    println!("both at once: {:.0} records/s in batches of {}", read as f64 / through.as_secs_f64(), read / batches);
    assert_eq!(read, COUNT as usize);
    Ok(())
}

async fn drain(consumer: &mut Consumer, count: usize) -> Result<(usize, usize)> {
    let (mut read, mut batches) = (0, 0);
    while read < count {
        match tokio::time::timeout(PATIENCE, consumer.next()).await? {
            Event::Records(batch) => {
                read += batch.len();
                batches += 1;
                consumer.durable(&batch.next_offsets());
            }
            other => bail!("expected records, got {other:?}"),
        }
    }
    Ok((read, batches.max(1)))
}

async fn numbers(consumer: &mut Consumer, count: usize) -> Result<Vec<u64>> {
    let found = std::cell::RefCell::new(Vec::new());
    read_until(
        consumer,
        |r| found.borrow_mut().push(sequence(r.value().unwrap_or_default())),
        || found.borrow().len() >= count,
    )
    .await?;
    Ok(found.into_inner())
}
