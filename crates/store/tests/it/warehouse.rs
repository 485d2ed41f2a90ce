use anyhow::Result;
use churn_store::Store;

use crate::batches::ready;

/// A run of the project, as its last hook records it.
async fn ran(store: &Store, command: &str, at: i64, tests_failed: i32, broken: &[&str]) -> Result<()> {
    sqlx::query(
        "insert into churn.warehouse_run (run_id, command, started_at, finished_at, models, model_errors, tests, tests_failed, skipped,
                                          model_seconds, broken)
         values (gen_random_uuid(), $1, to_timestamp($2), to_timestamp($2 + 5), 23, 0, case $1 when 'run' then 0 else 80 end, $3, 0, 4.5, $4)",
    )
    .bind(command)
    .bind(at)
    .bind(tests_failed)
    .bind(broken)
    .execute(store.pool())
    .await?;
    Ok(())
}

#[tokio::test]
async fn the_newest_run_with_tests_tells_how_the_warehouse_is() -> Result<()> {
    let ready = ready().await?;
    let store = &ready.store;
    assert_eq!(store.newest_warehouse_run().await?, None);
    ran(store, "build", 1000, 0, &[]).await?;
    ran(store, "build", 2000, 1, &["assert_aggregates_add_up"]).await?;
    // It ran no tests, so it cannot take back what the build said.
    ran(store, "run", 3000, 0, &[]).await?;
    let failed = store.newest_warehouse_run().await?.unwrap();
    assert_eq!((failed.finished_at, failed.succeeded_at), (2005.0, Some(1005.0)));
    assert_eq!((failed.tests, failed.tests_failed, failed.model_errors, failed.skipped), (80, 1, 0, 0));
    assert_eq!(failed.broken, ["assert_aggregates_add_up"]);
    ran(store, "build", 4000, 0, &[]).await?;
    let good = store.newest_warehouse_run().await?.unwrap();
    assert_eq!((good.tests_failed, good.succeeded_at), (0, Some(4005.0)));
    Ok(())
}
