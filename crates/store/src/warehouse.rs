//! What became of the warehouse's runs: dbt leaves a row a run and ends, so somebody who stays has to tell.

use sqlx::Row;

use crate::error::StoreError;
use crate::store::Store;

/// The newest run that had tests, and when the last good one was.
#[derive(Debug, Clone, PartialEq)]
pub struct WarehouseRun {
    /// When it ended, in seconds since 1970.
    pub finished_at: f64,
    /// Tests that ran.
    pub tests: i32,
    /// Tests that failed, could not run or warned.
    pub tests_failed: i32,
    /// Models that could not be built.
    pub model_errors: i32,
    /// Models and tests that were not run because something before them failed.
    pub skipped: i32,
    /// Seconds that the models took.
    pub model_seconds: f64,
    /// Names of the models and tests that failed.
    pub broken: Vec<String>,
    /// When the last build ended in which nothing failed, in seconds since 1970; `None` when there was none.
    pub succeeded_at: Option<f64>,
}

impl Store {
    /// The newest run of the warehouse's project; `None` before the first. A run without tests says nothing about them and
    /// is passed over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_warehouse_run(&self) -> Result<Option<WarehouseRun>, StoreError> {
        let failed = self.failed("read the warehouse's runs");
        let row = sqlx::query(
            "select extract(epoch from finished_at)::float8 as finished_at, tests, tests_failed, model_errors, skipped, model_seconds, broken,
                    (select extract(epoch from max(finished_at))::float8 from churn.warehouse_run
                     where command = 'build' and tests_failed = 0 and model_errors = 0 and skipped = 0) as succeeded_at
             from churn.warehouse_run where command in ('build', 'test') order by finished_at desc limit 1",
        )
        .fetch_optional(self.pool())
        .await
        .map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let run = || -> Result<WarehouseRun, sqlx::Error> {
            Ok(WarehouseRun {
                finished_at: row.try_get("finished_at")?,
                tests: row.try_get("tests")?,
                tests_failed: row.try_get("tests_failed")?,
                model_errors: row.try_get("model_errors")?,
                skipped: row.try_get("skipped")?,
                model_seconds: row.try_get("model_seconds")?,
                broken: row.try_get("broken")?,
                succeeded_at: row.try_get("succeeded_at")?,
            })
        };
        run().map(Some).map_err(&failed)
    }
}
