//! `churn store` on a real Postgres.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use churn_runtime::config::ConnectionUrl;
use churn_store::{DAY_MS, PostgresConfig, Store};
use churn_testkit::{Database, fresh_database};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::run::{json as answer, run_with, stderr, stdout};

/// Two partitions of each table that are older than 90 days, one row in the older; one of today with one row; and one old row that
/// only the default partition holds.
async fn aged() -> Result<(Database, Store)> {
    let database = fresh_database().await?;
    let store = Store::connect(&PostgresConfig::at(ConnectionUrl::new(&database.url))).await?;
    store.migrate().await?;
    let today = today_ms();
    for first in [today - 100 * DAY_MS, today] {
        let days = if first == today { 1 } else { 2 };
        store.ensure_partitions(first..first + days * DAY_MS, DAY_MS).await?;
    }
    let mut connection = PgConnection::connect(&database.url).await?;
    for (sequence, time_ms) in [today - 100 * DAY_MS, today, today - 200 * DAY_MS].into_iter().enumerate() {
        let row = format!(
            "insert into churn.scored_event (score_id, stream, sequence, customer_id, event_time, probability, label, threshold,
                 model_version, model_hash, scored_at, event_schema_id, source_partition, source_offset)
             values ('{}', 's', {sequence}, 'c', to_timestamp({time_ms} / 1000), 0.5, true, 0.5, '1', 'h', now(), 1, 0, {sequence})",
            uuid(time_ms)
        );
        sqlx::query(AssertSqlSafe(row)).execute(&mut connection).await?;
    }
    Ok((database, store))
}

fn today_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    now - now % DAY_MS
}

/// An id of this millisecond, as text.
fn uuid(time_ms: i64) -> String {
    let hex = format!("{time_ms:012x}");
    format!("{}-{}-0000-0000-000000000001", &hex[..8], &hex[8..])
}

fn churn_store(database: &Database, args: &[&str]) -> std::process::Output {
    let folder = TempDir::new().unwrap();
    run_with(folder.path(), &[&["store"], args].concat(), &[("CHURN__POSTGRES__URL", database.url.as_str())])
}

fn rows_of(partitions: &Value) -> Vec<u64> {
    partitions.as_array().unwrap().iter().map(|one| one["rows"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn pruning_drops_nothing_until_it_is_told_yes() -> Result<()> {
    let (database, store) = aged().await?;
    for args in
        [&["prune", "--older-than", "90d", "--json"][..], &["prune", "--older-than", "90d", "--dry-run", "--json"]]
    {
        let planned = answer(&churn_store(&database, args));
        assert_eq!(
            (&planned["dropped"], rows_of(&planned["partitions"])),
            (&json!(false), vec![0, 0, 1, 0]),
            "{planned}"
        );
        assert_eq!(planned["old_rows_in_default_partitions"], json!(1));
        assert_eq!(store.partitions().await?.len(), 6);
    }
    let said = stdout(&churn_store(&database, &["prune", "--older-than", "90d"]));
    assert!(said.contains("4 partitions with 1 rows") && said.contains("add --yes"), "{said}");
    Ok(())
}

#[tokio::test]
async fn pruning_drops_old_partitions_and_keeps_younger_and_default_rows() -> Result<()> {
    let (database, store) = aged().await?;
    let yes = ["prune", "--older-than", "90d", "--yes", "--json"];
    let done = answer(&churn_store(&database, &yes));
    assert_eq!((&done["dropped"], rows_of(&done["partitions"])), (&json!(true), vec![0, 0, 1, 0]), "{done}");
    let mut connection = PgConnection::connect(&database.url).await?;
    let kept: i64 = sqlx::query_scalar("select count(*) from churn.scored_event").fetch_one(&mut connection).await?;
    assert_eq!((kept, store.partitions().await?.len()), (2, 2));
    let again = answer(&churn_store(&database, &yes));
    assert_eq!(again["partitions"], json!([]), "there is nothing left to drop");
    let listed = answer(&churn_store(&database, &["partitions", "--json"]));
    assert_eq!(rows_of(&listed), [0, 1], "{listed}");
    assert!(listed[1]["bytes"].as_u64().unwrap() > 0 && listed[1]["from"].as_str().unwrap().ends_with("T00:00:00Z"));
    Ok(())
}

#[tokio::test]
async fn a_limit_that_is_no_time_and_a_database_without_tables_are_refused() -> Result<()> {
    let database = fresh_database().await?;
    let refused = churn_store(&database, &["prune", "--older-than", "90d", "--yes"]);
    assert!(refused.status.code() != Some(0) && stderr(&refused).contains("churn setup"), "{}", stderr(&refused));
    for args in
        [&["prune", "--older-than", "ninety"][..], &["prune"], &["prune", "--older-than", "90d", "--dry-run", "--yes"]]
    {
        let refused = churn_store(&database, args);
        assert_eq!(refused.status.code(), Some(64), "{}", stderr(&refused));
    }
    Ok(())
}
