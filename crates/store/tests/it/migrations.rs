use anyhow::Result;
use churn_domain::{FEATURES, Kind};
use churn_runtime::config::ConnectionUrl;
use churn_store::{Duty, PostgresConfig, Store};
use churn_testkit::fresh_database;

use crate::batches::ready;

#[tokio::test]
async fn migrations_apply_twice_and_a_dry_run_names_them() -> Result<()> {
    let database = fresh_database().await?;
    let store = Store::connect(&PostgresConfig::at(ConnectionUrl::new(&database.url))).await?;
    let before = store.migration_status().await?;
    assert!(before.applied.is_empty());
    assert_eq!(before.pending.first().map(String::as_str), Some("0001 scored event"));
    assert_eq!(store.migrate().await?, before);
    let after = store.migrate().await?;
    assert_eq!((after.applied, after.pending), (before.pending, Vec::new()));
    store.check_schema().await?;
    Ok(())
}

#[tokio::test]
async fn feature_columns_are_those_of_the_feature_table() -> Result<()> {
    let ready = ready().await?;
    let expected: Vec<(String, String)> = FEATURES
        .iter()
        .map(|feature| {
            let kind = match feature.kind {
                Kind::Flag => "boolean",
                Kind::Category(_) => "text",
                Kind::Integer { .. } => "integer",
                Kind::Money { .. } => "numeric(10,2)",
            };
            (feature.name.to_owned(), kind.to_owned())
        })
        .collect();
    for (table, feature_starts_at) in [("churn.scored_event", 6), ("churn.reference_customer", 2)] {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute
             where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and not attnotnull order by attnum",
        )
        .bind(table)
        .fetch_all(ready.store.pool())
        .await?;
        let features: Vec<_> =
            columns.into_iter().filter(|(name, _)| FEATURES.iter().any(|feature| feature.name == name)).collect();
        assert_eq!(features, expected, "{table}");
        let first: i16 =
            sqlx::query_scalar("select attnum from pg_attribute where attrelid = to_regclass($1) and attname = $2")
                .bind(table)
                .bind(FEATURES[0].name)
                .fetch_one(ready.store.pool())
                .await?;
        assert_eq!(first, feature_starts_at + 1, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn every_table_explains_itself() -> Result<()> {
    let ready = ready().await?;
    let silent: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class
         where relnamespace = 'churn'::regnamespace and relkind in ('r', 'p') and not relispartition
           and relname <> 'schema_migration' and obj_description(oid) is null",
    )
    .fetch_all(ready.store.pool())
    .await?;
    assert_eq!(silent, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn the_owner_has_every_right() -> Result<()> {
    let ready = ready().await?;
    for duty in [Duty::Setup, Duty::Sink, Duty::Read] {
        ready.store.check_permissions(duty).await?;
    }
    Ok(())
}
