use std::time::Duration;

use anyhow::Result;
use churn_testkit::{OwnKafka, OwnPostgres, fresh_name, poll_until};
use sqlx::{Connection, PgConnection};

use crate::kafka::{first_record, produce};

#[tokio::test]
async fn killed_kafka_restarts_with_its_records_at_the_same_address() -> Result<()> {
    let own = OwnKafka::start().await?;
    let kafka = own.kafka();
    let topic = fresh_name("testkit");
    kafka.create_topics(&[(&topic, 1)]).await?;
    produce(kafka, &topic, "survivor").await?;
    own.kill9().await?;
    assert!(own.kill9().await.is_err(), "the broker ran on after kill -9");
    own.restart().await?;
    assert_eq!(first_record(kafka, &topic)?, "survivor");
    Ok(())
}

#[tokio::test]
async fn killed_postgres_restarts_with_its_rows_and_cuts_its_clients_off() -> Result<()> {
    let own = OwnPostgres::start().await?;
    let mut before = PgConnection::connect(own.url()).await?;
    sqlx::query("create table mark as select 7 as id").execute(&mut before).await?;
    own.kill9().await?;
    poll_until(Duration::from_secs(10), || async { PgConnection::connect(own.url()).await.is_err() }).await?;
    own.restart().await?;
    assert!(before.ping().await.is_err(), "the old connection outlived its server");
    let mut after = PgConnection::connect(own.url()).await?;
    let id: i32 = sqlx::query_scalar("select id from mark").fetch_one(&mut after).await?;
    assert_eq!(id, 7);
    Ok(())
}
