//! Counting what is stored, and comparing it with what was produced.

use std::ops::RangeInclusive;

use sqlx::{AssertSqlSafe, Row};

use crate::error::StoreError;
use crate::sink::Target;
use crate::store::Store;

/// What is stored of a stream's events, compared with the events that there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Rows of the stream whose sequence number is within the range.
    pub stored: u64,
    /// Rows beyond the first of each sequence number.
    pub duplicates: u64,
    /// Sequence numbers of the range without a row, found by anti-join.
    pub lost: u64,
    /// Rows of the stream whose sequence number is outside the range: events that nobody produced.
    pub unexpected: u64,
}

impl Store {
    /// How many rows of this stream are stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_rows(&self, table: Target, stream: &str) -> Result<u64, StoreError> {
        let statement = format!("select count(*) from churn.{} where stream = $1", table.table());
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(stream)
            .fetch_one(self.pool())
            .await
            .map_err(self.failed("count the stored rows"))?;
        Ok(count.cast_unsigned())
    }

    /// Compares the stored rows of a stream with the sequence numbers that were produced. About a second for a million
    /// rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&self, table: Target, stream: &str, produced: RangeInclusive<i64>) -> Result<Audit, StoreError> {
        let failed = self.failed("audit the stored rows");
        let mut transaction = self.pool().begin().await.map_err(&failed)?;
        for setting in SETTINGS {
            sqlx::query(setting).execute(&mut *transaction).await.map_err(&failed)?;
        }
        let row = sqlx::query(AssertSqlSafe(statement(table)))
            .bind(stream)
            .bind(*produced.start())
            .bind(*produced.end())
            .fetch_one(&mut *transaction)
            .await
            .map_err(&failed)?;
        let count = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
        let audit = || -> Result<Audit, sqlx::Error> {
            Ok(Audit {
                stored: count("stored")?,
                duplicates: count("duplicates")?,
                lost: count("lost")?,
                unexpected: count("unexpected")?,
            })
        };
        audit().map_err(&failed)
    }
}

/// The planner knows nothing of the made-up series and might loop over the table once a number: only hashing is right
/// here, and it should not spill. A day of a busy stream takes longer than the usual limit.
const SETTINGS: [&str; 3] =
    ["set local enable_nestloop = off", "set local work_mem = '128MB'", "set local statement_timeout = '10min'"];

fn statement(table: Target) -> String {
    format!(
        "with stored as materialized (
             select sequence, count(*) as copies from churn.{} where stream = $1 group by sequence
         ),
         counted as (
             select
                 coalesce(sum(copies) filter (where sequence between $2 and $3), 0)::bigint as stored,
                 coalesce(sum(copies - 1), 0)::bigint as duplicates,
                 coalesce(sum(copies) filter (where sequence not between $2 and $3), 0)::bigint as unexpected
             from stored
         ),
         missing as (
             select count(*) as lost
             from generate_series($2::bigint, $3::bigint) as produced (sequence)
             where not exists (select from stored where stored.sequence = produced.sequence)
         )
         select counted.stored, counted.duplicates, counted.unexpected, missing.lost from counted cross join missing",
        table.table()
    )
}
