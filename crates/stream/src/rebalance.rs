//! What librdkafka calls from inside a consumer's poll: rebalances, statistics, log lines.
//!
//! A rebalance callback runs in the polling thread while the whole group waits, so it only notes what happened; the pipeline
//! drains, commits and answers with `assign` or `unassign`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use churn_runtime::progress::Progress;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::sync::watch;

use crate::TopicPartition;
use crate::client::Reasons;
use crate::watchdog::in_touch;

/// What the group decided, waiting to be forwarded behind the records that came before it.
#[derive(Debug)]
pub(crate) enum Rebalanced {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
}

/// Context of a group's member.
#[derive(Debug, Clone)]
pub(crate) struct MemberContext {
    pub(crate) reasons: Reasons,
    pub(crate) shared: Arc<Mailbox>,
    progress: Progress,
}

/// Where the callbacks leave their notes.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    rebalances: Mutex<Vec<Rebalanced>>,
    waiting: AtomicBool,
    /// The member is leaving: nobody will answer a revocation any more.
    leaving: AtomicBool,
    /// Since when the group waits for partitions to be given back. Known here before the note has made its way through the queue.
    withdrawn: watch::Sender<Option<Instant>>,
    /// The last statistics told of no broker to read from.
    out_of_touch: AtomicBool,
    /// The client is given up: it will not find a broker any more.
    cut_off: AtomicBool,
}

impl Mailbox {
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Whether there are notes: cheap enough to ask after every record.
    pub(crate) fn has_notes(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Notes since the last call, oldest first.
    pub(crate) fn take(&self) -> Vec<Rebalanced> {
        self.waiting.store(false, Ordering::Release);
        std::mem::take(&mut *self.rebalances.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows the time since when the group wants its partitions back.
    pub(crate) fn withdrawals(&self) -> watch::Receiver<Option<Instant>> {
        self.withdrawn.subscribe()
    }

    /// The group has its answer.
    pub(crate) fn answered(&self) {
        self.withdrawn.send_replace(None);
    }

    pub(crate) fn is_in_touch(&self) -> bool {
        !self.out_of_touch.load(Ordering::Acquire)
    }

    /// Gives the client up: whatever it holds is to be dropped.
    pub(crate) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Release);
        self.withdrawn.send_replace(Some(Instant::now()));
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Acquire)
    }

    fn put(&self, note: Rebalanced) {
        if !matches!(note, Rebalanced::Assigned(_)) {
            self.withdrawn.send_replace(Some(Instant::now()));
        }
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        self.waiting.store(true, Ordering::Release);
    }
}

impl MemberContext {
    pub(crate) fn new(progress: Progress) -> Self {
        Self { reasons: Reasons::default(), shared: Arc::default(), progress }
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.reasons.on_log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reasons.on_error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.shared.out_of_touch.store(!in_touch(&statistics), Ordering::Release);
        for (name, topic) in &statistics.topics {
            for (&partition, state) in &topic.partitions {
                // -1 is librdkafka's entry for records without a partition; negative ends are not known yet.
                if partition >= 0 && state.ls_offset > 0 && state.fetch_state == "active" {
                    self.progress.observe_end(name, partition, state.ls_offset);
                }
            }
        }
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, decision: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions = partitions_of(list);
        if decision == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !self.shared.is_leaving() {
            self.shared.put(Rebalanced::Assigned(partitions));
            return;
        }
        if self.shared.is_leaving() {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "cannot give partitions back while leaving the group");
            }
            return;
        }
        let lost = consumer.assignment_lost();
        self.shared.put(if lost { Rebalanced::Lost(partitions) } else { Rebalanced::Revoked(partitions) });
    }
}

pub(crate) fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| TopicPartition::new(element.topic(), element.partition())).collect()
}
