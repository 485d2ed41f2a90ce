//! What every part has read, done and made durable, in one place.
//!
//! Throttling, lag, draining, the live table and the console read this and nothing else, so they cannot disagree.
//!
//! The rule that keeps it true: **a stage reports what it produced before it reports what it consumed for it.** Then a record is
//! never invisible: until its input counts as consumed, its output already counts as outstanding. [`Progress::drained`] relies on
//! it.
//!
//! Offsets are next offsets: 0 means nothing, `n` means everything before `n`. All updates are meant for batches; each costs a few
//! atomic operations and one uncontended lock.

mod change;
mod histogram;
mod latency;
mod pace;
mod positions;
mod stage;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::futures::Notified;

use change::Change;
pub use histogram::LatencyHistogram;
pub use latency::{Latency, LatencySnapshot};
pub use pace::PaceSnapshot;
use positions::Positions;
use stage::StageState;
pub use stage::{Lag, PartitionGauge, Stage, StageSnapshot};

/// How often [`Progress::drained`] looks again when positions moved under its eyes. Under steady traffic it then answers "no",
/// which is true.
const DRAIN_READS: usize = 8;

/// The account of all stages in this process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    shared: Arc<Shared>,
}

/// What stages and their handles hold on to.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    stages: RwLock<BTreeMap<String, Arc<StageState>>>,
    produced: Positions,
    change: Change,
}

impl Progress {
    /// With no stages and no topics.
    pub fn new() -> Self {
        Self::default()
    }

    /// The stage of that name, made at the first call.
    pub fn stage(&self, name: &str) -> Stage {
        let mut stages = self.shared.stages.write().unwrap_or_else(PoisonError::into_inner);
        let state = stages
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(StageState { name: name.to_owned(), ..StageState::default() }));
        Stage { state: Arc::clone(state), shared: Arc::clone(&self.shared) }
    }

    /// All stages, by name.
    pub fn snapshot(&self) -> Vec<StageSnapshot> {
        let stage = |state| Stage { state, shared: Arc::clone(&self.shared) };
        self.shared.states().into_iter().map(|state| stage(state).snapshot()).collect()
    }

    /// The broker's end of a partition, told by a consumer that learns it (a watermark) where the producer is another process.
    /// Never moves back.
    pub fn observe_end(&self, topic: &str, partition: i32, next_offset: i64) {
        let cell = self.shared.produced.cell(topic, partition, 0);
        self.shared.change.with(|| {
            cell.fetch_max(next_offset, std::sync::atomic::Ordering::SeqCst);
        });
    }

    /// The first offset that brokers have not acknowledged; none when nobody has produced to or observed the partition.
    pub fn produced_end(&self, topic: &str, partition: i32) -> Option<i64> {
        self.shared.produced.get(topic, partition)
    }

    /// Records of a partition that its slowest consuming stage has not made durable. 0 when no stage consumes it.
    pub fn outstanding(&self, topic: &str, partition: i32) -> i64 {
        self.shared.outstanding(topic, partition)
    }

    /// Outstanding records of all partitions of a topic.
    pub fn backlog(&self, topic: &str) -> i64 {
        self.shared.produced.of(topic).iter().map(|&(partition, _)| self.outstanding(topic, partition)).sum()
    }

    /// How far one stage is behind in a topic; 0 for a stage that does not consume it.
    pub fn stage_lag(&self, stage: &str, topic: &str) -> i64 {
        let state = self.shared.states().into_iter().find(|state| state.name == stage);
        let lags = state.map(|state| self.shared.stage_lags(&state)).unwrap_or_default();
        lags.iter().filter(|lag| lag.topic == topic).map(|lag| lag.records).sum()
    }

    /// Every consuming stage's lag in every partition it holds, by stage, topic and partition. Revoked partitions are gone.
    pub fn lags(&self) -> Vec<Lag> {
        self.shared.states().iter().flat_map(|state| self.shared.stage_lags(state)).collect()
    }

    /// Topics that anyone has produced to, observed or consumes, by name.
    pub fn topics(&self) -> Vec<String> {
        let consumed = self.shared.states().into_iter().flat_map(|state| state.consumed.all().into_keys());
        let mut topics: Vec<_> = self.shared.produced.all().into_keys().chain(consumed).collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// Whether nothing is outstanding in any of these topics, all read as of one moment. While positions keep moving the answer
    /// is no.
    pub fn drained(&self, topics: &[&str]) -> bool {
        for _ in 0..DRAIN_READS {
            let begun = self.shared.change.begun();
            if topics.iter().any(|topic| self.backlog(topic) > 0) {
                return false;
            }
            if self.shared.change.begun() == begun {
                return true;
            }
        }
        false
    }

    /// Ends at the next change of a position or durable count. It counts changes from the moment it is made, so make it first,
    /// then look, then await:
    ///
    /// ```
    /// # async fn hold_back(progress: &churn_runtime::progress::Progress) {
    /// loop {
    ///     let changed = progress.changed();
    ///     if progress.backlog("customer-events.v1") < 10_000 {
    ///         break;
    ///     }
    ///     changed.await;
    /// }
    /// # }
    /// ```
    pub fn changed(&self) -> Notified<'_> {
        self.shared.change.notified()
    }

    /// Blocks a thread until `reached` holds, looking again at every change, at most `timeout`. Says whether it holds.
    pub fn wait_until(&self, timeout: Duration, reached: impl Fn(&Self) -> bool) -> bool {
        self.shared.change.wait_until(timeout, || reached(self))
    }
}

impl Shared {
    fn states(&self) -> Vec<Arc<StageState>> {
        self.stages.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn outstanding(&self, topic: &str, partition: i32) -> i64 {
        // The end is read first: what is produced or consumed in between can only make the answer too small by work just done.
        let Some(end) = self.produced.get(topic, partition) else {
            return 0;
        };
        let slowest = self.states().iter().filter_map(|state| state.consumed.get(topic, partition)).min();
        slowest.map_or(0, |position| (end - position).max(0))
    }

    pub(crate) fn stage_lags(&self, state: &StageState) -> Vec<Lag> {
        let mut lags = Vec::new();
        for (topic, partitions) in state.consumed.all() {
            for (partition, position) in partitions {
                let end = self.produced.get(&topic, partition).unwrap_or(0);
                let records = (end - position).max(0);
                lags.push(Lag { stage: state.name.clone(), topic: topic.clone(), partition, records });
            }
        }
        lags
    }
}

#[cfg(test)]
mod tests;
