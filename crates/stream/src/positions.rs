//! Where to begin reading, and lists of offsets as librdkafka wants them.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;

use crate::consumer::Member;
use crate::{Cluster, StreamError, TopicPartition};

/// Grace beyond the transaction timeout for reading stored offsets: those of an open transaction are waited for.
const STORED_GRACE: Duration = Duration::from_secs(10);

/// How long looking up one partition's beginning may take.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to begin reading a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// At this offset. An error when the partition does not hold it.
    Offset(i64),
    /// At the first record there is.
    Beginning,
    /// At the group's committed offset; at the beginning when the group has never committed.
    Stored,
}

/// Where a partition begins.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) partition: TopicPartition,
    /// The first offset to be read.
    pub(crate) next: i64,
}

/// Turns positions into offsets. Blocks.
pub(crate) fn resolve(
    cluster: &Cluster,
    group: &str,
    member: &Member,
    partitions: Vec<(TopicPartition, Position)>,
) -> KafkaResult<Vec<Start>> {
    let wanted =
        partitions.iter().filter(|(_, position)| *position == Position::Stored).map(|(partition, _)| partition);
    let stored = stored_offsets(cluster, group, member, wanted)?;
    let mut starts = Vec::with_capacity(partitions.len());
    for (partition, position) in partitions {
        let known = match position {
            Position::Offset(next) => Some(next),
            Position::Beginning => None,
            Position::Stored => stored.get(&partition).copied(),
        };
        let next = match known {
            Some(next) => next,
            // librdkafka's own "beginning" takes half a second more, and does not say where it began.
            None => first_offset(cluster, &partition)?,
        };
        starts.push(Start { partition, next });
    }
    Ok(starts)
}

/// The group's committed offsets of those of the partitions that have one. Blocks.
pub(crate) fn stored_offsets<'a>(
    cluster: &Cluster,
    group: &str,
    member: &Member,
    wanted: impl Iterator<Item = &'a TopicPartition>,
) -> KafkaResult<HashMap<TopicPartition, i64>> {
    if let Some(embedded) = &cluster.inner.embedded {
        return Ok(wanted.filter_map(|p| embedded.position(group, p).map(|next| (p.clone(), next))).collect());
    }
    let mut list = TopicPartitionList::new();
    for partition in wanted {
        list.add_partition(&partition.topic, partition.partition);
    }
    if list.count() == 0 {
        return Ok(HashMap::new());
    }
    let patience = cluster.config().transaction_timeout.get() + STORED_GRACE;
    let stored = member.committed_offsets(list, patience)?;
    stored.elements().iter().try_for_each(|element| element.error())?;
    Ok(numbered(&stored).into_iter().collect())
}

fn first_offset(cluster: &Cluster, partition: &TopicPartition) -> KafkaResult<i64> {
    let (low, _) = cluster.inner.asker.watermarks(&partition.topic, partition.partition, LOOK_UP_TIMEOUT)?;
    Ok(low)
}

/// The partitions of `list` that have a numeric offset.
pub(crate) fn numbered(list: &TopicPartitionList) -> Vec<(TopicPartition, i64)> {
    let elements = list.elements();
    elements
        .iter()
        .filter_map(|element| match element.offset() {
            Offset::Offset(next) => Some((TopicPartition::new(element.topic(), element.partition()), next)),
            _ => None,
        })
        .collect()
}

pub(crate) fn offset_list(offsets: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, StreamError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, next) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*next))
            .map_err(|e| StreamError::kafka(format!("offset {next} of {partition}"), &e))?;
    }
    Ok(list)
}
