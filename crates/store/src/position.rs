//! Positions of consumers as an operator sees and sets them.

use std::fmt::Write as _;

use sqlx::Row;

use crate::error::StoreError;
use crate::store::Store;

/// Where a consumer stands in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPosition {
    /// The consumer's name.
    pub consumer: String,
    /// The cluster whose offsets these are.
    pub cluster_id: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// First offset that is not stored yet; none before the first batch.
    pub next_offset: Option<i64>,
    /// Number of the current claim.
    pub epoch: i64,
    /// Server process of the owner's connection, where it is connected.
    pub owner: Option<i32>,
}

/// Embedded brokers live as long as their process: what they left is nobody's.
const EMBEDDED: &str = "embedded-%";

impl Store {
    /// All positions, ordered.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn positions(&self) -> Result<Vec<StoredPosition>, StoreError> {
        let rows = sqlx::query(
            "select position.consumer, position.cluster_id, position.topic, position.partition, position.next_offset, position.epoch,
                    activity.pid
             from churn.consumer_offset position
             left join pg_stat_activity activity
               on activity.pid = position.backend_pid and activity.backend_start = position.backend_start
             order by 1, 2, 3, 4",
        )
        .fetch_all(self.pool())
        .await
        .map_err(self.failed("read the positions"))?;
        let position = |row: &sqlx::postgres::PgRow| {
            Ok(StoredPosition {
                consumer: row.try_get(0)?,
                cluster_id: row.try_get(1)?,
                topic: row.try_get(2)?,
                partition: row.try_get(3)?,
                next_offset: row.try_get(4)?,
                epoch: row.try_get(5)?,
                owner: row.try_get(6)?,
            })
        };
        rows.iter().map(position).collect::<Result<_, sqlx::Error>>().map_err(self.failed("read the positions"))
    }

    /// Sets where a consumer stands and raises the epoch, so that an owner that still runs is fenced and stores nothing more under
    /// its old claim.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where a partition has a connected owner and `force` is not set; nothing is changed then.
    pub async fn set_positions(
        &self,
        consumer: &str,
        cluster_id: &str,
        positions: &[(String, i32, i64)],
        force: bool,
    ) -> Result<(), StoreError> {
        const ACTION: &str = "set positions";
        if !force {
            self.refuse_owned(consumer, cluster_id, positions).await?;
        }
        let topics: Vec<&str> = positions.iter().map(|(topic, _, _)| topic.as_str()).collect();
        let partitions: Vec<i32> = positions.iter().map(|(_, partition, _)| *partition).collect();
        let offsets: Vec<i64> = positions.iter().map(|(_, _, offset)| *offset).collect();
        sqlx::query(
            "insert into churn.consumer_offset as position
                 (consumer, cluster_id, topic, partition, next_offset, epoch, updated_at)
             select $1, $2, wanted.topic, wanted.partition, wanted.next_offset, 1, now()
             from unnest($3::text[], $4::int[], $5::bigint[]) as wanted (topic, partition, next_offset)
             order by wanted.topic, wanted.partition
             on conflict (consumer, cluster_id, topic, partition) do update
             set next_offset = excluded.next_offset, epoch = position.epoch + 1, backend_pid = null, backend_start = null,
                 updated_at = now()",
        )
        .bind(consumer)
        .bind(cluster_id)
        .bind(topics)
        .bind(partitions)
        .bind(offsets)
        .execute(self.pool())
        .await
        .map_err(self.failed(ACTION))?;
        Ok(())
    }

    /// Forgets where a consumer stood in another cluster. Returns how many partitions that was.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn forget_positions(&self, consumer: &str, cluster_id: &str) -> Result<u64, StoreError> {
        let done = sqlx::query("delete from churn.consumer_offset where consumer = $1 and cluster_id = $2")
            .bind(consumer)
            .bind(cluster_id)
            .execute(self.pool())
            .await
            .map_err(self.failed("forget positions"))?;
        Ok(done.rows_affected())
    }

    /// Checks that this consumer's positions, if it has any, are those of this cluster: in another one the same offsets are other
    /// records, and starting from nothing would store whatever that cluster holds.
    ///
    /// # Errors
    /// [`StoreError::ForeignCluster`]
    pub async fn check_cluster(&self, consumer: &str, cluster_id: &str) -> Result<(), StoreError> {
        let other: Option<String> = sqlx::query_scalar(
            "select max(cluster_id) from churn.consumer_offset
             where consumer = $1 and cluster_id not like $3
               and not exists (select from churn.consumer_offset where consumer = $1 and cluster_id = $2)",
        )
        .bind(consumer)
        .bind(cluster_id)
        .bind(EMBEDDED)
        .fetch_one(self.pool())
        .await
        .map_err(self.failed("compare the cluster with the stored positions"))?;
        match other {
            Some(stored) => Err(StoreError::ForeignCluster {
                consumer: consumer.to_owned(),
                stored,
                current: cluster_id.to_owned(),
            }),
            None => Ok(()),
        }
    }

    async fn refuse_owned(
        &self,
        consumer: &str,
        cluster_id: &str,
        positions: &[(String, i32, i64)],
    ) -> Result<(), StoreError> {
        let mut owned = String::new();
        for stored in self.positions().await? {
            let wanted = |(topic, partition, _): &(String, i32, i64)| {
                stored.consumer == consumer
                    && stored.cluster_id == cluster_id
                    && stored.topic == *topic
                    && stored.partition == *partition
            };
            if let (Some(pid), true) = (stored.owner, positions.iter().any(wanted)) {
                let _ = write!(owned, " {}[{}] (process {pid})", stored.topic, stored.partition);
            }
        }
        if owned.is_empty() {
            return Ok(());
        }
        Err(StoreError::InUse { consumer: consumer.to_owned(), owned: owned.trim_start().to_owned() })
    }
}
