//! What the monitor remembers over a restart.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::error::StoreError;
use crate::store::Store;

/// The monitor's memory at one moment, with the positions that it had read up to. Both are stored by one transaction, so
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
    /// Stores the state of a shard in place of the one before, and beside it what is too much for one value, in pieces that are
    /// asked for one after the other.
    ///
    /// # Errors
    /// [`StoreError`]; the one before is still there then.
    pub async fn save_monitor_state(
        &self,
        shard: &str,
        saved: &MonitorState,
        pieces: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), StoreError> {
        let failed = self.failed("save the monitor's state");
        let mut transaction = self.pool().begin().await.map_err(&failed)?;
        replace_state(&mut transaction, shard, saved).await.map_err(&failed)?;
        replace_pieces(&mut transaction, shard, pieces).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    /// The state of a shard, and its pieces joined; `None` when none was ever stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load_monitor_state(&self, shard: &str) -> Result<Option<(MonitorState, Vec<u8>)>, StoreError> {
        let failed = self.failed("load the monitor's state");
        // One snapshot: another monitor may be saving.
        let begin = "begin isolation level repeatable read read only";
        let mut snapshot = self.pool().begin_with(begin).await.map_err(&failed)?;
        let row = sqlx::query("select format, state from churn.monitor_state where shard = $1")
            .bind(shard)
            .fetch_optional(&mut *snapshot)
            .await
            .map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let positions: Vec<(String, i64)> = sqlx::query_as(
            "select key, value::bigint from churn.monitor_state, jsonb_each_text(positions) where shard = $1",
        )
        .bind(shard)
        .fetch_all(&mut *snapshot)
        .await
        .map_err(&failed)?;
        let pieces: Vec<Vec<u8>> =
            sqlx::query_scalar("select piece from churn.monitor_state_piece where shard = $1 order by number")
                .bind(shard)
                .fetch_all(&mut *snapshot)
                .await
                .map_err(&failed)?;
        let state = MonitorState {
            format: row.try_get("format").map_err(&failed)?,
            state: row.try_get("state").map_err(&failed)?,
            positions: positions.into_iter().collect(),
        };
        Ok(Some((state, pieces.concat())))
    }
}

async fn replace_state(connection: &mut PgConnection, shard: &str, saved: &MonitorState) -> Result<(), sqlx::Error> {
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
    .execute(connection)
    .await
    .map(drop)
}

async fn replace_pieces(
    connection: &mut PgConnection,
    shard: &str,
    pieces: impl Iterator<Item = Vec<u8>>,
) -> Result<(), sqlx::Error> {
    let mut number = 0_i32;
    for piece in pieces {
        sqlx::query(
            "insert into churn.monitor_state_piece (shard, number, piece) values ($1, $2, $3)
             on conflict (shard, number) do update set piece = excluded.piece",
        )
        .bind(shard)
        .bind(number)
        .bind(piece)
        .execute(&mut *connection)
        .await?;
        number += 1;
    }
    sqlx::query("delete from churn.monitor_state_piece where shard = $1 and number >= $2")
        .bind(shard)
        .bind(number)
        .execute(connection)
        .await
        .map(drop)
}
