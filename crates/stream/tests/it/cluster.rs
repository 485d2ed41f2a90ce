//! Connecting, topics, tails.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::{Fate, Fated as _};
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, Event, KafkaConfig, Outgoing, Position, StreamError, TopicState};
use churn_testkit::fresh_name;

use crate::support::{assign, noise, real, real_config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_broker_is_an_error_with_its_address_and_reason() -> Result<()> {
    // Nobody listens at the first port.
    let brokers = "127.0.0.1:1";
    let config = KafkaConfig {
        brokers: brokers.to_owned(),
        connect_timeout: HumanDuration::from_secs(2),
        ..KafkaConfig::default()
    };
    let start = Instant::now();
    let Err(error) = Cluster::connect(&config, &Progress::new()).await else { bail!("connected to nothing") };
    assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
    assert_eq!(error.fate(), Fate::External);
    let message = error.to_string();
    assert!(message.contains(brokers) && message.contains("refused"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_brokers_and_tls_without_tls_are_configuration_errors() {
    let progress = Progress::new();
    let empty = Cluster::connect(&KafkaConfig::default(), &progress).await;
    assert!(matches!(empty, Err(StreamError::Config { setting, .. }) if setting == "brokers"));
    let mut tls = KafkaConfig { brokers: "127.0.0.1:1".into(), ..KafkaConfig::default() };
    tls.security.protocol = churn_stream::config::Protocol::SaslSsl;
    let refused = Cluster::connect(&tls, &progress).await;
    assert!(matches!(refused, Err(StreamError::Config { setting, .. }) if setting.starts_with("security.")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_created_once_and_a_wrong_partition_count_is_told() -> Result<()> {
    let config = real_config();
    let cluster = Cluster::connect(&config, &Progress::new()).await?;
    let specs = cluster.topics().specs(&config);
    let before = cluster.inspect_topics(&specs).await?;
    assert!(before.iter().all(|r| r.state == TopicState::Missing));
    assert!(before.iter().all(|r| r.warning.as_deref().is_some_and(|w| w.contains("replication"))));
    let created = cluster.create_topics(&specs).await?;
    assert!(created.iter().all(|r| r.state == TopicState::Created));
    // New topics take a moment to be known everywhere.
    let want = i32::from(config.partitions);
    churn_testkit::poll_until(Duration::from_secs(30), || async {
        cluster.check_co_partitioned().await.map(|n| n == want)
    })
    .await?;
    let again = cluster.create_topics(&specs).await?;
    assert!(again.iter().all(|r| r.state == TopicState::Existing), "{again:?}");
    let mut wider = specs.clone();
    wider[0].partitions += 1;
    let told = cluster.create_topics(&wider).await?;
    assert_eq!(told[0].state, TopicState::WrongPartitions { have: specs[0].partitions, want: wider[0].partitions });
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_the_partition_does_not_hold_is_an_error_not_silence() -> Result<()> {
    let (cluster, progress, topic) = real("gone", 1).await?;
    let stage = progress.stage("reader");
    let mut consumer = cluster.consumer(&stage, "gone", &[&topic]).await?;
    assign(&mut consumer, Position::Offset(500)).await?;
    let event = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await?;
    let Event::Failed(error) = event else { bail!("expected a failure, got {event:?}") };
    let message = error.to_string();
    assert_eq!(error.fate(), Fate::Internal);
    assert!(
        message.contains(&format!("{topic}[0]")) && message.contains("offset 500") && message.contains("0..0"),
        "{message}"
    );
    consumer.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tail_is_the_last_committed_records_whatever_markers_lie_between() -> Result<()> {
    let (cluster, progress, topic) = real("tail", 1).await?;
    let stage = progress.stage("writer");
    let idle = cluster.consumer(&stage, &fresh_name("idle"), &[&topic]).await?;
    let mut producer = cluster.transactional_producer(&stage, &fresh_name("tail")).await?;
    tokio::task::block_in_place(|| -> Result<()> {
        // Fifty transactions of one record each, every second one aborted: markers and aborted records take most offsets.
        for i in 0..50 {
            producer.begin()?;
            producer.send(Outgoing::new(&topic, b"k", format!("{i}").as_bytes()))?;
            if i % 2 == 0 {
                producer.commit(&[], &idle)?;
            } else {
                // Aborting purges what was not sent yet: deliver it first, so that the aborted record is in the log.
                producer.flush(Duration::from_secs(10))?;
                producer.abort()?;
            }
        }
        Ok(())
    })?;
    let tail = cluster.tail(&topic, 0, 20).await?;
    let values: Vec<String> = tail.iter().map(|r| crate::support::text(r.value())).collect();
    let expected: Vec<String> = (5..25).map(|i| (2 * i).to_string()).collect();
    assert_eq!(values, expected);
    assert_eq!(cluster.tail(&topic, 0, 100).await?.len(), 25);
    idle.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_too_large_is_the_records_own_fault() -> Result<()> {
    let (cluster, progress, topic) = real("large", 1).await?;
    let mut producer = cluster.producer(&progress.stage("writer"))?;
    let huge = noise(3 << 20);
    let sent = tokio::task::block_in_place(|| {
        producer.send(Outgoing::new(&topic, b"k", &huge)).and_then(|()| producer.flush(Duration::from_secs(10)))
    });
    let Err(error) = sent else { bail!("3 MiB went through") };
    assert_eq!(error.fate(), Fate::Data, "{error}");
    tokio::task::block_in_place(|| -> Result<()> {
        producer.send(Outgoing::new(&topic, b"k", b"small"))?;
        Ok(producer.flush(Duration::from_secs(20))?)
    })?;
    assert_eq!(cluster.watermarks(&topic, 0).await?, (0, 1));
    assert_eq!(progress.produced_end(&topic, 0), Some(1));
    let missing = cluster.consumer(&progress.stage("reader"), "g", &["no-such-topic"]).await;
    assert!(matches!(missing, Err(StreamError::Topic { topic, .. }) if topic == "no-such-topic"));
    Ok(())
}
