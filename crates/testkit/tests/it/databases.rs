use anyhow::{Context, Result};
use churn_testkit::fresh_database;
use sqlx::{Connection, PgConnection};

async fn tables_named_mark(connection: &mut PgConnection) -> Result<i64> {
    sqlx::query_scalar("select count(*) from pg_tables where tablename = 'mark'")
        .fetch_one(connection)
        .await
        .context("cannot count tables")
}

#[tokio::test]
async fn two_fresh_databases_do_not_see_each_other() -> Result<()> {
    let (one, other) = (fresh_database().await?, fresh_database().await?);
    let mut in_one = PgConnection::connect(&one.url).await?;
    let mut in_other = PgConnection::connect(&other.url).await?;
    sqlx::query("create table mark (id integer)").execute(&mut in_one).await?;
    assert_eq!(tables_named_mark(&mut in_one).await?, 1);
    assert_eq!(tables_named_mark(&mut in_other).await?, 0);
    Ok(())
}

#[tokio::test]
async fn dropped_database_is_gone_although_somebody_is_connected() -> Result<()> {
    let (kept, dropped) = (fresh_database().await?, fresh_database().await?);
    let name = dropped.name.clone();
    let _still_connected = PgConnection::connect(&dropped.url).await?;
    drop(dropped);
    let mut connection = PgConnection::connect(&kept.url).await?;
    let left: i64 = sqlx::query_scalar("select count(*) from pg_database where datname = $1")
        .bind(&name)
        .fetch_one(&mut connection)
        .await?;
    assert_eq!(left, 0, "database {name} still exists");
    Ok(())
}
