//! The seam between a real Kafka and the broker inside the process.
//!
//! Parts ask a [`Cluster`] for consumers and producers and do not see which one it is. The embedded broker is librdkafka's mock
//! cluster; it differs in four points only, each of which lives in this crate: partitions are assigned and not negotiated, the
//! positions of groups live here, producers are held back by downstream positions (`throttle`), and topics are made through the
//! mock's own call. It hides no aborted records and keeps nothing on disk.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use churn_runtime::progress::Progress;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};

use crate::ask::{Asker, is_silence};
use crate::{KafkaConfig, StreamError, TopicPartition, Topics};

/// How long one question to a reachable cluster may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a broker may take to say that it is there. Longer hides an outage, shorter calls a busy broker lost.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two looks at the client's reasons while it connects.
const CONNECT_SLICE: Duration = Duration::from_millis(500);

/// A Kafka cluster, real or embedded. Cheap to clone; all clones are the same cluster.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
    pub(crate) lane: Lane,
}

/// One of the members of a group that a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) number: usize,
    pub(crate) of: usize,
}

impl Lane {
    const ONLY: Self = Self { number: 0, of: 1 };
}

pub(crate) struct Inner {
    pub(crate) config: KafkaConfig,
    pub(crate) brokers: String,
    pub(crate) progress: Progress,
    pub(crate) embedded: Option<Embedded>,
    pub(crate) asker: Asker,
    topics: Topics,
    id: String,
    closed: AtomicBool,
}

/// What the embedded broker does not remember by itself.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    positions: Mutex<HashMap<(String, TopicPartition), i64>>,
    members: Mutex<HashSet<String>>,
}

impl Cluster {
    /// Connects to the configured cluster.
    ///
    /// # Errors
    /// A fault of the configuration, a refused log-in, or no answer within `connect_timeout`.
    pub async fn connect(config: &KafkaConfig, progress: &Progress) -> Result<Self, StreamError> {
        config.check()?;
        if config.brokers.trim().is_empty() {
            let problem = "is empty: set it to host:port of at least one broker".to_owned();
            return Err(StreamError::Config { setting: "brokers".into(), problem });
        }
        let config = config.clone();
        let progress = progress.clone();
        blocking("connect to Kafka", move || {
            let brokers = config.brokers.clone();
            let ask = Asker::new(&config.client(&brokers))?;
            let id = await_broker(&ask, &brokers, config.connect_timeout.get())?;
            tracing::info!(cluster = %id, %brokers, "connected to Kafka");
            Ok(Self::assemble(config, brokers, id, ask, progress, None))
        })
        .await
    }

    /// Starts a broker inside this process, with all topics of `config`. Its records are gone when the last clone is dropped.
    ///
    /// # Errors
    /// A fault of the configuration, or the mock cluster cannot listen on the loopback interface.
    pub async fn embedded(config: &KafkaConfig, progress: &Progress) -> Result<Self, StreamError> {
        config.check()?;
        let config = config.clone();
        let progress = progress.clone();
        let cluster = blocking("start the embedded broker", move || {
            let ask = Asker::embedded()?;
            let brokers = ask.client().client().mock_cluster().map(|mock| mock.bootstrap_servers());
            let brokers = brokers.ok_or_else(|| StreamError::closed("start the embedded broker"))?;
            let id = run_id();
            await_broker(&ask, &brokers, ASK_TIMEOUT)?;
            tracing::info!(cluster = %id, %brokers, "embedded broker started");
            Ok(Self::assemble(config, brokers, id, ask, progress, Some(Embedded::default())))
        })
        .await?;
        cluster.create_topics(&cluster.topics().specs(cluster.config())).await?;
        Ok(cluster)
    }

    fn assemble(
        config: KafkaConfig,
        brokers: String,
        id: String,
        asker: Asker,
        progress: Progress,
        embedded: Option<Embedded>,
    ) -> Self {
        let topics = config.topics();
        Self {
            lane: Lane::ONLY,
            inner: Arc::new(Inner {
                config,
                brokers,
                progress,
                embedded,
                asker,
                topics,
                id,
                closed: AtomicBool::new(false),
            }),
        }
    }

    /// The same cluster for one of `of` members, from 0, that this process has in the same group: each fetches ahead a share of
    /// what one may, and a static member has an id of its own.
    #[must_use]
    pub fn lane(&self, number: usize, of: usize) -> Self {
        Self { inner: Arc::clone(&self.inner), lane: Lane { number, of: of.max(1) } }
    }

    /// How many members share what one may fetch ahead; 1 unless this is one of several [`Self::lane`]s.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lane.of
    }

    /// The cluster's id: Kafka's own, or one generated for this run of the embedded broker.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Whether the broker lives in this process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.inner.embedded.is_some()
    }

    /// The bootstrap list in use.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.inner.brokers
    }

    /// The configuration in use.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.inner.config
    }

    /// The topics' names.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.inner.topics
    }

    /// Tells producers that wait for their downstream to give up: the process ends without draining.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::Acquire)
    }

    /// Number of partitions of `topic`.
    ///
    /// # Errors
    /// The topic does not exist, or no broker answers.
    pub async fn topic_partitions(&self, topic: &str) -> Result<i32, StreamError> {
        let name = topic.to_owned();
        let count = self.ask("read metadata", move |asker| asker.partition_count(&name, ASK_TIMEOUT)).await?;
        count.ok_or_else(|| StreamError::Topic {
            topic: topic.to_owned(),
            problem: "does not exist; `churn setup` creates it".into(),
        })
    }

    /// First offset and end offset of a partition. The end is the last stable offset: records behind it belong to open transactions.
    ///
    /// # Errors
    /// The partition does not exist, or no broker answers.
    pub async fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), StreamError> {
        let name = topic.to_owned();
        self.ask(&format!("read the ends of {topic}[{partition}]"), move |asker| {
            asker.watermarks(&name, partition, ASK_TIMEOUT)
        })
        .await
    }

    /// The first offset of a partition whose record is not older than `time_ms`; none where all records are.
    ///
    /// # Errors
    /// The partition does not exist, or no broker answers.
    pub async fn offset_since(&self, topic: &str, partition: i32, time_ms: i64) -> Result<Option<i64>, StreamError> {
        let name = topic.to_owned();
        self.ask(&format!("look for a time in {topic}[{partition}]"), move |asker| {
            asker.offset_since(&name, partition, time_ms, ASK_TIMEOUT)
        })
        .await
    }

    /// Asks whether a broker answers, and waits for it a few seconds.
    ///
    /// # Errors
    /// None does; the reason is that of the client library.
    pub async fn ping(&self) -> Result<(), StreamError> {
        let (inner, topic) = (Arc::clone(&self.inner), self.topics().events.clone());
        blocking("look for a broker", move || match inner.asker.metadata(Some(&topic), PING_TIMEOUT) {
            Ok(_) => Ok(()),
            Err(error) => Err(inner.explain("look for a broker", &error, PING_TIMEOUT)),
        })
        .await
    }

    /// Asks the cluster something that blocks, away from the async threads.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        action: &str,
        question: impl FnOnce(&Asker) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, StreamError> {
        let inner = Arc::clone(&self.inner);
        let what = format!("{action} at {}", inner.brokers);
        blocking(action, move || question(&inner.asker).map_err(|error| inner.explain(&what, &error, ASK_TIMEOUT)))
            .await
    }

    pub(crate) fn group_name(&self, group: &str) -> String {
        format!("{}{group}", self.inner.config.topic_prefix)
    }
}

impl Inner {
    /// Turns "transport failure" into the reason that the client's log gave.
    fn explain(&self, action: &str, error: &KafkaError, waited: Duration) -> StreamError {
        if error.rdkafka_error_code().is_some_and(is_silence) {
            let reason = self.asker.last_reason().unwrap_or_else(|| error.to_string());
            return StreamError::Unreachable { brokers: self.brokers.clone(), reason, waited };
        }
        StreamError::kafka(action, error)
    }
}

impl Embedded {
    /// Where `group` goes on in `partition`; none before its first commit.
    pub(crate) fn position(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.get(&(group.to_owned(), partition.clone())).copied()
    }

    pub(crate) fn commit(&self, group: &str, offsets: &[(TopicPartition, i64)]) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, next) in offsets {
            positions.insert((group.to_owned(), partition.clone()), *next);
        }
    }

    /// Takes the one seat of `group`; false when it is taken.
    pub(crate) fn join(&self, group: &str) -> bool {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).insert(group.to_owned())
    }

    pub(crate) fn leave(&self, group: &str) {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("id", &self.id())
            .field("brokers", &self.brokers())
            .field("embedded", &self.is_embedded())
            .finish()
    }
}

/// Runs `work` where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    action: &str,
    work: impl FnOnce() -> Result<T, StreamError> + Send + 'static,
) -> Result<T, StreamError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(StreamError::closed(action)))
}

/// Waits until a broker answers, and returns the cluster's id.
fn await_broker(asker: &Asker, brokers: &str, patience: Duration) -> Result<String, StreamError> {
    let start = Instant::now();
    loop {
        let slice = CONNECT_SLICE.min(patience);
        match asker.metadata(None, slice) {
            Ok(_) => {
                let id = asker.client().client().fetch_cluster_id(ASK_TIMEOUT);
                return Ok(id.unwrap_or_else(|| "unknown".to_owned()));
            }
            Err(error) => {
                let reason = asker.last_reason();
                if asker.client().context().reasons.denied() {
                    let reason = reason.unwrap_or_else(|| error.to_string());
                    return Err(StreamError::Kafka {
                        action: format!("log in at {brokers}"),
                        reason,
                        retriable: false,
                    });
                }
                if start.elapsed() + slice > patience {
                    let reason = reason.unwrap_or_else(|| error.to_string());
                    return Err(StreamError::Unreachable {
                        brokers: brokers.to_owned(),
                        reason,
                        waited: start.elapsed(),
                    });
                }
                if let Some(reason) = reason {
                    // Put it back by logging it again: the next slice may not produce a new line.
                    asker.client().context().reasons.on_error(&error, &reason);
                }
            }
        }
    }
}

/// Different for each run, so that positions of another run are never taken for this one's.
fn run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("embedded-{:x}-{:x}", now.as_micros(), std::process::id())
}
