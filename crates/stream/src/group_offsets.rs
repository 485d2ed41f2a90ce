//! The one call of librdkafka that may never return.
//!
//! `rd_kafka_send_offsets_to_transaction` takes a timeout and does not keep it: where the group's coordinator was found but its broker
//! has been dropped since, it waits for that connection for ever (2.12.1, `rd_kafka_coord_req_fsm`). A broker that was stopped and wakes
//! up does that to a client (docs/adr/0009). So the call is made on a thread of its own, and given up when it is overdue.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::delivery::DeliveryContext;

/// How long past its own timeout a call is waited for.
const GRACE: Duration = Duration::from_secs(2);

/// Positions of a group's partitions, to be added to a transaction.
#[derive(Clone)]
pub(crate) struct GroupOffsets(Arc<(TopicPartitionList, ConsumerGroupMetadata)>);

impl GroupOffsets {
    pub(crate) fn new(positions: TopicPartitionList, group: ConsumerGroupMetadata) -> Self {
        Self(Arc::new((positions, group)))
    }

    /// Adds them. `Canceled`: the call has not returned; its thread keeps the client, which is good for nothing any more.
    pub(crate) fn send(&self, client: &Arc<BaseProducer<DeliveryContext>>, timeout: Duration) -> KafkaResult<()> {
        let (offsets, client) = (self.clone(), Arc::clone(client));
        within(timeout + GRACE, move || {
            let (positions, group) = &*offsets.0;
            client.send_offsets_to_transaction(positions, group, timeout)
        })
    }
}

/// The answer of `call`, or `Canceled` where it takes longer.
fn within(patience: Duration, call: impl FnOnce() -> KafkaResult<()> + Send + 'static) -> KafkaResult<()> {
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        // Nobody listens any more when the call was given up.
        let _ = answer.send(call());
    });
    answered.recv_timeout(patience).unwrap_or(Err(KafkaError::Canceled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_return_is_given_up_and_one_that_does_is_heard() {
        assert_eq!(within(Duration::from_secs(60), || Ok(())), Ok(()));
        assert_eq!(
            within(Duration::from_secs(60), || Err(KafkaError::NoMessageReceived)),
            Err(KafkaError::NoMessageReceived)
        );
        let (_keep, never) = mpsc::channel::<()>();
        let given_up = within(Duration::from_millis(20), move || {
            let _ = never.recv();
            Ok(())
        });
        assert_eq!(given_up, Err(KafkaError::Canceled));
    }
}
