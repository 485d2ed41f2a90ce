//! Whether a producer is in touch with its brokers (see [`crate::watchdog`]).
//!
//! Statistics would tell without asking, as they tell of consumers, but pile up in a client that nobody polls. So the client's own
//! question and that of another client are compared, where a call has failed or takes long.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use crate::{Producer, StreamError};

/// How long a broker may take to show that this client, or another one, is in touch with it. More than librdkafka's pauses
/// between attempts to connect (a second).
const TOUCH_TIMEOUT: Duration = Duration::from_secs(3);

/// How long nothing may be heard before the client is asked whether it has a broker at all.
pub(crate) const QUIET: Duration = Duration::from_secs(2);

impl Producer {
    /// The same error, or one that asks for a new client where this one gets no answers any more although others do.
    pub(crate) fn judged(&self, error: StreamError) -> StreamError {
        match error {
            StreamError::Kafka { action, retriable: true, reason } | StreamError::MustAbort { action, reason }
                if self.unanswered().is_some() =>
            {
                StreamError::cut_off(action, &reason)
            }
            error => error,
        }
    }

    /// Whether the client finds no broker to ask, although others do. A broker that only takes its time does not count: what was
    /// sent to it may still be acknowledged.
    pub(crate) fn has_no_broker(&self) -> bool {
        let code = self.unanswered().and_then(|error| error.rdkafka_error_code());
        code == Some(RDKafkaErrorCode::BrokerTransportFailure)
    }

    /// Why the client's own question finds no answer, although another client's does.
    fn unanswered(&self) -> Option<KafkaError> {
        if self.cluster.is_embedded() {
            return None;
        }
        let topic = Some(self.cluster.topics().events.as_str());
        self.cluster.inner.asker.metadata(topic, TOUCH_TIMEOUT).ok()?;
        self.client.client().fetch_metadata(topic, TOUCH_TIMEOUT).err()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use churn_runtime::progress::Progress;
    use churn_testkit::fresh_name;
    use rdkafka::producer::BaseRecord;

    use super::*;
    use crate::{Cluster, KafkaConfig};

    /// Longer than a client that is cut off is given.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_producer_that_has_no_broker_gives_up_early_and_one_that_has_is_left_alone() {
        let brokers = churn_testkit::kafka().bootstrap;
        let config = KafkaConfig { brokers, topic_prefix: fresh_name("touch-"), ..KafkaConfig::default() };
        let cluster = Cluster::connect(&config, &Progress::new()).await.unwrap();
        let stage = Progress::new().stage("writer");
        let fine = cluster.producer(&stage).unwrap();
        let mut settings = cluster.producer_settings();
        settings.set("bootstrap.servers", "127.0.0.1:1");
        let mut lost = Producer::create(&cluster, &settings, &stage).unwrap();
        tokio::task::block_in_place(|| {
            assert!(!fine.has_no_broker());
            assert!(lost.has_no_broker());
            let number = lost.context().topic_number("one");
            let record = BaseRecord::<[u8], [u8], _>::with_opaque_to("one", number).payload(b"v");
            lost.client.send(record).map_err(|(error, _)| error).unwrap();
            let began = Instant::now();
            let failed = lost.flush(PATIENCE);
            assert!(matches!(failed, Err(StreamError::Expired { .. })), "{failed:?}");
            assert!(began.elapsed() < config.delivery_timeout.get(), "{:?}", began.elapsed());
        });
    }
}
