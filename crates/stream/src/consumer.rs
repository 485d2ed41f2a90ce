//! A member of a consumer group, as a pipeline sees it.
//!
//! The pipeline's contract: after [`Event::Assigned`] call [`Consumer::assign`]; after [`Event::Revoked`] finish and commit what is
//! in hand, then call [`Consumer::unassign`]; after [`Event::Lost`] drop what is in hand, then call [`Consumer::unassign`]. The
//! group waits for these answers. Between `Revoked` or `Lost` and the next `assign` no record is handed out.
//!
//! The consumer reports to its stage by itself: records read, partitions assigned and revoked, and, by [`Consumer::durable`] and
//! the commits built on it, positions. On a real cluster partitions are negotiated; the embedded broker's are assigned at once,
//! all of them, through the same events.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use churn_runtime::progress::Stage;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerGroupMetadata};
use tokio::sync::{mpsc as channel, oneshot, watch};

use crate::cluster::blocking;
use crate::poller::{Command, Item, Link, Poller};
use crate::positions::{Position, Start, numbered, offset_list, resolve, stored_offsets};
use crate::reader::Reader;
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
}

impl Cluster {
    /// Joins `group` (the prefix is added) to read `topics` (full names), reporting to `stage`.
    ///
    /// On the embedded broker a group has one member, which registers as a reader of all partitions at once: make consumers before
    /// producers.
    ///
    /// # Errors
    /// A topic does not exist, no broker answers, or the embedded group is taken.
    pub async fn consumer(&self, stage: &Stage, group: &str, topics: &[&str]) -> Result<Consumer, StreamError> {
        let mut partitions = Vec::new();
        for topic in topics {
            let count = self.topic_partitions(topic).await?;
            partitions.extend((0..count).map(|partition| TopicPartition::new(topic, partition)));
        }
        let group = self.group_name(group);
        if let Some(embedded) = &self.inner.embedded {
            if !embedded.join(&group) {
                let problem = format!(
                    "the embedded broker gives all partitions to one member, and group {group} has one already"
                );
                return Err(StreamError::Topic { topic: topics.join(", "), problem });
            }
            for partition in &partitions {
                stage.consumes(&partition.topic, [partition.partition]);
            }
        }
        let (cluster, stage, topics) = (self.clone(), stage.clone(), topics.iter().map(|&t| t.to_owned()).collect());
        blocking("join a consumer group", move || Consumer::join(cluster, stage, group, topics, partitions)).await
    }
}

impl Consumer {
    fn join(
        cluster: Cluster,
        stage: Stage,
        group: String,
        topics: Vec<String>,
        all: Vec<TopicPartition>,
    ) -> Result<Self, StreamError> {
        let action = || format!("join group {group} at {}", cluster.brokers());
        let context = MemberContext::new(cluster.inner.progress.clone());
        let mailbox = Arc::clone(&context.shared);
        let withdrawn = mailbox.withdrawals();
        let member: Arc<Member> = Arc::new(
            cluster
                .consumer_settings(&group)
                .create_with_context(context)
                .map_err(|e| StreamError::kafka(action(), &e))?,
        );
        let (outbox, inbox) = channel::unbounded_channel();
        if cluster.is_embedded() {
            // The receiver is alive: it is below.
            let _ = outbox.send(Item::Assigned(all));
        } else {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            member.subscribe(&names).map_err(|e| StreamError::kafka(action(), &e))?;
        }
        let fetch = &cluster.config().fetch;
        let link = Arc::new(Link::new(fetch.channel.as_usize(), fetch.batch_records as usize));
        let (commands, orders) = mpsc::channel();
        let names: Arc<[Arc<str>]> = topics.iter().map(|t| Arc::from(t.as_str())).collect();
        let reader = Reader { cluster: cluster.clone(), group: group.clone(), member: Arc::clone(&member) };
        let poller = Poller::new(reader, names, stage.clone(), Arc::clone(&link), outbox, orders, fetch);
        let thread = std::thread::Builder::new()
            .name(format!("kafka-{group}"))
            .spawn(move || poller.run())
            .map_err(|e| StreamError::Kafka { action: action(), reason: e.to_string(), retriable: false })?;
        link.set_thread(thread.thread().clone());
        Ok(Self {
            cluster,
            group,
            topics,
            stage,
            member: Some(member),
            mailbox,
            link,
            inbox,
            commands,
            thread: Some(thread),
            withdrawn,
            generation: 0,
            open: false,
            assigned: Vec::new(),
        })
    }

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

    /// Whether the group wants these partitions back so badly that a batch in hand has to be given up: they are another member's
    /// already, or have been asked back for half of `kafka.rebalance_timeout`, after all of which the group goes on without this
    /// member. So it is when the client is cut off from every broker. True before the [`Event`] has come through the queue.
    #[must_use]
    pub fn must_yield(&self) -> bool {
        if self.mailbox.is_cut_off() {
            return true;
        }
        let Some(since) = *self.withdrawn.borrow() else { return false };
        since.elapsed() >= self.cluster.config().handover()
            || self.member.as_ref().is_some_and(|member| member.assignment_lost())
    }

    /// Whether the group waits for partitions to be given back.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.borrow().is_some()
    }

    /// Ends when the group asks for partitions back, or at once where it has. Cancel-safe.
    pub async fn withdrawn(&self) {
        let mut changes = self.withdrawn.clone();
        // The sender lives in the mailbox, which this handle holds.
        let _ = changes.wait_for(Option::is_some).await;
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
        for start in &starts {
            self.stage.assigned(&start.partition.topic, start.partition.partition, start.next);
        }
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

    /// Everything before these offsets is durable: tells the stage, not Kafka.
    pub fn durable(&self, offsets: &[(TopicPartition, i64)]) {
        for (partition, next) in offsets {
            self.stage.consumed(&partition.topic, partition.partition, *next);
        }
    }

    /// Commits the offsets for the group and waits until Kafka has them, then reports them as durable.
    ///
    /// # Errors
    /// The commit failed or the partitions belong to another member by now.
    pub async fn commit(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), StreamError> {
        if let Some(embedded) = &self.cluster.inner.embedded {
            embedded.commit(&self.group, offsets);
        } else {
            let (member, list, action) = (self.member()?, offset_list(offsets)?, self.action("commit offsets"));
            blocking("commit offsets", move || {
                member.commit(&list, CommitMode::Sync).map_err(|e| StreamError::kafka(action, &e))
            })
            .await?;
        }
        self.durable(offsets);
        Ok(())
    }

    /// Shows the offsets to Kafka's tools without waiting, for a pipeline that keeps its own elsewhere. They are never read back.
    pub fn mirror(&self, offsets: &[(TopicPartition, i64)]) {
        if offsets.is_empty() {
            return;
        }
        if let Some(embedded) = &self.cluster.inner.embedded {
            embedded.commit(&self.group, offsets);
            return;
        }
        let sent = self.member().and_then(|member| {
            let list = offset_list(offsets)?;
            member.commit(&list, CommitMode::Async).map_err(|e| StreamError::kafka(self.action("mirror offsets"), &e))
        });
        if let Err(error) = sent {
            tracing::debug!(%error, "cannot mirror offsets");
        }
    }

    /// The next offset that will be read, by partition; past transaction markers once the end was reached. Partitions without a
    /// position yet are left out.
    ///
    /// # Errors
    /// The consumer is closed.
    pub fn positions(&self) -> Result<Vec<(TopicPartition, i64)>, StreamError> {
        let list = self.member()?.position().map_err(|e| StreamError::kafka(self.action("read positions"), &e))?;
        Ok(numbered(&list))
    }

    /// Whether everything that is committed to the assigned partitions at the time of the call has been read. Transaction
    /// markers do not count as unread.
    ///
    /// # Errors
    /// No broker answers, or the consumer is closed.
    pub async fn caught_up(&self) -> Result<bool, StreamError> {
        for partition in &self.assigned {
            let (low, high) = self.cluster.watermarks(&partition.topic, partition.partition).await?;
            let position = self.positions()?.into_iter().find(|(p, _)| p == partition).map(|(_, next)| next);
            // Without a position nothing has been read, which is right only for an empty partition.
            if position.map_or(high > low, |next| next < high) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the group has committed of these partitions; those of which it has nothing are left out.
    ///
    /// # Errors
    /// The coordinator does not answer, or the consumer is closed.
    pub async fn committed_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, StreamError> {
        let (cluster, group, member) = (self.cluster.clone(), self.group.clone(), self.member()?);
        let (action, partitions) = (self.action("read the committed offsets"), partitions.to_vec());
        blocking("read the committed offsets", move || {
            let stored = stored_offsets(&cluster, &group, &member, partitions.iter());
            Ok(stored.map_err(|e| StreamError::kafka(action, &e))?.into_iter().collect())
        })
        .await
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

    /// Needed to commit this group's offsets in a producer's transaction; none on the embedded broker, which forgets them.
    pub(crate) fn group_metadata(&self) -> Result<Option<ConsumerGroupMetadata>, StreamError> {
        if self.cluster.is_embedded() {
            return Ok(None);
        }
        let metadata = self.member()?.group_metadata();
        metadata.map(Some).ok_or_else(|| StreamError::closed(self.action("read group metadata")))
    }

    /// After a transaction with these offsets has committed.
    pub(crate) fn committed(&self, offsets: &[(TopicPartition, i64)]) {
        if let Some(embedded) = &self.cluster.inner.embedded {
            embedded.commit(&self.group, offsets);
        }
        self.durable(offsets);
    }

    /// Ends when the client is given up, or at once where it is. Cancel-safe.
    async fn cut_off(&self) {
        let mut changes = self.withdrawn.clone();
        // The sender lives in the mailbox, which this handle holds.
        let _ = changes.wait_for(|_| self.mailbox.is_cut_off()).await;
    }

    async fn renew(&mut self) -> Result<(), StreamError> {
        let (cluster, stage) = (self.cluster.clone(), self.stage.clone());
        let (group, topics) = (self.group.clone(), self.topics.clone());
        let fresh =
            blocking("join a consumer group again", move || Self::join(cluster, stage, group, topics, Vec::new()))
                .await?;
        // The old member has no broker to say goodbye to; nothing waits for it.
        tokio::spawn(std::mem::replace(self, fresh).close());
        self.stage.client_renewed();
        Ok(())
    }

    fn member(&self) -> Result<Arc<Member>, StreamError> {
        self.member.clone().ok_or_else(|| StreamError::closed(self.action("use")))
    }

    fn action(&self, what: &str) -> String {
        format!("{what} of group {} at {}", self.group, self.cluster.brokers())
    }

    fn forget(&mut self) {
        for partition in self.assigned.drain(..) {
            self.stage.revoked(&partition.topic, partition.partition);
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

    async fn resolve(&self, partitions: Vec<(TopicPartition, Position)>) -> Result<Vec<Start>, StreamError> {
        let (cluster, group, member) = (self.cluster.clone(), self.group.clone(), self.member()?);
        let action = self.action("look up positions");
        blocking("look up positions", move || {
            resolve(&cluster, &group, &member, partitions).map_err(|e| StreamError::kafka(action, &e))
        })
        .await
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

#[cfg(test)]
mod tests {
    use churn_runtime::progress::Progress;
    use churn_testkit::fresh_name;

    use super::*;
    use crate::{KafkaConfig, Outgoing, TopicSpec};

    /// Longest time for anything on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    async fn next(consumer: &mut Consumer) -> Event {
        tokio::time::timeout(PATIENCE, consumer.next()).await.expect("an event in time")
    }

    async fn assigned(consumer: &mut Consumer) {
        let event = next(consumer).await;
        let Event::Assigned(partitions) = event else { panic!("expected an assignment, got {event:?}") };
        let starts: Vec<_> = partitions.into_iter().map(|partition| (partition, Position::Beginning)).collect();
        consumer.assign(&starts).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_is_given_up_joins_its_group_again_with_a_new_client() {
        let progress = Progress::new();
        let config = KafkaConfig {
            brokers: churn_testkit::kafka().bootstrap,
            topic_prefix: fresh_name("renewed-"),
            ..KafkaConfig::default()
        };
        let cluster = Cluster::connect(&config, &progress).await.unwrap();
        let topic = format!("{}one", config.topic_prefix);
        let spec =
            TopicSpec { name: topic.clone(), partitions: 1, replication: 1, compacted: false, dead_letters: false };
        cluster.create_topics(&[spec]).await.unwrap();
        let ready = || async { cluster.topic_partitions(&topic).await.map(|count| count == 1) };
        churn_testkit::poll_until(PATIENCE, ready).await.unwrap();
        let stage = progress.stage("reader");
        let mut consumer = cluster.consumer(&stage, "reader", &[&topic]).await.unwrap();
        assigned(&mut consumer).await;

        // What the poller does when the watchdog tells it to.
        consumer.mailbox.cut_off();
        assert!(consumer.must_yield() && consumer.is_withdrawn());
        consumer.unassign().await.unwrap();
        assert!(!consumer.must_yield() && !consumer.is_withdrawn());
        assert_eq!(stage.snapshot().clients_renewed, 1);

        assigned(&mut consumer).await;
        let mut producer = cluster.producer(&progress.stage("writer")).unwrap();
        tokio::task::block_in_place(|| {
            producer.send(Outgoing::new(&topic, b"k", b"v")).unwrap();
            producer.flush(PATIENCE).unwrap();
        });
        let event = next(&mut consumer).await;
        let Event::Records(records) = event else { panic!("expected the record, got {event:?}") };
        assert_eq!(
            records.iter().map(|record| record.value().map(<[u8]>::to_vec)).collect::<Vec<_>>(),
            [Some(b"v".to_vec())]
        );
        consumer.close().await;
    }
}
