//! The `scorer` section of the configuration.

use std::time::Duration;

use churn_domain::FEATURE_COUNT;
use churn_runtime::config::{ByteSize, Fault, HumanDuration, Validate, within};
use churn_stream::StormConfig;
use serde::{Deserialize, Serialize};

/// Most threads that score one batch.
const MOST_THREADS: usize = 4;

/// How events are scored.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScorerConfig {
    /// Consumer group of all scorers of this stream.
    pub group: String,
    /// Transactional id, unique among the running scorers and the same after a restart; in Kubernetes the pod's ordinal.
    pub transactional_id: String,
    /// Most events in a transaction. Larger costs less per event, smaller keeps the latency of a full stream low.
    pub batch_rows: usize,
    /// Most bytes of events in a transaction.
    pub batch_bytes: ByteSize,
    /// How long an event may wait for others to share its transaction.
    pub max_delay: HumanDuration,
    /// How long a full transaction should take from its first event to its commit: slower ones make the next ones smaller, down to
    /// 500 events, faster ones larger, up to `batch_rows`.
    pub max_latency: HumanDuration,
    /// How far an event's time may lie ahead of the clock, because clocks differ. What lies further ahead is a dead letter.
    pub max_ahead: HumanDuration,
    /// How often the registry is asked for a new champion. Announcements on `model-updates.v1` are heard at once; this finds what
    /// was not announced, or not heard.
    pub model_poll: HumanDuration,
    /// How many reasons each score gets: the features that moved it most, by their exact Shapley values. 0 turns them off, and
    /// saves the scorer's processor what the reasons cost: several times as much as the score alone.
    pub reasons: usize,
    /// Versions of the model, such as `v7`, that score the same events in the champion's shadow, into `shadow-scores.v1`.
    pub shadow: Vec<String>,
    /// How long after a promotion the champion before it goes on in the shadow, so that the two can be compared on the same events;
    /// 0s for not at all. A model in shadow costs the scorer a second score and a second record an event.
    pub predecessor_shadow: HumanDuration,
    /// Which part of the events the models in shadow score, from 0 to 1: chosen by the event's id, the same ones for all.
    pub shadow_fraction: f64,
    /// When dead letters are a storm, and what then.
    pub storm: StormConfig,
}

impl Default for ScorerConfig {
    fn default() -> Self {
        Self {
            group: "churn-scorer".into(),
            transactional_id: "churn-scorer-0".into(),
            batch_rows: 20_000,
            batch_bytes: ByteSize::mib(4),
            max_delay: HumanDuration::from(Duration::from_millis(20)),
            max_latency: HumanDuration::from(Duration::from_millis(100)),
            max_ahead: HumanDuration::from(Duration::from_secs(300)),
            model_poll: HumanDuration::from(Duration::from_secs(5)),
            reasons: 3,
            shadow: Vec::new(),
            predecessor_shadow: HumanDuration::from(Duration::from_secs(600)),
            shadow_fraction: 1.0,
            storm: StormConfig::default(),
        }
    }
}

impl ScorerConfig {
    /// Threads that find the reasons of a large batch. More hold up the other parts of a process for little.
    pub(crate) fn reason_threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
    }
}

impl Validate for ScorerConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (key, text) in [("group", &self.group), ("transactional_id", &self.transactional_id)] {
            if text.is_empty() {
                faults.push(Fault::new(key, "must not be empty"));
            }
        }
        if !(1..=100_000).contains(&self.batch_rows) {
            faults.push(Fault::new("batch_rows", "must be from 1 to 100000"));
        }
        // A score carries the time of its event, and brokers refuse times further ahead (message.timestamp.after.max.ms).
        if self.max_ahead.get() >= Duration::from_secs(3_600) {
            faults.push(Fault::new(
                "max_ahead",
                "must be less than 1 h: brokers refuse scores with later times by default",
            ));
        }
        if self.reasons > FEATURE_COUNT {
            faults.push(Fault::new("reasons", format!("must be from 0 to {FEATURE_COUNT}")));
        }
        if !(0.0..=1.0).contains(&self.shadow_fraction) {
            faults.push(Fault::new("shadow_fraction", "must be from 0 to 1"));
        }
        faults.extend(within("storm", self.storm.validate()));
        faults
    }
}
