//! Leases: what only one process may do.
//!
//! Times are the server's, so that clocks that differ do not matter. A holder that lost its lease without noticing is
//! refused by its token wherever it writes.

use std::time::Duration;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Takes a lease that nobody holds, and gives its token; `None` while another holds it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_lease(&self, name: &str, holder: &str, time: Duration) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar(
            "insert into churn.lease as held (name, holder, token, expires_at)
             values ($1, $2, 1, now() + $3 * interval '1 ms')
             on conflict (name) do update
                 set holder = excluded.holder, token = held.token + 1, expires_at = excluded.expires_at
                 where held.expires_at < now()
             returning token",
        )
        .bind(name)
        .bind(holder)
        .bind(ms(time))
        .fetch_optional(self.pool())
        .await
        .map_err(self.failed("take a lease"))
    }

    /// Holds a lease for longer. False when it is another's already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew_lease(&self, name: &str, token: i64, time: Duration) -> Result<bool, StoreError> {
        let renewed = sqlx::query(
            "update churn.lease set expires_at = now() + $3 * interval '1 ms' where name = $1 and token = $2",
        )
        .bind(name)
        .bind(token)
        .bind(ms(time))
        .execute(self.pool())
        .await
        .map_err(self.failed("renew a lease"))?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Gives a lease back, so that another need not wait for its end. Does nothing when it is another's already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_lease(&self, name: &str, token: i64) -> Result<(), StoreError> {
        sqlx::query("update churn.lease set expires_at = '-infinity' where name = $1 and token = $2")
            .bind(name)
            .bind(token)
            .execute(self.pool())
            .await
            .map_err(self.failed("release a lease"))?;
        Ok(())
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
