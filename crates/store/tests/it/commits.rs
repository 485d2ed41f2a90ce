use std::time::Duration;

use anyhow::{Context, Result};
use churn_store::{Claim, Resolution, Target, WriteError};
use churn_testkit::{OwnPostgres, poll_until};
use sqlx::{Connection, PgConnection};

use crate::batches::{CLUSTER, CONSUMER, SCORES, advance, outcomes, ready, scores};

const PATIENCE: Duration = Duration::from_secs(20);

/// Ends the writer's server process and returns when it is gone.
async fn end_writer(pool: &sqlx::PgPool) -> Result<()> {
    let ended: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'churnstream sink' and datname = current_database()",
    )
    .fetch_all(pool)
    .await?;
    assert_eq!(ended, [true]);
    Ok(())
}

#[tokio::test]
async fn a_commit_ended_on_its_way_is_resolved_as_not_committed() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    block_commits(&ready.config).await?;
    let pool = ready.store.pool().clone();
    let offsets = advance(&claim, 5);
    let (batch, results) = (scores(0, 5), outcomes(0, 5));
    // The commit hangs in a deferred trigger; the server process is ended there.
    let write = writer.write(&batch, &results, &offsets);
    let end = async {
        in_commit(&pool).await?;
        end_writer(&pool).await
    };
    let (written, ended) = tokio::join!(write, end);
    ended?;
    let error = written.unwrap_err();
    assert!(matches!(error, WriteError::UnknownCommit { .. }), "{error}");
    let refused = writer.write(&batch, &results, &offsets).await.unwrap_err();
    assert!(matches!(refused, WriteError::UnknownCommit { .. }), "a batch in doubt must be resolved first: {refused}");

    assert_eq!(writer.resolve_commit().await?, Resolution::NotCommitted);
    unblock_commits(&pool).await?;
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 0);
    assert_eq!(writer.write(&batch, &results, &offsets).await?.rows, 5);
    Ok(())
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_resolved_as_committed() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    block_commits(&ready.config).await?;
    let pool = ready.store.pool().clone();
    let (batch, results) = (scores(0, 5), outcomes(0, 5));
    let offsets = advance(&claim, 5);
    {
        // The caller gives up while the server is committing; the server goes on and nobody hears the answer.
        let write = writer.write(&batch, &results, &offsets);
        tokio::select! {
            written = write => panic!("the commit is blocked, yet it answered {written:?}"),
            entered = in_commit(&pool) => entered?,
        }
    }
    release_gate(&pool).await?;
    poll_until(PATIENCE, || async { ready.store.count_rows(Target::Score, "s").await.map(|stored| stored == 5) })
        .await?;
    let Resolution::Committed(written) = writer.resolve_commit().await? else { panic!("it is stored") };
    assert_eq!((written.rows, written.outcomes), (5, 5));
    unblock_commits(&pool).await?;
    let next = writer.write(&scores(5, 5), &results, &advance(&Claim { next_offset: Some(5), ..claim }, 10)).await?;
    assert_eq!((next.rows, next.duplicates), (5, 5));
    Ok(())
}

#[tokio::test]
async fn an_ended_connection_fails_the_batch_and_the_next_write_succeeds() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let staged = writer.stage(&scores(0, 5), &outcomes(0, 0)).await?;
    end_writer(ready.store.pool()).await?;
    let error = staged.commit(&advance(&claim, 5)).await.unwrap_err();
    assert!(matches!(error, WriteError::Unavailable(_)), "{error}");
    assert_eq!(writer.resolve_commit().await?, Resolution::NotCommitted, "nothing is in doubt");
    assert_eq!(writer.write(&scores(0, 5), &outcomes(0, 0), &advance(&claim, 5)).await?.rows, 5);
    Ok(())
}

#[tokio::test]
async fn a_killed_server_loses_no_committed_batch() -> Result<()> {
    let server = OwnPostgres::start().await?;
    let config = churn_store::PostgresConfig::at(churn_runtime::config::ConnectionUrl::new(server.url()));
    let store = churn_store::Store::connect(&config).await?;
    store.migrate().await?;
    let mut writer = churn_store::SinkWriter::connect(&config, CONSUMER, CLUSTER).await?;
    let claims = writer.claim(&[churn_store::TopicPartition::new(SCORES, 0)]).await?;
    writer.write(&scores(0, 5), &outcomes(0, 0), &advance(&claims[0], 5)).await?;
    server.kill9().await?;
    let next = advance(&Claim { next_offset: Some(5), ..claims[0].clone() }, 10);
    let error = writer.write(&scores(5, 5), &outcomes(0, 0), &next).await.unwrap_err();
    assert!(matches!(error, WriteError::Unavailable(_)), "{error}");
    server.restart().await?;
    let written = writer.write(&scores(5, 5), &outcomes(0, 0), &next).await.context("after the restart")?;
    assert_eq!(written.rows, 5);
    assert_eq!(store.count_rows(Target::Score, "s").await?, 10);
    Ok(())
}

/// Makes each commit that moved a position wait until the gate is open.
async fn block_commits(config: &churn_store::PostgresConfig) -> Result<()> {
    let mut connection = PgConnection::connect(config.url.expose()).await?;
    sqlx::raw_sql(
        "create table gate (open boolean not null);
         insert into gate values (false);
         create function wait_at_gate() returns trigger language plpgsql as $$
         begin
             loop
                 exit when (select open from gate);
                 perform pg_sleep(0.01);
             end loop;
             return null;
         end $$;
         create constraint trigger gate after update on churn.consumer_offset
             deferrable initially deferred for each row when (new.next_offset is distinct from old.next_offset)
             execute function wait_at_gate();",
    )
    .execute(&mut connection)
    .await
    .context("cannot block commits")?;
    Ok(connection.close().await?)
}

async fn release_gate(pool: &sqlx::PgPool) -> Result<()> {
    sqlx::query("update gate set open = true").execute(pool).await?;
    Ok(())
}

async fn unblock_commits(pool: &sqlx::PgPool) -> Result<()> {
    sqlx::raw_sql("drop trigger gate on churn.consumer_offset").execute(pool).await?;
    Ok(())
}

/// Returns when the writer's commit waits.
async fn in_commit(pool: &sqlx::PgPool) -> Result<()> {
    poll_until(PATIENCE, || async {
        sqlx::query_scalar::<_, i64>(
            "select count(*) from pg_stat_activity
             where application_name = 'churnstream sink' and datname = current_database() and state = 'active' and query = 'commit'",
        )
        .fetch_one(pool)
        .await
        .map(|waiting| waiting == 1)
    })
    .await
}
