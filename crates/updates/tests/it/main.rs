//! Announcements on a real Kafka.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_registry::{Champion, Draft, Kind, Promotion, Registry};
use churn_runtime::CancellationToken;
use churn_runtime::metrics::{Metrics, catalogue};
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, KafkaConfig};
use churn_testkit::{fresh_name, kafka, poll_until};
use churn_updates::{announce, listen, moved};
use churn_wire::{ModelUpdate, SchemaRegistry};
use serde_json::Map;
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_secs(60);

async fn cluster() -> Result<Cluster> {
    let config = KafkaConfig {
        brokers: kafka().bootstrap,
        topic_prefix: format!("{}-", fresh_name("updates")),
        ..KafkaConfig::default()
    };
    let cluster = Cluster::connect(&config, &Progress::new()).await?;
    cluster.create_topics(&cluster.topics().specs(&config)).await?;
    poll_until(PATIENCE, async || {
        cluster.topic_partitions(&cluster.topics().model_updates).await.map(|count| count == 1)
    })
    .await?;
    Ok(cluster)
}

/// Publishes a version of something and makes it the champion.
async fn promote(registry: &Registry, kind: Kind) -> Result<(Option<Champion>, Champion)> {
    let files = BTreeMap::from([("content.json".to_owned(), b"1".to_vec())]);
    let draft = Draft {
        kind,
        created_at_ms: 0,
        created_by: "test".into(),
        params: Map::new(),
        lineage: Map::new(),
        metrics: Map::new(),
        decision: None,
        files,
    };
    let version = registry.publish(draft).await?.manifest.version;
    let before = registry.champion(kind).await?;
    let (by, reason) = ("test".into(), "test".into());
    let overridden = Some("a test has no gate".into());
    let promotion = Promotion { kind, version, by, reason, overridden, at_ms: 1_000 };
    let after = registry.promote(&promotion, before.as_ref()).await?;
    Ok((before, after))
}

async fn heard(news: &Notify) -> Result<()> {
    tokio::time::timeout(PATIENCE, news.notified()).await.context("nothing was heard")
}

#[tokio::test]
async fn an_update_names_both_versions_and_a_generators_promotion_is_none() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let registry = Registry::folder(folder.path())?;
    let (before, first) = promote(&registry, Kind::Model).await?;
    assert_eq!(moved(before.as_ref(), &first).unwrap().previous_version, None);
    let (before, second) = promote(&registry, Kind::Model).await?;
    let update = moved(before.as_ref(), &second).unwrap();
    assert_eq!((update.version.as_deref(), update.previous_version.as_deref()), (Some("v2"), Some("v1")));
    assert_eq!(update.manifest_sha256, Some(second.manifest_sha256.clone()));
    assert_eq!((update.updated_at, update.key().as_str()), (1_000, "churn/champion"));
    let (_, generator) = promote(&registry, Kind::Generator).await?;
    assert_eq!(moved(None, &generator), None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listener_hears_every_announcement_and_nonsense_is_only_one_more_reason_to_look() -> Result<()> {
    let cluster = cluster().await?;
    let (schemas, stop) = (Arc::new(SchemaRegistry::builtin()), CancellationToken::new());
    let metrics = [Metrics::new(), Metrics::new()];
    let news = metrics.each_ref().map(|metrics| listen(&cluster, &schemas, metrics, &stop));
    for news in &news {
        heard(news).await.context("listening did not begin")?;
    }
    let folder = tempfile::tempdir()?;
    let registry = Registry::folder(folder.path())?;
    let (before, after) = promote(&registry, Kind::Model).await?;
    let update: ModelUpdate = moved(before.as_ref(), &after).context("an update")?;
    announce(&cluster, &schemas, &update).await?;
    for news in &news {
        heard(news).await?;
    }
    cluster.publish(&cluster.topics().model_updates, b"churn/champion", b"nonsense", PATIENCE).await?;
    for (news, metrics) in news.iter().zip(&metrics) {
        heard(news).await?;
        let counted =
            |result: &str| metrics.counter_vec(&catalogue::MODEL_UPDATES_HEARD).with_label_values(&[result]).get();
        assert_eq!((counted("read"), counted("unreadable")), (1, 1));
    }
    stop.cancel();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_that_cannot_be_made_is_an_error_that_says_so() -> Result<()> {
    let config = KafkaConfig {
        brokers: kafka().bootstrap,
        topic_prefix: format!("{}-", fresh_name("no-topics")),
        ..KafkaConfig::default()
    };
    let cluster = Cluster::connect(&config, &Progress::new()).await?;
    let folder = tempfile::tempdir()?;
    let (_, after) = promote(&Registry::folder(folder.path())?, Kind::Model).await?;
    let update = moved(None, &after).context("an update")?;
    let refused = announce(&cluster, &SchemaRegistry::builtin(), &update).await.unwrap_err().to_string();
    ensure!(refused.contains("model-updates.v1") && refused.contains("churn setup"), "{refused}");
    Ok(())
}
