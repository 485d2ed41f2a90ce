//! Partitions of the two big tables: made ahead, listed, dropped.
//!
//! A partition holds a span of event time. Bounds are those of the ids: the lowest id of a millisecond is that
//! millisecond in the upper 48 bits and zeros below. Only `churn setup` and the maintenance command come here; a sink
//! has no right to.

use std::ops::Range;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use uuid::Uuid;

use crate::error::StoreError;
use crate::sink::Target;
use crate::store::Store;

/// A day in milliseconds: the usual width. Narrower partitions make more files and more planning, wider ones drop
/// later.
pub const DAY_MS: i64 = 86_400_000;

/// Narrowest width: names tell partitions apart to the minute.
const MINUTE_MS: i64 = 60_000;
/// Most partitions made in one call: more is a mistaken width or span, and each partition costs every query's planning.
const MOST_AT_ONCE: i64 = 1_000;

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Of which table.
    pub table: Target,
    /// Its name within the schema.
    pub name: String,
    /// Event times that it holds, epoch milliseconds.
    pub time_ms: Range<i64>,
}

/// How much one partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSize {
    /// Rows, counted.
    pub rows: u64,
    /// Bytes on disk, with indexes.
    pub bytes: u64,
}

impl Store {
    /// Makes the partitions of both tables that cover this span of event time, each `width_ms` wide and aligned to it.
    /// A span that overlaps an existing partition is left as it is. Rows that had landed in the default partition move.
    /// Sinks go on meanwhile, unless they write to the default partition; a second call at once waits for the first.
    ///
    /// Returns what was made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ensure_partitions(&self, time_ms: Range<i64>, width_ms: i64) -> Result<Vec<Partition>, StoreError> {
        let windows = windows(time_ms, width_ms).map_err(|reason| StoreError::Query {
            action: "make partitions",
            source: sqlx::Error::InvalidArgument(reason),
        })?;
        let mut connection = self.in_turn().await?;
        let existing = self.partitions().await?;
        let failed = self.failed("make partitions");
        let mut made = Vec::new();
        for table in Target::ALL {
            for window in &windows {
                let overlaps = |other: &Partition| {
                    other.table == table && other.time_ms.start < window.end && window.start < other.time_ms.end
                };
                if existing.iter().any(overlaps) {
                    continue;
                }
                let name =
                    format!("{}_{}", table.table(), stamp(&mut connection, window.start).await.map_err(&failed)?);
                let partition = Partition { table, name, time_ms: window.clone() };
                make(&mut connection, &partition).await.map_err(&failed)?;
                made.push(partition);
            }
        }
        let _ = connection.close().await;
        Ok(made)
    }

    /// All partitions but the defaults, by table and time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let rows = sqlx::query(
            "select parent.relname as parent, child.relname as name, pg_get_expr(child.relpartbound, child.oid) as bounds
             from pg_inherits
             join pg_class parent on parent.oid = inhparent
             join pg_class child on child.oid = inhrelid
             where parent.relnamespace = to_regnamespace('churn') and parent.relkind = 'p' and child.relkind in ('r', 'p')",
        )
        .fetch_all(self.pool())
        .await
        .map_err(self.failed("list the partitions"))?;
        let parse = |row: &sqlx::postgres::PgRow| {
            let parent: String = row.try_get("parent").ok()?;
            let table = Target::ALL.into_iter().find(|table| table.table() == parent)?;
            let time_ms = parse_bounds(&row.try_get::<String, _>("bounds").ok()?)?;
            Some(Partition { table, name: row.try_get("name").ok()?, time_ms })
        };
        let mut partitions: Vec<Partition> = rows.iter().filter_map(parse).collect();
        partitions.sort_by_key(|partition| (partition.table.table(), partition.time_ms.start));
        Ok(partitions)
    }

    /// Counts and weighs one partition, which takes a pass over its index; zeros where it is gone by now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn size_of(&self, partition: &Partition) -> Result<PartitionSize, StoreError> {
        let failed = self.failed("measure a partition");
        let mut connection = self.unhurried().await?;
        let name = format!("churn.{}", partition.name);
        let bytes: Option<i64> = sqlx::query_scalar("select pg_total_relation_size(to_regclass($1))")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .map_err(&failed)?;
        let rows = match bytes {
            None => 0,
            Some(_) => count(&mut connection, format!("select count(*) from {name}")).await.map_err(&failed)?,
        };
        let _ = connection.close().await;
        Ok(PartitionSize { rows, bytes: bytes.unwrap_or_default().cast_unsigned() })
    }

    /// Rows of the table's default partition whose event time is before this one: no partition can be dropped to be rid of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn old_rows_in_default(&self, table: Target, time_ms: i64) -> Result<u64, StoreError> {
        let statement = format!(
            "select count(*) from churn.{}_default where score_id < '{}'",
            table.table(),
            bound(time_ms.clamp(0, 1 << 47))
        );
        let mut connection = self.unhurried().await?;
        let rows =
            count(&mut connection, statement).await.map_err(self.failed("count rows of the default partition"))?;
        let _ = connection.close().await;
        Ok(rows)
    }

    /// Drops the partitions that hold nothing at or after this event time, with their rows. Returns what was dropped.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop_partitions_before(&self, time_ms: i64) -> Result<Vec<Partition>, StoreError> {
        let failed = self.failed("drop a partition");
        let mut old = self.partitions().await?;
        old.retain(|partition| partition.time_ms.end <= time_ms);
        for partition in &old {
            let statement = format!("drop table if exists churn.{}", partition.name);
            sqlx::query(AssertSqlSafe(statement)).execute(self.pool()).await.map_err(&failed)?;
        }
        Ok(old)
    }
}

async fn count(connection: &mut PgConnection, statement: String) -> Result<u64, sqlx::Error> {
    sqlx::query_scalar::<_, i64>(AssertSqlSafe(statement)).fetch_one(connection).await.map(i64::cast_unsigned)
}

/// The aligned windows that cover the span.
fn windows(span: Range<i64>, width: i64) -> Result<Vec<Range<i64>>, String> {
    if width < MINUTE_MS || width % MINUTE_MS != 0 {
        return Err(format!("a partition of {width} ms: its width must be whole minutes"));
    }
    if span.start < 0 || span.end > 1 << 47 {
        return Err(format!(
            "{} to {} ms: the times must lie after 1970 and before the year 6429",
            span.start, span.end
        ));
    }
    let (first, last) = (span.start / width, (span.end.max(span.start) + width - 1) / width);
    if last - first > MOST_AT_ONCE {
        return Err(format!("{} partitions: make at most {MOST_AT_ONCE} at once", last - first));
    }
    Ok((first..last).map(|index| index * width..(index + 1) * width).collect())
}

async fn make(connection: &mut PgConnection, partition: &Partition) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for statement in statements(partition) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Made apart and then attached: attaching lets writers of other partitions go on, `create table .. partition of` does
/// not. What already lies in the default partition has to leave it first, or Postgres refuses.
fn statements(partition: &Partition) -> [String; 4] {
    let (parent, name) = (format!("churn.{}", partition.table.table()), format!("churn.{}", partition.name));
    let (low, high) = (bound(partition.time_ms.start), bound(partition.time_ms.end));
    [
        format!("create table {name} (like {parent} including defaults including constraints including indexes)"),
        format!("lock table {parent}_default in access exclusive mode"),
        format!(
            "with moved as (delete from {parent}_default where score_id >= '{low}' and score_id < '{high}' returning *)
             insert into {name} select * from moved"
        ),
        format!("alter table {parent} attach partition {name} for values from ('{low}') to ('{high}')"),
    ]
}

/// `20261123`, or `20261123t0630` where the partition does not begin at midnight.
async fn stamp(connection: &mut PgConnection, time_ms: i64) -> Result<String, sqlx::Error> {
    let format = if time_ms % DAY_MS == 0 { "YYYYMMDD" } else { "YYYYMMDD\"t\"HH24MI" };
    sqlx::query_scalar("select to_char(to_timestamp($1::bigint / 1000) at time zone 'UTC', $2)")
        .bind(time_ms)
        .bind(format)
        .fetch_one(connection)
        .await
}

/// The lowest id of a millisecond.
fn bound(time_ms: i64) -> Uuid {
    Uuid::from_u128(u128::from(time_ms.cast_unsigned()) << 80)
}

/// Reads `FOR VALUES FROM ('..') TO ('..')` as Postgres prints it; nothing for the default partition.
fn parse_bounds(text: &str) -> Option<Range<i64>> {
    let mut ids = text.split('\'').filter_map(|part| part.parse::<Uuid>().ok());
    let time_ms = |id: Uuid| i64::try_from(id.as_u128() >> 80).ok();
    Some(time_ms(ids.next()?)?..time_ms(ids.next()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_aligned_and_cover_the_span() {
        let at = |day: i64| day * DAY_MS;
        assert_eq!(windows(at(3) + 5..at(4) + 1, DAY_MS), Ok(vec![at(3)..at(4), at(4)..at(5)]));
        assert_eq!(windows(at(3)..at(5), DAY_MS), Ok(vec![at(3)..at(4), at(4)..at(5)]));
        assert_eq!(windows(at(3)..at(3), DAY_MS), Ok(vec![]));
    }

    #[test]
    fn mistaken_spans_and_widths_are_refused() {
        for (span, width) in
            [(0..1, 0), (0..1, 1_000), (-1..1, DAY_MS), (0..i64::MAX, DAY_MS), (0..DAY_MS * 2_000, DAY_MS)]
        {
            assert!(windows(span, width).is_err());
        }
    }

    #[test]
    fn bounds_are_read_as_postgres_prints_them() {
        let text = format!("FOR VALUES FROM ('{}') TO ('{}')", bound(1_763_856_000_000), bound(1_763_942_400_000));
        assert_eq!(parse_bounds(&text), Some(1_763_856_000_000..1_763_942_400_000));
        assert_eq!(parse_bounds("DEFAULT"), None);
    }
}
