use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use churn_store::private::PrivatePostgres;
use churn_store::{PostgresConfig, PrivateConfig, Store};
use sqlx::{Connection, PgConnection};

async fn answer(server: &PrivatePostgres, query: &'static str) -> Result<String> {
    let mut connection = PgConnection::connect(server.url().expose()).await.context("cannot connect")?;
    sqlx::query_scalar(query).fetch_one(&mut connection).await.context(query)
}

#[tokio::test]
async fn a_private_server_is_durable_shut_in_and_gone_after_its_stop() -> Result<()> {
    let server = PrivatePostgres::start(&PrivateConfig::default()).await?;
    let folder = server.folder().to_owned();
    assert!(server.version() >= 14);
    for (query, expected) in [
        ("show fsync", "on"),
        ("show synchronous_commit", "on"),
        ("show full_page_writes", "on"),
        ("show listen_addresses", "127.0.0.1"),
        ("show unix_socket_directories", ""),
        ("show server_encoding", "UTF8"),
    ] {
        assert_eq!(answer(&server, query).await?, expected, "{query}");
    }
    let wrong = server.url().expose().replace("churn:", "churn:x");
    let refused = Store::connect(&PostgresConfig::at(churn_runtime::config::ConnectionUrl::new(wrong))).await;
    assert!(refused.is_err(), "it must ask for the password");

    let store = Store::connect(&server.configure(&PostgresConfig::default())).await?;
    store.migrate().await?;
    store.check_schema().await?;
    server.stop().await?;
    assert!(!folder.exists());
    assert!(store.check_schema().await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_is_gone_too() -> Result<()> {
    let server = PrivatePostgres::start(&PrivateConfig::default()).await?;
    let (folder, url) = (server.folder().to_owned(), server.url().expose().to_owned());
    drop(server);
    assert!(!folder.exists());
    assert!(PgConnection::connect(&url).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_given_folder_keeps_its_data_and_serves_one_at_a_time() -> Result<()> {
    let place = tempfile::Builder::new().prefix("churn-store-test-").tempdir_in("/tmp")?;
    open_to_all(place.path())?;
    let config = PrivateConfig { folder: Some(place.path().join("kept")), ..PrivateConfig::default() };
    let first = PrivatePostgres::start(&config).await?;
    let mut connection = PgConnection::connect(first.url().expose()).await?;
    sqlx::raw_sql("create table kept as select 42 as number").execute(&mut connection).await?;
    let second = PrivatePostgres::start(&config).await.expect_err("the folder is in use");
    assert!(second.to_string().contains("another run uses it"), "{second}");
    first.stop().await?;
    let again = PrivatePostgres::start(&config).await?;
    assert_eq!(answer(&again, "select number::text from kept").await?, "42");
    again.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_left_alone() -> Result<()> {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("diary"), "dear")?;
    let config = PrivateConfig { folder: Some(place.path().to_owned()), ..PrivateConfig::default() };
    let error = PrivatePostgres::start(&config).await.expect_err("it holds something else");
    assert!(error.to_string().contains("it holds something else"), "{error}");
    assert_eq!(std::fs::read_dir(place.path())?.count(), 1);
    Ok(())
}

/// What `kill -9` of a program leaves behind: a server, and a folder whose lock nobody holds.
#[tokio::test]
async fn what_a_killed_run_left_behind_is_removed_by_the_next() -> Result<()> {
    let left = PrivatePostgres::start(&PrivateConfig::default()).await?;
    let (folder, url) = (left.folder().to_owned(), left.url().expose().to_owned());
    // A process that is killed holds no lock any more: stand in for that by a new file without one.
    std::fs::remove_file(folder.join("owner"))?;
    std::fs::write(folder.join("owner"), "")?;
    let next = PrivatePostgres::start(&PrivateConfig::default()).await?;
    assert!(!folder.exists());
    assert!(PgConnection::connect(&url).await.is_err());
    assert_eq!(answer(&next, "select 'up'").await?, "up");
    next.stop().await?;
    tokio::time::timeout(Duration::from_secs(70), async { drop(left) }).await?;
    Ok(())
}

fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).context("cannot open the folder")
}
