//! A member of a group by its name, and what its errors mean.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::consumer::Member;
use crate::{Cluster, StreamError, TopicPartition};

/// Time for one watermark when explaining a position that is gone.
const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a broker may take to answer somebody else.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Who reads. Holds on to the cluster, so that an embedded broker outlives its readers.
pub(crate) struct Reader {
    pub(crate) cluster: Cluster,
    pub(crate) group: String,
    pub(crate) member: Arc<Member>,
}

impl Reader {
    /// What `error` means for the pipeline; none when librdkafka goes on by itself (lost connections, rebalances, coordinators).
    /// `next` is where each partition was going to be read.
    pub(crate) fn judge(&self, error: &KafkaError, next: &HashMap<TopicPartition, i64>) -> Option<StreamError> {
        use RDKafkaErrorCode as C;
        let reason = self.member.context().reasons.take();
        let code = error.rdkafka_error_code()?;
        let action = format!("read as group {}", self.group);
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        match code {
            _ if fatal => Some(StreamError::Fenced { action, reason: reason.unwrap_or_else(|| error.to_string()) }),
            C::Fenced | C::FencedInstanceId | C::Fatal => {
                Some(StreamError::Fenced { action, reason: reason.unwrap_or_else(|| error.to_string()) })
            }
            C::AutoOffsetReset | C::OffsetOutOfRange => Some(self.explain_gone(reason, next)),
            C::UnknownTopicOrPartition | C::UnknownTopic | C::UnknownPartition => {
                let problem =
                    format!("{}; `churn setup` creates topics", reason.unwrap_or_else(|| "does not exist".to_owned()));
                Some(StreamError::Topic { topic: format!("of group {}", self.group), problem })
            }
            C::TopicAuthorizationFailed
            | C::GroupAuthorizationFailed
            | C::SaslAuthenticationFailed
            | C::Authentication => Some(StreamError::Kafka {
                action,
                reason: reason.unwrap_or_else(|| error.to_string()),
                retriable: false,
            }),
            _ => {
                tracing::debug!(group = %self.group, %error, reason, "consumer reports");
                None
            }
        }
    }

    /// Whether a broker answers others than this member.
    pub(crate) fn others_are_answered(&self) -> bool {
        self.cluster.inner.asker.metadata(Some(&self.cluster.topics().events), PROBE_TIMEOUT).is_ok()
    }

    /// librdkafka does not say which partition: find one whose position is outside of what it holds.
    fn explain_gone(&self, reason: Option<String>, next: &HashMap<TopicPartition, i64>) -> StreamError {
        let asker = &self.cluster.inner.asker;
        let gone = next.iter().find_map(|(partition, &next)| {
            let (low, high) = asker.watermarks(&partition.topic, partition.partition, EXPLAIN_TIMEOUT).ok()?;
            (next < low || next > high)
                .then(|| (partition.to_string(), format!("offset {next} is outside of {low}..{high}")))
        });
        let (place, problem) = gone.unwrap_or_else(|| {
            ("a partition".to_owned(), reason.unwrap_or_else(|| "the wanted offset is out of range".to_owned()))
        });
        StreamError::OffsetGone { group: self.group.clone(), place, problem }
    }
}
