//! librdkafka's settings for consumers and producers, each with the reason for its value.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::Cluster;

/// Most milliseconds between two heartbeats. With its answer a member hears that the group changes: until the last one has heard, those
/// who join wait without partitions.
const HEARTBEAT_MS: u64 = 1_000;
/// How long a broker may hold an empty answer back when it is embedded: the mock does not cut the wait short for new records, so
/// this is added to the latency.
const EMBEDDED_FETCH_WAIT_MS: &str = "5";
/// Bytes in the local queue of a producer for the embedded broker. Together with what the throttle lets through it must stay
/// below the 5 MiB a partition after which the mock drops records.
const EMBEDDED_QUEUE_KIB: &str = "1024";
/// Must fit that queue.
const EMBEDDED_RECORD_BYTES: &str = "1000000";

/// Largest record that a producer hands to a broker, which has its own limit a topic. Only dead letters come near it: the topics
/// that `churn setup` makes take records of 1 MiB, and 2 MiB for the letters of such records.
const RECORD_BYTES: &str = "16777216";

/// A batch leaves when it is full: a quarter of the queue, so that others fill while it is on its way.
const EMBEDDED_BATCH_BYTES: &str = "262144";

impl Cluster {
    /// Settings of a consumer of `group` (full name).
    pub(crate) fn consumer_settings(&self, group: &str) -> ClientConfig {
        let config = self.config();
        let fetch = &config.fetch;
        let mut settings = config.client(self.brokers());
        settings
            .set_log_level(RDKafkaLogLevel::Info)
            .set("group.id", group)
            .set("session.timeout.ms", config.session_timeout.as_millis().to_string())
            .set("heartbeat.interval.ms", (config.session_timeout.as_millis() / 4).min(HEARTBEAT_MS).to_string())
            // Also the time that the group grants for an answer to a rebalance.
            .set("max.poll.interval.ms", config.rebalance_ms().to_string())
            // Equal counts and "range" give a member the same partition numbers of every topic.
            .set("partition.assignment.strategy", "range")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A position that is gone is an error, never a silent jump.
            .set("auto.offset.reset", "error")
            // The position moves past transaction markers only with the end-of-partition event.
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", fetch.max_wait.as_millis().to_string())
            .set("fetch.min.bytes", "1")
            .set("max.partition.fetch.bytes", fetch.partition_bytes.get().to_string())
            .set("queued.max.messages.kbytes", (fetch.queue.get() / 1024 / self.lane.of as u64).max(1).to_string())
            // The default of a second would stall a consumer that has filled its small queue.
            .set("fetch.queue.backoff.ms", "5");
        if self.is_embedded() {
            settings.set("fetch.wait.max.ms", EMBEDDED_FETCH_WAIT_MS);
        } else {
            // Statistics carry each partition's end without asking for it.
            settings.set("statistics.interval.ms", "1000");
            if let Some(member) = &config.member {
                settings.set("group.instance.id", static_id(member, group, self.lane.number));
            }
        }
        settings
    }

    /// Settings of an idempotent producer.
    pub(crate) fn producer_settings(&self) -> ClientConfig {
        let config = self.config();
        let mut settings = config.client(self.brokers());
        settings
            .set_log_level(RDKafkaLogLevel::Info)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", config.linger.as_millis().to_string())
            .set("compression.type", config.compression.name())
            .set("delivery.timeout.ms", config.delivery_timeout.as_millis().to_string())
            .set("message.max.bytes", RECORD_BYTES)
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "32768");
        if self.is_embedded() {
            // Compression would only cost time on the loopback interface.
            settings
                .set("compression.type", "none")
                .set("message.max.bytes", EMBEDDED_RECORD_BYTES)
                .set("queue.buffering.max.kbytes", EMBEDDED_QUEUE_KIB)
                .set("batch.size", EMBEDDED_BATCH_BYTES);
        }
        settings
    }

    /// Settings of a transactional producer.
    pub(crate) fn transactional_settings(&self, transactional_id: &str) -> ClientConfig {
        let config = self.config();
        let timeout = config.transaction_timeout.as_millis();
        let mut settings = self.producer_settings();
        settings
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", timeout.to_string())
            // librdkafka wants a record to fail before its transaction does.
            .set("delivery.timeout.ms", config.delivery_timeout.as_millis().min(timeout).to_string());
        settings
    }
}

/// The static id of a member, unique in its group. A process's first lane has the one that it would have alone.
fn static_id(member: &str, group: &str, lane: usize) -> String {
    if lane == 0 { format!("{member}-{group}") } else { format!("{member}-lane-{lane}-{group}") }
}

#[cfg(test)]
mod tests {
    use churn_runtime::progress::Progress;

    use super::*;
    use crate::KafkaConfig;

    #[tokio::test]
    async fn lanes_share_what_one_member_fetches_ahead() {
        let cluster = Cluster::embedded(&KafkaConfig::default(), &Progress::new()).await.unwrap();
        let queue = |cluster: &Cluster| {
            cluster.consumer_settings("g").get("queued.max.messages.kbytes").unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(queue(&cluster), 2 * queue(&cluster.lane(1, 2)));
        assert_eq!((cluster.lanes(), cluster.lane(1, 2).lanes()), (1, 2));
    }

    #[test]
    fn each_lane_of_a_static_member_has_an_id_of_its_own() {
        let ids = [0, 1, 2].map(|lane| static_id("sink-0", "churn-sink", lane));
        assert_eq!(ids, ["sink-0-churn-sink", "sink-0-lane-1-churn-sink", "sink-0-lane-2-churn-sink"]);
    }
}
