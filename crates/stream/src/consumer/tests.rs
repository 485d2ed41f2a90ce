use churn_runtime::progress::Progress;
use churn_testkit::fresh_name;

use super::*;
use crate::{KafkaConfig, Outgoing, TopicSpec};

/// Longest time for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn next(consumer: &mut Consumer) -> Event {
    tokio::time::timeout(PATIENCE, consumer.next()).await.expect("an event in time")
}

async fn assigned(consumer: &mut Consumer) {
    let event = next(consumer).await;
    let Event::Assigned(partitions) = event else { panic!("expected an assignment, got {event:?}") };
    let starts: Vec<_> = partitions.into_iter().map(|partition| (partition, Position::Beginning)).collect();
    consumer.assign(&starts).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_given_up_joins_its_group_again_with_a_new_client() {
    let progress = Progress::new();
    let config = KafkaConfig {
        brokers: churn_testkit::kafka().bootstrap,
        topic_prefix: fresh_name("renewed-"),
        ..KafkaConfig::default()
    };
    let cluster = Cluster::connect(&config, &progress).await.unwrap();
    let topic = format!("{}one", config.topic_prefix);
    let spec = TopicSpec { name: topic.clone(), partitions: 1, replication: 1, compacted: false, dead_letters: false };
    cluster.create_topics(&[spec]).await.unwrap();
    let ready = || async { cluster.topic_partitions(&topic).await.map(|count| count == 1) };
    churn_testkit::poll_until(PATIENCE, ready).await.unwrap();
    let stage = progress.stage("reader");
    let mut consumer = cluster.consumer(&stage, "reader", &[&topic]).await.unwrap();
    assigned(&mut consumer).await;

    // What the poller does when the watchdog tells it to.
    consumer.mailbox.cut_off();
    assert!(consumer.must_yield() && consumer.is_withdrawn());
    consumer.unassign().await.unwrap();
    assert!(!consumer.must_yield() && !consumer.is_withdrawn());
    assert_eq!(stage.snapshot().clients_renewed, 1);

    assigned(&mut consumer).await;
    let mut producer = cluster.producer(&progress.stage("writer")).unwrap();
    tokio::task::block_in_place(|| {
        producer.send(Outgoing::new(&topic, b"k", b"v")).unwrap();
        producer.flush(PATIENCE).unwrap();
    });
    let event = next(&mut consumer).await;
    let Event::Records(records) = event else { panic!("expected the record, got {event:?}") };
    assert_eq!(
        records.iter().map(|record| record.value().map(<[u8]>::to_vec)).collect::<Vec<_>>(),
        [Some(b"v".to_vec())]
    );
    consumer.close().await;
}
