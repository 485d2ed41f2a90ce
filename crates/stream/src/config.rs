//! The `kafka` section of the configuration.

use std::time::Duration;

use churn_runtime::config::{ByteSize, HumanDuration, Secret};
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::{StreamError, Topics};

/// How to reach Kafka and how to behave there.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Bootstrap list, `host:port[,host:port..]`. Empty: no cluster is configured (the demo then brings its own).
    pub brokers: String,
    /// Put before every topic and group name; empty outside of tests.
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
    /// How long to wait for a first answer of a broker before giving up.
    pub connect_timeout: HumanDuration,
    /// How long a record may wait for its acknowledgement before it counts as failed. Transactions cap it at `transaction_timeout`.
    pub delivery_timeout: HumanDuration,
    /// How long a producer collects records into a batch. Longer makes larger batches, and adds to the latency.
    pub linger: HumanDuration,
    /// Compression of what is produced.
    pub compression: Compression,
    /// How records are fetched.
    pub fetch: FetchConfig,
    /// Encryption and log-in; absent: plain text without log-in.
    pub security: Option<SecurityConfig>,
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
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityConfig {
    /// `ssl` and `sasl_ssl` encrypt; `sasl_plaintext` logs in without encryption.
    pub protocol: Protocol,
    /// PEM file with the certificate authorities to trust; absent: the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// PEM file with the client's certificate, for mutual TLS.
    #[serde(default)]
    pub certificate_file: Option<String>,
    /// PEM file with the client's key, for mutual TLS.
    #[serde(default)]
    pub key_file: Option<String>,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    #[serde(default)]
    pub mechanism: Option<String>,
    /// Log-in name.
    #[serde(default)]
    pub username: Option<String>,
    /// Password.
    #[serde(default)]
    pub password: Option<Secret>,
}

/// Kafka's security protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// No encryption, no log-in.
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
            transaction_timeout: duration(10_000),
            session_timeout: duration(6_000),
            connect_timeout: duration(8_000),
            delivery_timeout: duration(30_000),
            linger: duration(5),
            compression: Compression::Lz4,
            fetch: FetchConfig::default(),
            security: None,
        }
    }
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            max_wait: duration(20),
            partition_bytes: bytes(1 << 20),
            queue: bytes(16 << 20),
            channel: bytes(8 << 20),
            batch_records: 10_000,
            batch_bytes: bytes(2 << 20),
        }
    }
}

impl KafkaConfig {
    /// The topics' names under this configuration.
    #[must_use]
    pub fn topics(&self) -> Topics {
        Topics::new(&self.topic_prefix)
    }

    /// Every fault of the values, each with its setting; empty when all is well. Nothing is connected.
    #[must_use]
    pub fn faults(&self) -> Vec<StreamError> {
        let mut faults = Vec::new();
        let mut fault = |bad: bool, setting: &'static str, problem: &str| {
            if bad {
                faults.push(StreamError::Config { setting, problem: problem.to_owned() });
            }
        };
        let bad_name = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        fault(self.topic_prefix.contains(bad_name), "topic_prefix", "only letters, digits, '.', '_' and '-' can be in a topic's name");
        fault(self.partitions == 0, "partitions", "must be at least 1");
        fault(self.replication == 0, "replication", "must be at least 1 (3 in production)");
        fault(millis(self.transaction_timeout) < 1_000, "transaction_timeout", "must be at least 1 s");
        fault(millis(self.session_timeout) < 1_000, "session_timeout", "must be at least 1 s (brokers refuse less than 6 s by default)");
        fault(millis(self.connect_timeout) == 0, "connect_timeout", "must be more than 0");
        fault(self.linger.as_duration() >= self.delivery_timeout.as_duration(), "linger", "must be below delivery_timeout");
        fault(self.fetch.batch_records == 0, "fetch.batch_records", "must be at least 1");
        fault(self.fetch.partition_bytes.as_u64() < 1024, "fetch.partition_bytes", "must be at least 1 KiB");
        fault(self.fetch.batch_bytes.as_u64() > 1 << 30, "fetch.batch_bytes", "must be at most 1 GiB");
        faults.extend(self.security.iter().flat_map(SecurityConfig::faults));
        faults
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
        if let Some(security) = &self.security {
            security.apply(&mut client);
        }
        client
    }
}

impl SecurityConfig {
    fn faults(&self) -> Vec<StreamError> {
        let mut faults = Vec::new();
        let mut fault = |setting: &'static str, problem: &str| {
            faults.push(StreamError::Config { setting, problem: problem.to_owned() });
        };
        let built_in = built_in_features();
        let has = |feature: &str| built_in.split(',').any(|f| f.trim() == feature);
        if matches!(self.protocol, Protocol::Ssl | Protocol::SaslSsl) && !has("ssl") {
            fault("security.protocol", "this program is built without TLS (rdkafka's feature `ssl`); use plaintext inside a private network, or a build with TLS");
        }
        if matches!(self.protocol, Protocol::SaslPlaintext | Protocol::SaslSsl) {
            let mechanism = self.mechanism.as_deref().unwrap_or_default();
            match mechanism {
                "PLAIN" => {}
                "SCRAM-SHA-256" | "SCRAM-SHA-512" if has("sasl_scram") => {}
                "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
                    fault("security.mechanism", "SCRAM needs a build with TLS (rdkafka's feature `ssl`)");
                }
                _ => fault("security.mechanism", "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
            }
            if self.username.is_none() || self.password.is_none() {
                fault("security.username", "username and password are needed to log in");
            }
        }
        faults
    }

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
        set("sasl.password", self.password.as_ref().map(Secret::expose));
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
    ClientConfig::new()
        .create_native_config()
        .and_then(|config| config.get("builtin.features"))
        .unwrap_or_default()
}

fn duration(millis: u64) -> HumanDuration {
    HumanDuration::from(Duration::from_millis(millis))
}

fn bytes(count: u64) -> ByteSize {
    ByteSize::from(count)
}

pub(crate) fn millis(duration: HumanDuration) -> u64 {
    u64::try_from(duration.as_duration().as_millis()).unwrap_or(u64::MAX)
}
