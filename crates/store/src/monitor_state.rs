//! What the monitor remembers over a restart.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::error::StoreError;
use crate::store::Store;

/// The monitor's memory at one moment, with the positions that it had read up to. Both are stored by one statement, so
/// that they belong to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorState {
    /// Version of the encoding of `state`.
    pub format: i32,
    /// Whatever the monitor needs.
    pub state: Vec<u8>,
    /// Next offsets, by `topic/partition`.
    pub positions: BTreeMap<String, i64>,
}

impl Store {
    /// Stores the state of a shard in place of the one before.
    ///
    /// # Errors
    /// [`StoreError`]; the one before is still there then.
    pub async fn save_monitor_state(&self, shard: &str, saved: &MonitorState) -> Result<(), StoreError> {
        let partitions: Vec<&str> = saved.positions.keys().map(String::as_str).collect();
        let offsets: Vec<i64> = saved.positions.values().copied().collect();
        sqlx::query(
            "insert into churn.monitor_state (shard, format, state, positions, saved_at)
             values ($1, $2, $3, coalesce((select jsonb_object_agg(p, o) from unnest($4::text[], $5::bigint[]) as at (p, o)), '{}'), now())
             on conflict (shard) do update set format = excluded.format, state = excluded.state, positions = excluded.positions,
                                               saved_at = excluded.saved_at",
        )
        .bind(shard)
        .bind(saved.format)
        .bind(&saved.state)
        .bind(partitions)
        .bind(offsets)
        .execute(self.pool())
        .await
        .map_err(self.failed("save the monitor's state"))?;
        Ok(())
    }

    /// The state of a shard; `None` when none was ever stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load_monitor_state(&self, shard: &str) -> Result<Option<MonitorState>, StoreError> {
        let failed = self.failed("load the monitor's state");
        let row = sqlx::query("select format, state from churn.monitor_state where shard = $1")
            .bind(shard)
            .fetch_optional(self.pool())
            .await
            .map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let positions: Vec<(String, i64)> = sqlx::query_as(
            "select key, value::bigint from churn.monitor_state, jsonb_each_text(positions) where shard = $1",
        )
        .bind(shard)
        .fetch_all(self.pool())
        .await
        .map_err(&failed)?;
        Ok(Some(MonitorState {
            format: row.try_get("format").map_err(&failed)?,
            state: row.try_get("state").map_err(&failed)?,
            positions: positions.into_iter().collect(),
        }))
    }
}
