//! Taking turns: what only one process may change at a time.

use sqlx::postgres::PgConnection;

use crate::error::StoreError;
use crate::store::Store;

/// Any number that nobody else uses in this database.
const ADVISORY_LOCK: i64 = 0x0063_6875_726e;

impl Store {
    /// A connection that alone sets up the tables, until it is closed or lost. Postgres's own `if not exists` is not enough:
    /// of two that find nothing at the same moment, one fails.
    pub(crate) async fn in_turn(&self) -> Result<PgConnection, StoreError> {
        let failed = self.failed("wait for another program to set up the tables");
        let mut connection = self.unhurried().await?;
        let free: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(ADVISORY_LOCK)
            .fetch_one(&mut connection)
            .await
            .map_err(&failed)?;
        if !free {
            tracing::info!("another program sets up the tables; waiting for its end");
            // The other's migration may take longer than a lock may usually be waited for.
            sqlx::query("set lock_timeout = 0").execute(&mut connection).await.map_err(&failed)?;
            sqlx::query("select pg_advisory_lock($1)")
                .bind(ADVISORY_LOCK)
                .execute(&mut connection)
                .await
                .map_err(&failed)?;
            sqlx::query("reset lock_timeout").execute(&mut connection).await.map_err(&failed)?;
        }
        Ok(connection)
    }
}
