//! The `kafka` section of the configuration.

use churn_runtime::config::{ByteSize, Fault, HumanDuration, Secret, Validate, within};
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::{StreamError, Topics};

/// How to reach Kafka and how to behave there.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Bootstrap list, `host:port[,host:port..]`. Empty: no cluster is configured (the demo then brings its own).
    pub brokers: String,
    /// Put before every topic and group name, so that several platforms can share a cluster.
    pub topic_prefix: String,
    /// Partitions of each of the four stream topics. More allow more members; fewer make larger batches.
    pub partitions: u16,
    /// Copies of each partition. Below 3 a single lost disk loses records.
    pub replication: u16,
    /// Static member id (`group.instance.id`), unique per member: a restart within the session timeout then keeps its partitions.
    /// In Kubernetes the pod's name of a StatefulSet.
    pub member: Option<String>,
    /// A transaction left open by a dead member blocks its readers this long. Shorter aborts slow batches, longer delays readers.
    pub transaction_timeout: HumanDuration,
    /// A silent member loses its partitions after this time. Shorter reacts faster, but to pauses too.
    pub session_timeout: HumanDuration,
    /// How long members may take to finish their batches when partitions move; after it the group goes on without them. Longer
    /// leaves more time to a slow database, but holds the whole group up. Counts as `session_timeout` where it is shorter.
    pub rebalance_timeout: HumanDuration,
    /// How long to wait for a first answer of a broker before giving up.
    pub connect_timeout: HumanDuration,
    /// How long a client may be without a broker while others of this process get answers; then it is made anew. (A broker that was
    /// stopped and wakes up can leave a client without any.) Shorter resumes sooner, but gives a client less time to connect again.
    pub cut_off_after: HumanDuration,
    /// How long a record may wait for its acknowledgement before it counts as failed. Transactions cap it at `transaction_timeout`.
    pub delivery_timeout: HumanDuration,
    /// How long a producer collects records into a batch. Longer makes larger batches, and adds to the latency.
    pub linger: HumanDuration,
    /// Compression of what is produced.
    pub compression: Compression,
    /// How records are fetched.
    pub fetch: FetchConfig,
    /// Encryption and log-in.
    pub security: SecurityConfig,
}

/// How records are fetched and handed over.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FetchConfig {
    /// How long a broker may hold an empty answer back.
    pub max_wait: HumanDuration,
    /// Most bytes of one partition in one answer.
    pub partition_bytes: ByteSize,
    /// Bytes that the client library fetches ahead, a consumer.
    pub queue: ByteSize,
    /// Bytes that wait between a consumer and its pipeline; when full, fetching pauses.
    pub channel: ByteSize,
    /// Most records in one batch.
    pub batch_records: u32,
    /// Bytes after which a batch is closed.
    pub batch_bytes: ByteSize,
}

/// Compression of record batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// None: least work for the processor.
    None,
    /// LZ4: a third of the bytes for little work.
    Lz4,
    /// Snappy.
    Snappy,
    /// Gzip: smallest of these, slow.
    Gzip,
}

/// Encryption and log-in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityConfig {
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub protocol: Protocol,
    /// PEM file with the certificate authorities to trust; absent: the system's.
    pub ca_file: Option<String>,
    /// PEM file with the client's certificate, for mutual TLS.
    pub certificate_file: Option<String>,
    /// PEM file with the client's key, for mutual TLS.
    pub key_file: Option<String>,
    /// How to log in: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: Option<String>,
    /// Log-in name.
    pub username: Option<String>,
    /// Password.
    pub password: Secret,
}

/// Kafka's security protocols.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// No encryption, no log-in.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// Log-in without encryption.
    SaslPlaintext,
    /// Log-in over TLS.
    SaslSsl,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            topic_prefix: String::new(),
            partitions: 4,
            replication: 1,
            member: None,
            transaction_timeout: HumanDuration::from_secs(10),
            session_timeout: HumanDuration::from_secs(10),
            rebalance_timeout: HumanDuration::from_secs(30),
            connect_timeout: HumanDuration::from_secs(8),
            cut_off_after: HumanDuration::from_secs(10),
            delivery_timeout: HumanDuration::from_secs(30),
            linger: HumanDuration::from_millis(5),
            compression: Compression::Lz4,
            fetch: FetchConfig::default(),
            security: SecurityConfig::default(),
        }
    }
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            max_wait: HumanDuration::from_millis(20),
            partition_bytes: ByteSize::kib(256),
            queue: ByteSize::mib(4),
            channel: ByteSize::mib(4),
            batch_records: 10_000,
            batch_bytes: ByteSize::mib(1),
        }
    }
}

impl KafkaConfig {
    /// The topics' names under this configuration.
    #[must_use]
    pub fn topics(&self) -> Topics {
        Topics::new(&self.topic_prefix)
    }

    /// How long the group waits for a member's answer to a rebalance, and how long a polling thread may be silent.
    pub(crate) fn rebalance_ms(&self) -> u64 {
        self.rebalance_timeout.max(self.session_timeout).as_millis()
    }

    /// How long a batch in hand may be tried again once its partitions are asked back.
    pub(crate) fn handover(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.rebalance_ms() / 2)
    }

    /// Settings that every client shares.
    pub(crate) fn client(&self, brokers: &str) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", brokers)
            .set("client.id", "churnstream")
            .set("socket.keepalive.enable", "true")
            // The default of 10 s between attempts would add to every broker restart.
            .set("reconnect.backoff.max.ms", "1000")
            // Idle connections are closed by brokers all the time; that is no news.
            .set("log.connection.close", "false");
        self.security.apply(&mut client);
        client
    }

    /// The first fault as an error, for those who did not load the configuration through the runtime.
    pub(crate) fn check(&self) -> Result<(), StreamError> {
        match self.validate().into_iter().next() {
            Some(fault) => Err(StreamError::Config { setting: fault.key, problem: fault.message }),
            None => Ok(()),
        }
    }
}

impl Validate for KafkaConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |bad: bool, key: &str, message: &str| {
            if bad {
                faults.push(Fault::new(key, message));
            }
        };
        let bad_name = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        fault(
            self.topic_prefix.contains(bad_name),
            "topic_prefix",
            "only letters, digits, '.', '_' and '-' can be in a topic's name",
        );
        fault(self.partitions == 0, "partitions", "must be at least 1");
        fault(self.replication == 0, "replication", "must be at least 1 (3 in production)");
        fault(self.transaction_timeout.as_millis() < 1_000, "transaction_timeout", "must be at least 1 s");
        fault(
            self.session_timeout.as_millis() < 1_000,
            "session_timeout",
            "must be at least 1 s (brokers refuse less than 6 s by default)",
        );
        fault(self.rebalance_timeout.as_millis() > 3_600_000, "rebalance_timeout", "must be at most 1 h");
        fault(
            self.cut_off_after.as_millis() < 2_000,
            "cut_off_after",
            "must be at least 2 s (clients connect again within one)",
        );
        fault(self.connect_timeout.as_millis() == 0, "connect_timeout", "must be more than 0");
        let delivery = self.delivery_timeout.min(self.transaction_timeout);
        fault(self.linger >= delivery, "linger", "must be below delivery_timeout and transaction_timeout");
        fault(self.fetch.batch_records == 0, "fetch.batch_records", "must be at least 1");
        fault(self.fetch.partition_bytes < ByteSize::kib(1), "fetch.partition_bytes", "must be at least 1 KiB");
        fault(self.fetch.partition_bytes > ByteSize::mib(512), "fetch.partition_bytes", "must be at most 512 MiB");
        fault(self.fetch.queue > ByteSize::mib(2047), "fetch.queue", "must be at most 2047 MiB");
        fault(self.fetch.channel == ByteSize::bytes(0), "fetch.channel", "must be more than 0");
        fault(self.fetch.batch_bytes > ByteSize::mib(1024), "fetch.batch_bytes", "must be at most 1 GiB");
        faults.extend(within("security", self.security.validate()));
        faults
    }
}

impl Validate for SecurityConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, message: &str| faults.push(Fault::new(key, message));
        let built_in = built_in_features();
        let has = |feature: &str| built_in.split(',').any(|f| f.trim() == feature);
        if matches!(self.protocol, Protocol::Ssl | Protocol::SaslSsl) && !has("ssl") {
            fault(
                "protocol",
                "this program is built without TLS (rdkafka's feature `ssl`); use plaintext inside a private network, or a build with TLS",
            );
        }
        if matches!(self.protocol, Protocol::SaslPlaintext | Protocol::SaslSsl) {
            let mechanism = self.mechanism.as_deref().unwrap_or_default();
            match mechanism {
                "PLAIN" => {}
                "SCRAM-SHA-256" | "SCRAM-SHA-512" if has("sasl_scram") => {}
                "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
                    fault("mechanism", "SCRAM needs a build with TLS (rdkafka's feature `ssl`)");
                }
                _ => fault("mechanism", "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
            }
            if self.username.is_none() || self.password.is_empty() {
                fault("username", "username and password are needed to log in");
            }
        }
        faults
    }
}

impl SecurityConfig {
    fn apply(&self, client: &mut ClientConfig) {
        let protocol = match self.protocol {
            Protocol::Plaintext => "plaintext",
            Protocol::Ssl => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslSsl => "sasl_ssl",
        };
        client.set("security.protocol", protocol);
        let mut set = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                client.set(key, value);
            }
        };
        set("ssl.ca.location", self.ca_file.as_deref());
        set("ssl.certificate.location", self.certificate_file.as_deref());
        set("ssl.key.location", self.key_file.as_deref());
        set("sasl.mechanism", self.mechanism.as_deref());
        set("sasl.username", self.username.as_deref());
        set("sasl.password", Some(self.password.expose()).filter(|p| !p.is_empty()));
    }
}

impl Compression {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Snappy => "snappy",
            Self::Gzip => "gzip",
        }
    }
}

/// What the linked librdkafka can do, as it says itself.
fn built_in_features() -> String {
    ClientConfig::new().create_native_config().and_then(|config| config.get("builtin.features")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_fault() {
        assert_eq!(KafkaConfig::default().validate(), []);
    }

    #[test]
    fn tls_is_refused_by_a_build_without_it() {
        let security = SecurityConfig { protocol: Protocol::Ssl, ..SecurityConfig::default() };
        let config = KafkaConfig { security, ..KafkaConfig::default() };
        let without_tls = !built_in_features().split(',').any(|f| f.trim() == "ssl");
        let refused =
            config.validate().iter().any(|f| f.key == "security.protocol" && f.message.contains("without TLS"));
        assert_eq!(refused, without_tls);
    }

    #[test]
    fn every_fault_is_listed_with_its_key() {
        let config = KafkaConfig { partitions: 0, topic_prefix: "a b".into(), ..KafkaConfig::default() };
        let keys: Vec<String> = config.validate().into_iter().map(|f| f.key).collect();
        assert_eq!(keys, ["topic_prefix", "partitions"]);
    }

    #[derive(Default, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(default)]
    struct Root {
        /// Kafka.
        kafka: KafkaConfig,
    }

    impl Validate for Root {
        fn validate(&self) -> Vec<Fault> {
            within("kafka", self.kafka.validate())
        }
    }

    #[test]
    fn the_section_loads_from_the_environment() {
        let env = [
            ("CHURN__KAFKA__BROKERS", "a:9092,b:9092"),
            ("CHURN__KAFKA__MEMBER", "scorer-0"),
            ("CHURN__KAFKA__COMPRESSION", "none"),
            ("CHURN__KAFKA__FETCH__CHANNEL", "1 MiB"),
            ("CHURN__KAFKA__SECURITY__PROTOCOL", "sasl_plaintext"),
            ("CHURN__KAFKA__SECURITY__MECHANISM", "PLAIN"),
            ("CHURN__KAFKA__SECURITY__USERNAME", "u"),
            ("CHURN__KAFKA__SECURITY__PASSWORD", "p"),
        ];
        let loaded =
            churn_runtime::config::load::<Root>(&churn_runtime::config::Sources::none().with_env(env)).unwrap();
        let kafka = loaded.config.kafka;
        assert_eq!(kafka.brokers, "a:9092,b:9092");
        assert_eq!(kafka.member.as_deref(), Some("scorer-0"));
        assert_eq!(kafka.compression, Compression::None);
        assert_eq!(kafka.fetch.channel, ByteSize::mib(1));
        assert_eq!(kafka.security.protocol, Protocol::SaslPlaintext);
    }

    #[test]
    fn a_password_is_never_shown() {
        let security = SecurityConfig { password: Secret::new("hunter2"), ..SecurityConfig::default() };
        assert!(!format!("{security:?}").contains("hunter2"));
    }
}
