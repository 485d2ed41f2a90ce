//! A group's committed positions, from outside of the group.

use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

use crate::client::AskContext;
use crate::cluster::blocking;
use crate::partition_reader::Onlooker;
use crate::positions::{numbered, offset_list};
use crate::{Cluster, StreamError, TopicPartition};

/// How long the group's coordinator may take. Offsets of an open transaction are waited for.
const PATIENCE: Duration = Duration::from_secs(20);

impl Cluster {
    /// The committed positions of `group` (the prefix is added). Partitions without one are left out.
    ///
    /// # Errors
    /// The coordinator does not answer.
    pub async fn group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, StreamError> {
        let group = self.group_name(group);
        let action = format!("read the positions of group {group}");
        let consumer = self.onlooker(&group)?;
        let list = offset_list(&partitions.iter().map(|p| (p.clone(), 0)).collect::<Vec<_>>())?;
        blocking("read a group's positions", move || {
            let stored =
                consumer.committed_offsets(list, PATIENCE).map_err(|e| StreamError::kafka(action.as_str(), &e))?;
            let failed = stored.elements().iter().try_for_each(|element| element.error());
            failed.map_err(|e| StreamError::kafka(action, &e))?;
            Ok(numbered(&stored))
        })
        .await
    }

    /// Sets the committed positions of `group`, which must have no running member.
    ///
    /// # Errors
    /// The group has members, or the coordinator does not answer.
    pub async fn set_group_offsets(&self, group: &str, offsets: &[(TopicPartition, i64)]) -> Result<(), StreamError> {
        let group = self.group_name(group);
        let action = format!("set the positions of group {group}");
        let (consumer, list) = (self.onlooker(&group)?, offset_list(offsets)?);
        blocking("set a group's positions", move || {
            consumer.commit(&list, CommitMode::Sync).map_err(|error| match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::UnknownMemberId | RDKafkaErrorCode::IllegalGeneration) => StreamError::Kafka {
                    action,
                    reason: "it has running members; stop them first".to_owned(),
                    retriable: true,
                },
                _ => StreamError::kafka(action, &error),
            })
        })
        .await
    }

    /// Knows the group's name and joins nothing.
    fn onlooker(&self, group: &str) -> Result<Onlooker, StreamError> {
        self.onlooker_settings(group)
            .create_with_context(AskContext::default())
            .map_err(|e| StreamError::kafka(format!("look at group {group}"), &e))
    }
}
