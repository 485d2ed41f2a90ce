//! librdkafka, as configured, puts a key where Java's murmur2 puts it.

use std::time::Duration;

use anyhow::Result;
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, KafkaConfig, Outgoing, Position, partition_for_key};

use crate::support::{add_topic, assign, read_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_goes_to_the_partition_that_java_chooses() -> Result<()> {
    let progress = Progress::new();
    let cluster = Cluster::embedded(&KafkaConfig::default(), &progress).await?;
    add_topic(&cluster, "keys", 7).await?;
    let stage = progress.stage("test");
    let mut consumer = cluster.consumer(&stage, "keys", &["keys"]).await?;
    assign(&mut consumer, Position::Stored).await?;
    let mut producer = cluster.producer(&stage)?;
    tokio::task::block_in_place(|| -> Result<()> {
        for i in 0..1000 {
            producer.send(Outgoing::new("keys", format!("customer-{i}").as_bytes(), b"v"))?;
        }
        Ok(producer.flush(Duration::from_secs(10))?)
    })?;
    let (mut wrong, mut seen) = (Vec::new(), std::cell::Cell::new(0));
    let count = &seen;
    read_until(
        &mut consumer,
        |record| {
            count.set(count.get() + 1);
            let key = record.key().unwrap_or_default();
            if partition_for_key(key, 7) != record.partition() {
                wrong.push(String::from_utf8_lossy(key).into_owned());
            }
        },
        || count.get() == 1000,
    )
    .await?;
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(*seen.get_mut(), 1000);
    Ok(())
}
