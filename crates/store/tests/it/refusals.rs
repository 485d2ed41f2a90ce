use std::time::Duration;

use anyhow::Result;
use churn_runtime::config::{ConnectionUrl, HumanDuration};
use churn_store::{Duty, PostgresConfig, SinkWriter, Store, StoreError, Target, TopicPartition, WriteError};
use churn_testkit::{fresh_database, fresh_name};

use crate::batches::ready;

async fn refusal(url: &str) -> StoreError {
    let mut config = PostgresConfig::at(ConnectionUrl::new(url));
    config.connect_timeout = HumanDuration::from(Duration::from_secs(2));
    Store::connect(&config).await.expect_err("it must be refused")
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() -> Result<()> {
    let database = fresh_database().await?;
    let url = database.url.replace("churn:churn@", "churn:hunter2@");
    assert_ne!(url, database.url);
    let error = refusal(&url).await;
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let message = format!("{error} {error:?}");
    assert!(message.contains("churn") && message.contains("password") && !message.contains("hunter2"), "{message}");
    Ok(())
}

#[tokio::test]
async fn an_unreachable_server_is_named_with_its_port() {
    let error = refusal("postgres://churn:hunter2@127.0.0.1:1/churn").await;
    let message = error.to_string();
    assert!(message.starts_with("cannot reach postgres at 127.0.0.1:1: connection refused"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() -> Result<()> {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = silent.local_addr()?;
    let error = refusal(&format!("postgres://churn@{address}/churn")).await;
    assert!(error.to_string().contains("no answer within 2s"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_postgres_is_said_to_be_so() -> Result<()> {
    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = web.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = web.accept().await {
            use tokio::io::AsyncWriteExt;
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        }
    });
    let error = refusal(&format!("postgres://churn@{address}/churn")).await;
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("postgres"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_missing_database_is_named_with_the_command_that_makes_it() -> Result<()> {
    let database = fresh_database().await?;
    let error = refusal(&database.url.replace(&database.name, "nowhere")).await;
    assert!(error.to_string().contains("createdb nowhere"), "{error}");
    Ok(())
}

#[tokio::test]
async fn unusable_addresses_are_refused_without_a_connection() {
    for url in ["mysql://churn:hunter2@db/churn", "postgres://churn:hunter2@db:x/churn", "hunter2"] {
        let error = refusal(url).await;
        assert!(matches!(error, StoreError::Url(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn encryption_that_cannot_be_had_is_said_so() -> Result<()> {
    let database = fresh_database().await?;
    let error = refusal(&format!("{}?sslmode=require", database.url)).await;
    assert!(error.to_string().to_lowercase().contains("tls"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_database_without_tables_says_churn_setup() -> Result<()> {
    let database = fresh_database().await?;
    let config = PostgresConfig::at(ConnectionUrl::new(&database.url));
    let store = Store::connect(&config).await?;
    let mut writer = SinkWriter::connect(&config, "sink", "cluster").await?;
    let claimed = writer.claim(&[TopicPartition::new("scores", 0)]).await.unwrap_err();
    assert!(matches!(claimed, WriteError::Internal(StoreError::MissingSchema { .. })), "{claimed}");
    let errors = [
        store.check_schema().await.unwrap_err().to_string(),
        store.count_rows(Target::Score, "s").await.unwrap_err().to_string(),
        claimed.to_string(),
    ];
    for error in errors {
        assert!(error.contains("`churn setup`") && error.contains(&database.name), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn missing_rights_are_all_listed() -> Result<()> {
    let ready = ready().await?;
    let role = fresh_name("reader").replace('-', "_");
    let grants = format!(
        "create role {role} login password 'reader';
         grant usage on schema churn to {role};
         grant select on all tables in schema churn to {role};
         revoke temporary on database {} from public",
        ready.database.name
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(grants)).execute(ready.store.pool()).await?;
    let url = ready.database.url.replace("churn:churn@", &format!("{role}:reader@"));
    let checked = async {
        let store = Store::connect(&PostgresConfig::at(ConnectionUrl::new(url))).await?;
        store.check_permissions(Duty::Read).await?;
        let sink = store.check_permissions(Duty::Sink).await.unwrap_err().to_string();
        let setup = store.check_permissions(Duty::Setup).await.unwrap_err().to_string();
        store.close().await;
        anyhow::Ok((sink, setup))
    };
    let checked = checked.await;
    let drop_role = format!("drop owned by {role}; drop role {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop_role)).execute(ready.store.pool()).await?;
    let (sink, setup) = checked?;
    for right in [
        "temporary on the database",
        "insert on churn.scored_event",
        "insert on churn.outcome",
        "update on churn.consumer_offset",
    ] {
        assert!(sink.contains(right), "{sink}");
    }
    assert!(!sink.contains("select on") && sink.contains(&role), "{sink}");
    assert!(setup.contains("create on schema churn"), "{setup}");
    Ok(())
}
