//! On a real cluster.

use std::sync::Arc;

use anyhow::{Context, Result};
use churn_domain::feature_index;
use churn_runtime::config::{ConnectionUrl, HumanDuration};
use churn_runtime::progress::Progress;
use churn_store::{PostgresConfig, Store};
use churn_stream::{Cluster, KafkaConfig};
use churn_testkit::{fresh_database, fresh_name, kafka, poll_until};
use churn_wire::SchemaRegistry;

use crate::stream::{
    PATIENCE, REFERENCE_ROWS, Running, SHIFT, WINDOW_ROWS, Writer, assert_same, expected, outcomes, scores,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_that_comes_back_goes_on_where_it_committed() -> Result<()> {
    let (config, schemas, writer, progress) = cluster().await?;

    let first = Running::start(&writer.cluster, &progress, &schemas).await?;
    writer.scores(&scores(0..1_000, "v1")).await?;
    writer.outcomes(&outcomes(0..1_000)).await?;
    let snapshot = first.when(|s| s.current().is_some_and(|m| m.labelled_rows == 1_000)).await?;
    assert_same(&snapshot.models[0].total, &expected(0..1_000));
    first.stop().await?;

    // A process of its own: what it remembers begins anew, where it reads does not.
    let (progress, writer) = connect(&config, &schemas).await?;
    let second = Running::start(&writer.cluster, &progress, &schemas).await?;
    writer.outcomes(&outcomes(1_000..1_800)).await?;
    writer.scores(&scores(1_000..1_800, "v2")).await?;
    let snapshot = second.when(|s| s.current().is_some_and(|m| m.labelled_rows == 800)).await?;
    assert_eq!(snapshot.models.len(), 1, "nothing of the first run was read again");
    assert_same(&snapshot.models[0].total, &expected(1_000..1_800));
    second.stop().await?;
    Ok(())
}

async fn connect(config: &KafkaConfig, schemas: &Arc<SchemaRegistry>) -> Result<(Progress, Writer)> {
    let progress = Progress::new();
    let cluster = Cluster::connect(config, &progress).await?;
    Ok((progress.clone(), Writer { cluster, progress, schemas: Arc::clone(schemas) }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_neither_forgets_nor_repeats_what_was_seen() -> Result<()> {
    let (config, schemas, writer, progress) = cluster().await?;
    let database = fresh_database().await?;
    let postgres = PostgresConfig::at(ConnectionUrl::new(&database.url));
    let store = Store::connect(&postgres).await?;
    store.migrate().await?;

    let first = Running::start_with(&writer.cluster, &progress, &schemas, Some(store.clone())).await?;
    writer.scores(&scores(0..SHIFT, "v1")).await?;
    writer.outcomes(&outcomes(0..1_000)).await?;
    first.when(|s| s.current().is_some_and(|m| m.labelled_rows == 1_000 && m.scored_rows == 3_000)).await?;
    let before = first.stop().await?;
    assert_eq!(before.waiting, 2_000);

    // The customers have changed while nobody looked; half of a window was seen before.
    let (progress, writer) = connect(&config, &schemas).await?;
    writer.scores(&scores(SHIFT..SHIFT + 2 * WINDOW_ROWS as i64, "v1")).await?;
    writer.outcomes(&outcomes(1_000..3_000)).await?;
    let second = Running::start_with(&writer.cluster, &progress, &schemas, Some(store.clone())).await?;
    let after =
        second.when(|s| s.current().is_some_and(|m| m.labelled_rows == 3_000 && m.scored_rows == 4_000)).await?;
    let model = &after.models[0];
    assert_same(&model.total, &expected(0..SHIFT));
    assert_eq!(model.reference_rows, REFERENCE_ROWS, "the reference is that of before the restart");
    assert_eq!(after.drifted_features(), ["monthly_charges", "total_charges"], "a restart hides no alarm");
    assert!(model.drift_alarm && after.orphan_outcomes == 0, "{after:#?}");
    second.stop().await?;

    // Nothing new: the same alarm, and no second request.
    let (progress, writer) = connect(&config, &schemas).await?;
    let third = Running::start_with(&writer.cluster, &progress, &schemas, Some(store)).await?;
    let again = third.when(|s| s.current().is_some_and(|m| m.scored_rows == 4_000)).await?;
    assert_eq!((&again.models, again.retrain_requests), (&after.models, 0));
    third.stop().await?;
    drop(database);
    Ok(())
}

/// What the sink stored of these events, as far as the monitor looks at it.
async fn store_scores(store: &Store, sequences: std::ops::Range<i64>, version: &str) -> Result<()> {
    let batch = scores(sequences, version);
    let contract = batch.event.features.words(feature_index("contract").context("a feature")?);
    for row in 0..batch.len() {
        sqlx::query(
            "insert into churn.scored_event
               (score_id, stream, sequence, customer_id, event_time, contract, senior_citizen, probability, label, threshold,
                model_version, model_hash, scored_at, event_schema_id, source_partition, source_offset)
             values ($1, 'test', $2, 'somebody', now(), $3, true, $4, $5, 0.5, $6, 'hash', now(), 1, 0, 0)",
        )
        .bind(batch.score_id[row].uuid())
        .bind(batch.event.sequence[row])
        .bind(contract.get(row))
        .bind(batch.probability[row])
        .bind(batch.label[row])
        .bind(version)
        .execute(store.pool())
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_of_long_ago_meet_stored_scores_and_outcomes_that_overtake_theirs_wait() -> Result<()> {
    let (_, schemas, writer, progress) = cluster().await?;
    let database = fresh_database().await?;
    let store = Store::connect(&PostgresConfig::at(ConnectionUrl::new(&database.url))).await?;
    store.migrate().await?;
    store_scores(&store, 0..300, "v1").await?;
    store_scores(&store, 300..310, "retired").await?;

    let running = Running::start_with(&writer.cluster, &progress, &schemas, Some(store.clone())).await?;
    // A quarter of an hour later by the events' time: the stored scores have long left the stream.
    let (recent, next) = (1_000_000..1_001_000, 1_001_000..1_001_200);
    writer.scores(&scores(recent.clone(), "v1")).await?;
    running.when(|s| s.current().is_some_and(|m| m.scored_rows == 1_000)).await?;
    writer.outcomes(&outcomes(next.clone())).await?;
    writer.outcomes(&outcomes((0..310).chain(5_000..5_005))).await?;
    writer.outcomes(&outcomes(0..20)).await?;
    writer.outcomes(&outcomes(recent.clone())).await?;
    running.when(|s| s.current().is_some_and(|m| m.labelled_rows == 1_300)).await?;
    writer.scores(&scores(next.clone(), "v1")).await?;
    let found = running.when(|s| s.current().is_some_and(|m| m.labelled_rows == 1_500)).await?;
    assert_same(&found.models[0].total, &expected((0..300).chain(recent).chain(next)));
    assert_eq!((found.waiting, found.models[0].scored_rows), (5, 1_200), "nobody knows five of them");

    let metrics = running.metrics.clone();
    for (metric, value) in [
        ("churn_monitor_late_outcomes_total{result=\"joined\"}", 300),
        ("churn_monitor_late_outcomes_total{result=\"unwatched\"}", 10),
        ("churn_monitor_late_outcomes_total{result=\"unknown\"}", 5),
        ("churn_monitor_repeated_total{kind=\"outcome\"}", 20),
        ("churn_monitor_outcome_delay_seconds_count", 1_535),
    ] {
        let line = format!("{metric} {value}");
        let shown = || async { metrics.render().contains(&line).then_some(()) };
        poll_until(PATIENCE, shown).await.with_context(|| format!("no {line} in\n{}", metrics.render()))?;
    }
    let recorded = || async {
        let rows: i64 = sqlx::query_scalar(
            "select count(*) from churn.model_metric where model_version = 'v1' and metric = 'auc'
                and (dataset = 'test' and value = 0.84 or dataset = 'live' and value between 0.5 and 1)",
        )
        .fetch_one(store.pool())
        .await
        .ok()?;
        (rows >= 2).then_some(())
    };
    poll_until(PATIENCE, recorded).await.context("figures of test and live rows are recorded")?;
    running.stop().await?;
    drop(database);
    Ok(())
}

async fn cluster() -> Result<(KafkaConfig, Arc<SchemaRegistry>, Writer, Progress)> {
    let config = KafkaConfig {
        brokers: kafka().bootstrap,
        topic_prefix: fresh_name("monitor-"),
        connect_timeout: HumanDuration::from_secs(20),
        partitions: 2,
        replication: 1,
        ..KafkaConfig::default()
    };
    let schemas = Arc::new(SchemaRegistry::builtin());
    let (progress, writer) = connect(&config, &schemas).await?;
    let topics = writer.cluster.topics();
    writer.cluster.create_topics(&topics.specs(&config)).await?;
    for topic in topics.co_partitioned() {
        let ready = || async { writer.cluster.topic_partitions(topic).await.is_ok() };
        poll_until(PATIENCE, ready).await.context("new topics do not appear")?;
    }
    Ok((config, schemas, writer, progress))
}
