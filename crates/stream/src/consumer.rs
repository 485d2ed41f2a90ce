//! A member of a consumer group, as a pipeline sees it.
//!
//! The pipeline's contract: after [`Event::Assigned`] call [`Consumer::assign`]; after [`Event::Revoked`] finish and commit what is
//! in hand, then call [`Consumer::unassign`]; after [`Event::Lost`] drop what is in hand, then call [`Consumer::unassign`]. The
//! group waits for these answers. Between `Revoked` or `Lost` and the next `assign` no record is handed out.
//!
//! The consumer reports to its stage by itself: records read, partitions assigned and revoked, and, by [`Consumer::durable`] and
//! the commits built on it, positions. On a real cluster partitions are negotiated; the embedded broker's are assigned at once,
//! all of them, through the same events.

mod join;
mod offsets;
#[cfg(test)]
mod tests;
mod withdrawal;

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use churn_runtime::progress::{PartitionGauge, Stage};
use rdkafka::consumer::BaseConsumer;
use tokio::sync::{mpsc as channel, oneshot, watch};

use crate::link::{Command, Item, Link};
use crate::positions::Position;
use crate::rebalance::{Mailbox, MemberContext};
use crate::{Cluster, RecordBatch, StreamError, TopicPartition};

pub(crate) type Member = BaseConsumer<MemberContext>;

/// How long saying goodbye to the group may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a consumer has to tell.
#[derive(Debug)]
pub enum Event {
    /// Records of the current assignment.
    Records(RecordBatch),
    /// These partitions are ours: choose their positions and call [`Consumer::assign`].
    Assigned(Vec<TopicPartition>),
    /// These partitions go to another member: finish, commit, call [`Consumer::unassign`].
    Revoked(Vec<TopicPartition>),
    /// These partitions are another member's already: drop what is in hand, call [`Consumer::unassign`].
    Lost(Vec<TopicPartition>),
    /// Reading cannot go on.
    Failed(StreamError),
}

/// A member of a consumer group.
pub struct Consumer {
    cluster: Cluster,
    group: String,
    topics: Vec<String>,
    stage: Stage,
    member: Option<Arc<Member>>,
    mailbox: Arc<Mailbox>,
    link: Arc<Link>,
    inbox: channel::UnboundedReceiver<Item>,
    commands: mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
    withdrawn: watch::Receiver<Option<Instant>>,
    generation: u64,
    open: bool,
    assigned: Vec<TopicPartition>,
    /// The stage's positions of `assigned`, in its order.
    held: Vec<PartitionGauge>,
}

impl Consumer {
    /// The next event. Cancel-safe: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Event {
        loop {
            match self.inbox.recv().await {
                Some(Item::Records { generation, batch }) => {
                    self.link.release(batch.bytes());
                    if generation == self.generation && self.open {
                        self.stage.read(batch.len() as u64);
                        return Event::Records(batch);
                    }
                }
                Some(Item::Assigned(partitions)) => return Event::Assigned(partitions),
                Some(Item::Revoked(partitions)) => {
                    self.open = false;
                    return Event::Revoked(partitions);
                }
                Some(Item::Lost(partitions)) => {
                    self.open = false;
                    return Event::Lost(partitions);
                }
                Some(Item::CutOff) => {
                    self.open = false;
                    return Event::Lost(self.assigned.clone());
                }
                Some(Item::Failed(error)) => return Event::Failed(error),
                None => return Event::Failed(StreamError::closed(format!("read as group {}", self.group))),
            }
        }
    }

    /// Hands records over in batches of at most this many, for a pipeline that wants to be done with each in time;
    /// `kafka.fetch.batch_records` where that is less. Holds for batches that are not made yet.
    pub fn limit_batches(&self, records: usize) {
        self.link.limit_records(records);
    }

    /// Whether nothing is fetched at the moment, because records wait here that nobody takes.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.link.is_paused()
    }

    /// Hands out no more records of this assignment: a batch of it was dropped, and what follows would leave a gap.
    pub fn abandon(&mut self) {
        self.open = false;
    }

    /// Starts reading exactly these partitions, each from its position; what was read before is forgotten. Also used to rewind.
    ///
    /// # Errors
    /// Stored offsets or the beginning cannot be looked up, or the consumer is closed.
    pub async fn assign(&mut self, partitions: &[(TopicPartition, Position)]) -> Result<(), StreamError> {
        let starts = tokio::select! {
            starts = self.resolve(partitions.to_vec()) => starts?,
            () = self.cut_off() => return Err(StreamError::Kafka {
                action: self.action("look up positions"),
                reason: "the client is cut off from every broker and will be made anew".into(),
                retriable: true,
            }),
        };
        self.forget();
        let held = starts.iter().map(|s| self.stage.assigned(&s.partition.topic, s.partition.partition, s.next));
        self.held = held.collect();
        self.assigned = starts.iter().map(|s| s.partition.clone()).collect();
        self.generation += 1;
        self.open = true;
        self.mailbox.answered();
        let generation = self.generation;
        self.order(|reply| Command::Assign { generation, starts, reply }).await
    }

    /// Stops reading, and tells the group that its partitions are free. A client that is cut off from every broker is made anew
    /// and joins the group again.
    ///
    /// # Errors
    /// The consumer is closed, or no new client can be made.
    pub async fn unassign(&mut self) -> Result<(), StreamError> {
        self.forget();
        self.generation += 1;
        self.open = false;
        if self.mailbox.is_cut_off() {
            return self.renew().await;
        }
        self.mailbox.answered();
        self.order(|reply| Command::Unassign { reply }).await
    }

    /// Partitions that are being read.
    #[must_use]
    pub fn assigned(&self) -> &[TopicPartition] {
        &self.assigned
    }

    /// The group's full name.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The topics' full names, in the order of [`crate::Record::topic_index`].
    #[must_use]
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// Leaves the group. A static member keeps its partitions for the session timeout. A broker that does not answer is not waited
    /// for: the group notices by itself.
    pub async fn close(mut self) {
        self.leave();
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join());
            match tokio::time::timeout(CLOSE_TIMEOUT, joined).await {
                Ok(Ok(Ok(()))) => {}
                Ok(_) => tracing::warn!(group = %self.group, "a consumer's thread ended badly"),
                Err(_) => tracing::warn!(group = %self.group, "left the group without the broker's answer"),
            }
        }
    }

    fn member(&self) -> Result<Arc<Member>, StreamError> {
        self.member.clone().ok_or_else(|| StreamError::closed(self.action("use")))
    }

    fn action(&self, what: &str) -> String {
        format!("{what} of group {} at {}", self.group, self.cluster.brokers())
    }

    fn forget(&mut self) {
        for (partition, held) in self.assigned.drain(..).zip(self.held.drain(..)) {
            self.stage.revoked(&partition.topic, partition.partition, &held);
        }
    }

    async fn order(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), StreamError>>) -> Command,
    ) -> Result<(), StreamError> {
        let (reply, answer) = oneshot::channel();
        let closed = || StreamError::closed(self.action("assign partitions"));
        self.commands.send(command(reply)).map_err(|_| closed())?;
        self.link.wake();
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    fn leave(&mut self) {
        self.mailbox.leave();
        self.link.wake();
        self.member = None;
        self.forget();
        if let Some(embedded) = &self.cluster.inner.embedded {
            embedded.leave(&self.group);
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.leave();
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("group", &self.group)
            .field("topics", &self.topics)
            .field("assigned", &self.assigned)
            .finish_non_exhaustive()
    }
}
