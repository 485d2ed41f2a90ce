//! The thread that polls librdkafka and hands batches over.
//!
//! It forwards what it has as soon as nothing more is waiting, so a lone record is not delayed, and closes a batch by count and
//! bytes under load. When the pipeline does not keep up it first simply stops polling, and after [`STALL`] pauses the partitions
//! and polls on, so that rebalances are still served.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use churn_runtime::progress::Stage;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc as channel;

use crate::batch::{Builder, Pool};
use crate::config::FetchConfig;
use crate::link::{Command, Item, Link};
use crate::positions::{Start, numbered};
use crate::reader::Reader;
use crate::rebalance::Rebalanced;
use crate::watchdog::{Advice, Watchdog};
use crate::{StreamError, TopicPartition};

/// How long a poll waits: the longest that an order (`assign`) waits too.
const IDLE: Duration = Duration::from_millis(10);
/// A pipeline that takes nothing for this long may keep a whole group waiting: pause and go on polling.
const STALL: Duration = Duration::from_secs(2);
/// Least time between two looks at positions past transaction markers.
const SETTLE: Duration = Duration::from_millis(100);
/// Records between two looks at orders while records keep coming.
const ORDERS_EVERY: u32 = 256;

pub(crate) struct Poller {
    reader: Reader,
    stage: Stage,
    link: Arc<Link>,
    outbox: channel::UnboundedSender<Item>,
    orders: Receiver<Command>,
    batch: Builder,
    max_records: usize,
    max_bytes: usize,
    generation: u64,
    /// Between `assign` and the next revocation.
    accepting: bool,
    stalled: Option<Instant>,
    paused: bool,
    /// Next offset after what was handed over, or where the partition began.
    handed: HashMap<TopicPartition, i64>,
    /// A partition's end was reached since the last look at positions.
    reached_end: bool,
    settled: Instant,
    watchdog: Watchdog,
}

impl Poller {
    pub(crate) fn new(
        reader: Reader,
        topics: Arc<[Arc<str>]>,
        stage: Stage,
        link: Arc<Link>,
        outbox: channel::UnboundedSender<Item>,
        orders: Receiver<Command>,
        fetch: &FetchConfig,
    ) -> Self {
        let watchdog = Watchdog::new(reader.cluster.config().cut_off_after.get());
        Self {
            reader,
            stage,
            link,
            outbox,
            orders,
            batch: Builder::new(topics, Arc::new(Pool::new(fetch.batch_bytes.as_usize()))),
            max_records: fetch.batch_records as usize,
            max_bytes: fetch.batch_bytes.as_usize(),
            generation: 0,
            accepting: false,
            stalled: None,
            paused: false,
            handed: HashMap::new(),
            reached_end: false,
            settled: Instant::now(),
            watchdog,
        }
    }

    /// Runs until the handle leaves.
    pub(crate) fn run(mut self) {
        let mailbox = Arc::clone(&self.reader.member.context().shared);
        let mut until_orders = 0u32;
        let mut idle = true;
        while !mailbox.is_leaving() {
            if idle || until_orders == 0 {
                until_orders = ORDERS_EVERY;
                if !self.serve_orders() {
                    break;
                }
            }
            until_orders -= 1;
            let most = self.max_records.min(self.link.most_records());
            let full = self.batch.len() >= most || self.batch.bytes() >= self.max_bytes;
            if (full || idle) && !self.batch.is_empty() && self.link.has_room() {
                self.hand_over();
            } else if full && !self.paused {
                self.wait_for_room();
                idle = true;
                continue;
            }
            let patience = if idle || self.paused { IDLE } else { Duration::ZERO };
            idle = self.poll(patience);
            if mailbox.has_notes() {
                mailbox.take().into_iter().for_each(|note| self.forward(note));
            }
            if idle && self.reached_end && self.settled.elapsed() >= SETTLE {
                self.settle();
            }
            // Nothing is fetched while paused, so connections may go for lack of use.
            if idle && !self.paused && !mailbox.is_cut_off() {
                self.watch();
            }
        }
        // A rebalance that the pipeline has not answered would keep the client from ever closing.
        if let Err(error) = self.reader.member.unassign() {
            tracing::debug!(group = %self.reader.group, %error, "cannot give partitions back while leaving the group");
        }
    }

    /// Takes one message, or serves one event; says whether nothing was waiting.
    fn poll(&mut self, patience: Duration) -> bool {
        // The message borrows the client, and the batch is a field of the same struct: borrow them apart.
        let Self { reader, batch, accepting, .. } = self;
        match reader.member.poll(patience) {
            None => true,
            Some(Ok(message)) => {
                if *accepting {
                    batch.push(&message);
                }
                false
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                self.reached_end = true;
                false
            }
            Some(Err(error)) => {
                if let Some(failure) = self.reader.judge(&error, &self.handed) {
                    self.send(Item::Failed(failure));
                }
                false
            }
        }
    }

    /// Gives a client up that has no broker any more while others have.
    fn watch(&mut self) {
        let in_touch = self.reader.member.context().shared.is_in_touch();
        match self.watchdog.look(in_touch, Instant::now()) {
            Advice::Nothing => {}
            Advice::Probe => {
                let answered = self.reader.others_are_answered();
                self.watchdog.probed(answered, Instant::now());
            }
            Advice::Renew => {
                tracing::warn!(group = %self.reader.group, "brokers answer others, but not this client: it is made anew");
                self.forget();
                self.reader.member.context().shared.cut_off();
                self.send(Item::CutOff);
            }
        }
    }

    fn hand_over(&mut self) {
        let batch = self.batch.finish();
        for (partition, next) in batch.next_offsets() {
            self.handed.insert(partition, next);
        }
        self.link.add(batch.bytes());
        self.send(Item::Records { generation: self.generation, batch });
        self.stalled = None;
        if self.paused {
            self.resume();
        }
    }

    /// Nothing is lost when the pipeline is gone: it has left, and so will this thread.
    fn send(&self, item: Item) {
        let _ = self.outbox.send(item);
    }

    fn wait_for_room(&mut self) {
        let since = *self.stalled.get_or_insert_with(Instant::now);
        if since.elapsed() < STALL {
            std::thread::park_timeout(IDLE);
            return;
        }
        match self.reader.member.assignment().and_then(|all| self.reader.member.pause(&all)) {
            Ok(()) => {
                tracing::debug!(group = %self.reader.group, "pipeline takes no records: fetching paused");
                self.set_paused(true);
            }
            // Try again after the next stall rather than in a tight loop.
            Err(error) => {
                tracing::warn!(group = %self.reader.group, %error, "cannot pause fetching");
                self.stalled = None;
            }
        }
    }

    fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.link.set_paused(paused);
    }

    fn resume(&mut self) {
        self.set_paused(false);
        match self.reader.member.assignment().and_then(|all| self.reader.member.resume(&all)) {
            Ok(()) => tracing::debug!(group = %self.reader.group, "fetching resumed"),
            Err(error) => self.send(Item::Failed(StreamError::kafka(
                format!("resume fetching as group {}", self.reader.group),
                &error,
            ))),
        }
    }

    /// The order of events is the order in the channel: first the records that came before, then the note.
    fn forward(&mut self, note: Rebalanced) {
        if !self.batch.is_empty() {
            self.hand_over();
        }
        match note {
            Rebalanced::Assigned(partitions) => self.send(Item::Assigned(partitions)),
            Rebalanced::Revoked(partitions) => {
                self.accepting = false;
                self.send(Item::Revoked(partitions));
            }
            Rebalanced::Lost(partitions) => {
                self.accepting = false;
                self.send(Item::Lost(partitions));
            }
        }
    }

    /// False when the handle is gone.
    fn serve_orders(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Command::Assign { generation, starts, reply }) => {
                    let done = self.assign(generation, &starts);
                    let _ = reply.send(done);
                }
                Ok(Command::Unassign { reply }) => {
                    self.forget();
                    let action = format!("give back partitions of group {}", self.reader.group);
                    let _ = reply.send(self.reader.member.unassign().map_err(|e| StreamError::kafka(action, &e)));
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn assign(&mut self, generation: u64, starts: &[Start]) -> Result<(), StreamError> {
        let error = |e: &KafkaError| StreamError::kafka("assign partitions", e);
        self.forget();
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for start in starts {
            list.add_partition_offset(&start.partition.topic, start.partition.partition, Offset::Offset(start.next))
                .map_err(|e| error(&e))?;
            self.handed.insert(start.partition.clone(), start.next);
        }
        self.reader.member.assign(&list).map_err(|e| error(&e))?;
        self.reader.member.resume(&list).map_err(|e| error(&e))?;
        self.generation = generation;
        self.accepting = true;
        Ok(())
    }

    fn forget(&mut self) {
        self.batch.reset();
        self.handed.clear();
        self.accepting = false;
        self.stalled = None;
        self.set_paused(false);
    }

    /// Where everything handed over is durable and the end was reached, moves the stage's position past transaction markers and
    /// aborted records: they would be lag for ever.
    fn settle(&mut self) {
        self.settled = Instant::now();
        if !self.batch.is_empty() || !self.accepting {
            return;
        }
        let Ok(list) = self.reader.member.position() else { return };
        let mut pending = false;
        for (partition, position) in numbered(&list) {
            let Some(&handed) = self.handed.get(&partition) else { continue };
            let durable = self.stage.position(&partition.topic, partition.partition).unwrap_or(0);
            if durable < handed {
                pending = true;
            } else if position > handed {
                self.stage.consumed(&partition.topic, partition.partition, position);
                self.handed.insert(partition, position);
            }
        }
        self.reached_end = pending;
    }
}
