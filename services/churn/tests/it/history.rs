//! `churn trace` and `churn report drift` on a real Postgres.

use anyhow::Result;
use churn_domain::{EventId, ScoreId};
use churn_runtime::config::ConnectionUrl;
use churn_store::{PostgresConfig, Store};
use churn_testkit::{Database, fresh_database};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::run::{json as answer, run_with, stderr};

/// The first event: 2026-11-29T00:00:00Z.
const START_MS: i64 = 1_795_910_400_000;
const EVENTS: i64 = 4_000;

/// An event a second, whose second half has monthly contracts only and pays more.
async fn stored() -> Result<Database> {
    let database = fresh_database().await?;
    Store::connect(&PostgresConfig::at(ConnectionUrl::new(&database.url))).await?.migrate().await?;
    let ids: Vec<_> = (0..EVENTS).map(|at| id(at).uuid()).collect();
    let mut connection = PgConnection::connect(&database.url).await?;
    sqlx::query(
        "insert into churn.scored_event (score_id, stream, sequence, customer_id, event_time, female, tenure, contract,
             monthly_charges, probability, label, threshold, model_version, model_hash, scored_at, event_schema_id,
             source_partition, source_offset)
         select id, 's', at - 1, 'c' || at, to_timestamp($2 + at - 1), at % 2 = 0, at % 70,
                case when at > 2000 or at % 3 = 0 then 'Month-to-month' else 'Two year' end,
                20 + at % 80 + case when at > 2000 then 40 else 0 end, (at % 100) / 100.0, at % 100 >= 50, 0.5, 'v1', 'hash',
                to_timestamp($2 + at - 1) + interval '250 ms', 1, 0, at - 1
           from unnest($1::uuid[]) with ordinality as made (id, at)",
    )
    .bind(ids)
    .bind(START_MS as f64 / 1_000.0)
    .execute(&mut connection)
    .await?;
    sqlx::query(
        "insert into churn.outcome (score_id, stream, sequence, customer_id, event_time, churned, observed_at)
         select score_id, stream, sequence, customer_id, event_time, true, event_time + interval '90 days'
           from churn.scored_event where sequence = 7",
    )
    .execute(&mut connection)
    .await?;
    Ok(database)
}

fn id(at: i64) -> ScoreId {
    ScoreId::derive(EventId { stream: "s", sequence: at }, START_MS + at * 1_000)
}

fn churn(database: &Database, folder: &TempDir, args: &[&str]) -> std::process::Output {
    run_with(folder.path(), args, &[("CHURN__POSTGRES__URL", database.url.as_str())])
}

#[tokio::test]
async fn a_trace_tells_event_score_and_outcome_and_why_the_rest_is_not_known() -> Result<()> {
    let (database, folder) = (stored().await?, TempDir::new()?);
    for name in [id(7).to_string(), id(7).uuid().to_string()] {
        let found = answer(&churn(&database, &folder, &["trace", &name, "--json"]));
        assert_eq!(found["score_id"], json!(id(7).to_string()));
        assert_eq!(found["event_time"], json!("2026-11-29T00:00:07Z"));
        assert_eq!((&found["score"]["sequence"], &found["score"]["contract"]), (&json!(7), &json!("Two year")));
        assert_eq!(found["outcome"]["churned"], json!(true));
        assert_eq!(found["delays"]["event_to_score"], json!(0.25));
        assert_eq!(found["delays"]["event_to_outcome"], json!(7_776_000.0));
        assert!(found["record"]["unknown"].as_str().is_some_and(|why| why.contains("kafka.brokers")), "{found}");
        assert_eq!(found["model"]["version"], json!("v1"));
    }
    assert_eq!(answer(&churn(&database, &folder, &["trace", &id(8).to_string(), "--json"]))["outcome"], json!(null));
    let unknown = churn(&database, &folder, &["trace", &id(EVENTS).to_string()]);
    let why = stderr(&unknown);
    assert!(unknown.status.code() == Some(65) && why.contains("nothing is stored of"), "{why}");
    assert!(why.contains("the topics cannot be searched (no Kafka is configured"), "{why}");
    assert_eq!(churn(&database, &folder, &["trace", "s:7"]).status.code(), Some(64));
    Ok(())
}

#[tokio::test]
async fn a_drift_report_names_what_moved_between_two_spans_of_time() -> Result<()> {
    let (database, folder) = (stored().await?, TempDir::new()?);
    let page = folder.path().join("drift.html");
    // The span before it, which is as long, is taken for then.
    let span = ["--from", "2026-11-29T00:33:20Z", "--to", "2026-11-29T01:06:40Z"];
    let args = [&["report", "drift", "--json", "--out", page.to_str().unwrap()], &span[..]].concat();
    let found = answer(&churn(&database, &folder, &args));
    assert_eq!((&found["then"]["rows"], &found["now"]["rows"]), (&json!(2_000), &json!(2_000)));
    let drifted: Vec<_> = found["columns"].as_array().unwrap().iter().filter(|c| c["drifted"] == json!(true)).collect();
    let names: Vec<_> = drifted.iter().map(|column| column["column"].as_str().unwrap()).collect();
    assert_eq!(names, ["contract", "monthly_charges"]);
    let html = std::fs::read_to_string(&page)?;
    assert!(html.contains("id=\"contract\"") && html.contains("Month-to-month") && !html.contains("<script"));
    let empty = ["report", "drift", "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"];
    let refused = churn(&database, &folder, &empty);
    assert!(!refused.status.success() && stderr(&refused).contains("there is no row"), "{}", stderr(&refused));
    Ok(())
}
