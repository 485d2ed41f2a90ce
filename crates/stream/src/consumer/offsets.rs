//! A consumer's positions: where it begins, what it has committed, and whether it has read everything.

use rdkafka::consumer::{CommitMode, Consumer as _, ConsumerGroupMetadata};

use super::Consumer;
use crate::cluster::blocking;
use crate::positions::{Position, Start, numbered, offset_list, resolve, stored_offsets};
use crate::{StreamError, TopicPartition};

impl Consumer {
    /// Everything before these offsets is durable: tells the stage, not Kafka.
    pub fn durable(&self, offsets: &[(TopicPartition, i64)]) {
        for (partition, next) in offsets {
            self.stage.consumed(&partition.topic, partition.partition, *next);
        }
    }

    /// Commits the offsets for the group and waits until Kafka has them, then reports them as durable.
    ///
    /// # Errors
    /// The commit failed or the partitions belong to another member by now.
    pub async fn commit(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), StreamError> {
        if let Some(embedded) = &self.cluster.inner.embedded {
            embedded.commit(&self.group, offsets);
        } else {
            let (member, list, action) = (self.member()?, offset_list(offsets)?, self.action("commit offsets"));
            blocking("commit offsets", move || {
                member.commit(&list, CommitMode::Sync).map_err(|e| StreamError::kafka(action, &e))
            })
            .await?;
        }
        self.durable(offsets);
        Ok(())
    }

    /// Shows the offsets to Kafka's tools without waiting, for a pipeline that keeps its own elsewhere. They are never read back.
    pub fn mirror(&self, offsets: &[(TopicPartition, i64)]) {
        if offsets.is_empty() {
            return;
        }
        if let Some(embedded) = &self.cluster.inner.embedded {
            embedded.commit(&self.group, offsets);
            return;
        }
        let sent = self.member().and_then(|member| {
            let list = offset_list(offsets)?;
            member.commit(&list, CommitMode::Async).map_err(|e| StreamError::kafka(self.action("mirror offsets"), &e))
        });
        if let Err(error) = sent {
            tracing::debug!(%error, "cannot mirror offsets");
        }
    }

    /// The next offset that will be read, by partition; past transaction markers once the end was reached. Partitions without a
    /// position yet are left out.
    ///
    /// # Errors
    /// The consumer is closed.
    pub fn positions(&self) -> Result<Vec<(TopicPartition, i64)>, StreamError> {
        let list = self.member()?.position().map_err(|e| StreamError::kafka(self.action("read positions"), &e))?;
        Ok(numbered(&list))
    }

    /// Whether everything that is committed to the assigned partitions at the time of the call has been read. Transaction
    /// markers do not count as unread.
    ///
    /// # Errors
    /// No broker answers, or the consumer is closed.
    pub async fn caught_up(&self) -> Result<bool, StreamError> {
        for partition in &self.assigned {
            let (low, high) = self.cluster.watermarks(&partition.topic, partition.partition).await?;
            let position = self.positions()?.into_iter().find(|(p, _)| p == partition).map(|(_, next)| next);
            // Without a position nothing has been read, which is right only for an empty partition.
            if position.map_or(high > low, |next| next < high) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the group has committed of these partitions; those of which it has nothing are left out.
    ///
    /// # Errors
    /// The coordinator does not answer, or the consumer is closed.
    pub async fn committed_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, StreamError> {
        let (cluster, group, member) = (self.cluster.clone(), self.group.clone(), self.member()?);
        let (action, partitions) = (self.action("read the committed offsets"), partitions.to_vec());
        blocking("read the committed offsets", move || {
            let stored = stored_offsets(&cluster, &group, &member, partitions.iter());
            Ok(stored.map_err(|e| StreamError::kafka(action, &e))?.into_iter().collect())
        })
        .await
    }

    /// Needed to commit this group's offsets in a producer's transaction; none on the embedded broker, which forgets them.
    pub(crate) fn group_metadata(&self) -> Result<Option<ConsumerGroupMetadata>, StreamError> {
        if self.cluster.is_embedded() {
            return Ok(None);
        }
        let metadata = self.member()?.group_metadata();
        metadata.map(Some).ok_or_else(|| StreamError::closed(self.action("read group metadata")))
    }

    /// After a transaction with these offsets has committed.
    pub(crate) fn committed(&self, offsets: &[(TopicPartition, i64)]) {
        if let Some(embedded) = &self.cluster.inner.embedded {
            embedded.commit(&self.group, offsets);
        }
        self.durable(offsets);
    }

    pub(super) async fn resolve(&self, partitions: Vec<(TopicPartition, Position)>) -> Result<Vec<Start>, StreamError> {
        let (cluster, group, member) = (self.cluster.clone(), self.group.clone(), self.member()?);
        let action = self.action("look up positions");
        blocking("look up positions", move || {
            resolve(&cluster, &group, &member, partitions).map_err(|e| StreamError::kafka(action, &e))
        })
        .await
    }
}
