//! What can go wrong between a part and Kafka, and what the caller should do about it.

use std::time::Duration;

use churn_runtime::exit::{Fate, Fated};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// An error of this crate. The message names the thing, the place and the way out.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// A setting that cannot work.
    #[error("kafka.{setting}: {problem}")]
    Config {
        /// The setting below `kafka`, as it is spelled in the configuration.
        setting: String,
        /// What is wrong with its value, and what to write instead.
        problem: String,
    },
    /// No broker answered in time.
    #[error("no Kafka broker answers at {brokers} after {} s: {reason}; check kafka.brokers and that the broker runs", waited.as_secs())]
    Unreachable {
        /// The bootstrap list that was tried.
        brokers: String,
        /// librdkafka's own reason, taken from its log.
        reason: String,
        /// How long it was tried.
        waited: Duration,
    },
    /// A topic is missing or not as the stream needs it.
    #[error("topic {topic}: {problem}")]
    Topic {
        /// The topic's name.
        topic: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The position to read from is not in the partition (any more).
    #[error(
        "{place}: {problem}; the records were trimmed before they were read, or the topic was deleted and created again; to go on with what is left, look at `churn offsets show`, set the position of consumer {group} with `churn offsets reset` and start again"
    )]
    OffsetGone {
        /// The consumer group.
        group: String,
        /// `topic[partition]`, or the whole assignment where librdkafka does not say.
        place: String,
        /// The wanted offset and what the partition holds.
        problem: String,
    },
    /// A record that no broker will take: larger than the topic allows.
    #[error("record of {bytes} bytes for {topic} is larger than the broker takes (max.message.bytes)")]
    TooLarge {
        /// The topic it was meant for.
        topic: String,
        /// Key and value together.
        bytes: usize,
    },
    /// The open transaction cannot commit: abort it, rewind and go on.
    #[error("{action}: the transaction must be aborted: {reason}")]
    MustAbort {
        /// What was being done.
        action: String,
        /// librdkafka's reason.
        reason: String,
    },
    /// The client is beyond repair, but nobody has taken its place: make a new one, read again from the stored positions.
    #[error("{action}: {reason}; the client has to be made anew")]
    Expired {
        /// What was being done.
        action: String,
        /// librdkafka's reason.
        reason: String,
    },
    /// Another member took over: this process must end.
    #[error("{action}: {reason}; another member with the same id may have taken over")]
    Fenced {
        /// What was being done.
        action: String,
        /// librdkafka's reason.
        reason: String,
    },
    /// Any other failure that Kafka reports.
    #[error("{action}: {reason}")]
    Kafka {
        /// What was being done, and where.
        action: String,
        /// librdkafka's reason.
        reason: String,
        /// Whether trying again may succeed.
        retriable: bool,
    },
}

impl StreamError {
    /// The open transaction must be aborted and its records read again.
    #[must_use]
    pub fn must_abort(&self) -> bool {
        matches!(self, Self::MustAbort { .. })
    }

    /// A failure of `action` by the plain (non-transactional) API.
    pub(crate) fn kafka(action: impl Into<String>, error: &KafkaError) -> Self {
        let action = action.into();
        if let KafkaError::Transaction(inner) = error {
            let reason = inner.string();
            return if Self::is_fencing(inner.code()) {
                Self::Fenced { action, reason }
            } else if inner.is_fatal() {
                Self::Expired { action, reason }
            } else if inner.txn_requires_abort() {
                Self::MustAbort { action, reason }
            } else {
                Self::Kafka { action, reason, retriable: inner.is_retriable() }
            };
        }
        let code = error.rdkafka_error_code();
        if code.is_some_and(Self::is_fencing) {
            return Self::Fenced { action, reason: error.to_string() };
        }
        Self::Kafka { action, reason: error.to_string(), retriable: code.is_none_or(may_pass) }
    }

    /// Whether the code says that another owner was let in. `Fatal` says only that something is: see `fatal_error`.
    pub(crate) fn is_fencing(code: RDKafkaErrorCode) -> bool {
        use RDKafkaErrorCode as C;
        matches!(code, C::Fenced | C::Fatal | C::InvalidProducerEpoch | C::ProducerFenced | C::FencedInstanceId)
    }

    /// A wait that ended without what it waited for.
    pub(crate) fn timed_out(action: impl Into<String>, after: Duration) -> Self {
        Self::Kafka {
            action: action.into(),
            reason: format!("not done after {} ms", after.as_millis()),
            retriable: true,
        }
    }

    /// A client that has lost its brokers while others have them.
    pub(crate) fn cut_off(action: impl Into<String>, reason: &str) -> Self {
        Self::Expired { action: action.into(), reason: format!("{reason}; brokers answer others, but not this client") }
    }

    /// A background task of this crate is gone: the process is shutting down or a thread panicked.
    pub(crate) fn closed(action: impl Into<String>) -> Self {
        Self::Kafka { action: action.into(), reason: "the client is closed".into(), retriable: false }
    }
}

/// Authorization and the like stay as they are until somebody changes them; all else may pass.
fn may_pass(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as C;
    !matches!(
        code,
        C::TopicAuthorizationFailed
            | C::GroupAuthorizationFailed
            | C::ClusterAuthorizationFailed
            | C::TransactionalIdAuthorizationFailed
            | C::SaslAuthenticationFailed
            | C::Authentication
            | C::UnsupportedFeature
            | C::InvalidArgument
            | C::InvalidConfig
            | C::InvalidReplicationFactor
            | C::PolicyViolation
            | C::InvalidTopic
            | C::UnknownTopic
            | C::UnknownPartition
    )
}

impl Fated for StreamError {
    fn fate(&self) -> Fate {
        match self {
            Self::TooLarge { .. } => Fate::Data,
            Self::Unreachable { .. } | Self::MustAbort { .. } | Self::Expired { .. } => Fate::External,
            Self::Kafka { retriable, .. } => {
                if *retriable {
                    Fate::External
                } else {
                    Fate::Internal
                }
            }
            Self::Config { .. } | Self::Topic { .. } | Self::OffsetGone { .. } | Self::Fenced { .. } => Fate::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fenced_producer_is_internal_and_a_lost_connection_is_external() {
        let fenced = StreamError::kafka("produce", &KafkaError::Global(RDKafkaErrorCode::Fenced));
        assert_eq!(fenced.fate(), Fate::Internal);
        let lost = StreamError::kafka("produce", &KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure));
        assert_eq!(lost.fate(), Fate::External);
    }
}
