//! The table of positions: claiming, moving on, releasing.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::error::sqlstate;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// A partition that a writer owns from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// First offset that is not stored yet; none before the first batch, where the consumer decides where to begin.
    pub next_offset: Option<i64>,
    /// Number of this claim.
    pub epoch: i64,
}

/// A batch moves a partition on from `expected` to `next`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetAdvance {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where the partition stands: what the claim said, or the last batch's `next`.
    pub expected: Option<i64>,
    /// Offset after the batch's last record; larger than `expected`.
    pub next: i64,
    /// Epoch of the claim.
    pub epoch: i64,
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

impl TopicPartition {
    /// This partition of this topic.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

/// How long to wait for the predecessor's server process to end, in milliseconds. It ends within a few unless the
/// machine is choking; then the locks decide.
const END_WAIT_MS: i64 = 5_000;

/// Ends the recorded connections of these partitions' owners (of all, or of one epoch), if they still are what was
/// recorded. The inner query picks the connections before the outer one ends them: a process that has nothing to do
/// with it is never touched.
const END_OWNERS: &str = "select pg_terminate_backend(pid, $5) from (
        select distinct activity.pid
        from churn.consumer_offset position
        join unnest($3::text[], $4::int[], $6::bigint[]) as wanted (topic, partition, epoch) using (topic, partition)
        join pg_stat_activity activity on activity.pid = position.backend_pid and activity.backend_start = position.backend_start
        where position.consumer = $1 and position.cluster_id = $2 and activity.pid <> pg_backend_pid()
          and (wanted.epoch is null or wanted.epoch = position.epoch)
        offset 0
    ) owner";

/// Locks are taken in one order, so that two claimants wait for each other and do not deadlock.
const CLAIM: &str = "insert into churn.consumer_offset as position
        (consumer, cluster_id, topic, partition, next_offset, epoch, backend_pid, backend_start, updated_at)
    select $1, $2, wanted.topic, wanted.partition, null, 1, activity.pid, activity.backend_start, now()
    from (select distinct topic, partition from unnest($3::text[], $4::int[]) as given (topic, partition) order by topic, partition) wanted
    cross join (select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()) activity
    on conflict (consumer, cluster_id, topic, partition) do update
    set epoch = position.epoch + 1, backend_pid = excluded.backend_pid, backend_start = excluded.backend_start, updated_at = now()
    returning topic, partition, next_offset, epoch";

/// Records the connection that a writer continues with, where its claim still holds.
const RENEW: &str = "update churn.consumer_offset position
    set backend_pid = activity.pid, backend_start = activity.backend_start, updated_at = now()
    from unnest($3::text[], $4::int[], $5::bigint[]) as held (topic, partition, epoch),
         (select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()) activity
    where position.consumer = $1 and position.cluster_id = $2
      and position.topic = held.topic and position.partition = held.partition and position.epoch = held.epoch
    returning position.topic, position.partition";

const RELEASE: &str = "update churn.consumer_offset position
    set backend_pid = null, backend_start = null, updated_at = now()
    from unnest($3::text[], $4::int[], $5::bigint[]) as held (topic, partition, epoch)
    where position.consumer = $1 and position.cluster_id = $2
      and position.topic = held.topic and position.partition = held.partition and position.epoch = held.epoch";

const ADVANCE: &str = "update churn.consumer_offset position
    set next_offset = moved.next, updated_at = now()
    from unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[]) as moved (topic, partition, epoch, expected, next)
    where position.consumer = $1 and position.cluster_id = $2
      and position.topic = moved.topic and position.partition = moved.partition
      and position.epoch = moved.epoch and position.next_offset is not distinct from moved.expected
    returning position.topic, position.partition";

/// The lock makes this wait for a commit that is still under way on the server.
const READ: &str = "select position.topic, position.partition, position.next_offset, position.epoch
    from churn.consumer_offset position
    join unnest($3::text[], $4::int[]) as wanted (topic, partition) using (topic, partition)
    where position.consumer = $1 and position.cluster_id = $2
    for update of position";

/// Whose positions: a consumer's on a cluster.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) consumer: String,
    pub(super) cluster_id: String,
}

impl Owner {
    /// Ends the connections of whoever owns these partitions, but for this one.
    pub(super) async fn end_predecessors(
        &self,
        connection: &mut PgConnection,
        partitions: &[TopicPartition],
    ) -> Result<(), sqlx::Error> {
        self.end(connection, partitions.iter(), vec![None; partitions.len()]).await
    }

    /// Ends the former connection of a writer with these claims, and only that: where a claim is lost, the recorded
    /// connection is its new owner's.
    pub(super) async fn end_former(
        &self,
        connection: &mut PgConnection,
        epochs: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), sqlx::Error> {
        self.end(connection, epochs.keys(), epochs.values().copied().map(Some).collect()).await
    }

    /// Where the server does not allow it, the locks decide.
    async fn end(
        &self,
        connection: &mut PgConnection,
        partitions: impl Iterator<Item = &TopicPartition>,
        epochs: Vec<Option<i64>>,
    ) -> Result<(), sqlx::Error> {
        let (topics, numbers) = columns(partitions);
        let ended = sqlx::query(END_OWNERS)
            .bind(&self.consumer)
            .bind(&self.cluster_id)
            .bind(topics)
            .bind(numbers)
            .bind(END_WAIT_MS)
            .bind(epochs)
            .fetch_all(connection)
            .await;
        match ended {
            Ok(ended) => {
                if !ended.is_empty() {
                    tracing::info!(connections = ended.len(), "ended the connections of the former owner");
                }
                Ok(())
            }
            Err(error) if sqlstate(&error).as_deref() == Some("42501") => {
                tracing::warn!(reason = %error, "the former owner's connection may not be ended, waiting for its locks instead");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn claim(
        &self,
        connection: &mut PgConnection,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Claim>, sqlx::Error> {
        let (topics, numbers) = columns(partitions.iter());
        let rows = sqlx::query(CLAIM)
            .bind(&self.consumer)
            .bind(&self.cluster_id)
            .bind(topics)
            .bind(numbers)
            .fetch_all(connection)
            .await?;
        let mut claims = rows.iter().map(claim_of).collect::<Result<Vec<_>, _>>()?;
        claims.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok(claims)
    }

    /// Returns the partitions whose claim still holds.
    pub(super) async fn renew(
        &self,
        connection: &mut PgConnection,
        epochs: &BTreeMap<TopicPartition, i64>,
    ) -> Result<Vec<TopicPartition>, sqlx::Error> {
        let (topics, numbers) = columns(epochs.keys());
        let rows = sqlx::query(RENEW)
            .bind(&self.consumer)
            .bind(&self.cluster_id)
            .bind(topics)
            .bind(numbers)
            .bind(epochs.values().copied().collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        rows.iter().map(partition_of).collect()
    }

    pub(super) async fn release(
        &self,
        connection: &mut PgConnection,
        epochs: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), sqlx::Error> {
        let (topics, numbers) = columns(epochs.keys());
        sqlx::query(RELEASE)
            .bind(&self.consumer)
            .bind(&self.cluster_id)
            .bind(topics)
            .bind(numbers)
            .bind(epochs.values().copied().collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Returns the partitions that were moved on.
    pub(super) async fn advance(
        &self,
        connection: &mut PgConnection,
        offsets: &[OffsetAdvance],
    ) -> Result<Vec<TopicPartition>, sqlx::Error> {
        let rows = sqlx::query(ADVANCE)
            .bind(&self.consumer)
            .bind(&self.cluster_id)
            .bind(offsets.iter().map(|offset| offset.topic.as_str()).collect::<Vec<_>>())
            .bind(offsets.iter().map(|offset| offset.partition).collect::<Vec<_>>())
            .bind(offsets.iter().map(|offset| offset.epoch).collect::<Vec<_>>())
            .bind(offsets.iter().map(|offset| offset.expected).collect::<Vec<_>>())
            .bind(offsets.iter().map(|offset| offset.next).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        rows.iter().map(partition_of).collect()
    }

    /// Where these partitions stand, locked until the transaction ends.
    pub(super) async fn read_locked(
        &self,
        connection: &mut PgConnection,
        offsets: &[OffsetAdvance],
    ) -> Result<Vec<Claim>, sqlx::Error> {
        let rows = sqlx::query(READ)
            .bind(&self.consumer)
            .bind(&self.cluster_id)
            .bind(offsets.iter().map(|offset| offset.topic.as_str()).collect::<Vec<_>>())
            .bind(offsets.iter().map(|offset| offset.partition).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        rows.iter().map(claim_of).collect()
    }
}

fn columns<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> (Vec<String>, Vec<i32>) {
    partitions.map(|partition| (partition.topic.clone(), partition.partition)).unzip()
}

fn partition_of(row: &PgRow) -> Result<TopicPartition, sqlx::Error> {
    Ok(TopicPartition { topic: row.try_get("topic")?, partition: row.try_get("partition")? })
}

fn claim_of(row: &PgRow) -> Result<Claim, sqlx::Error> {
    Ok(Claim {
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        next_offset: row.try_get("next_offset")?,
        epoch: row.try_get("epoch")?,
    })
}
