//! What the polling thread and the pipeline's handle say to each other and share: room, the size of batches, a way to wake the thread.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;

use tokio::sync::oneshot;

use crate::positions::Start;
use crate::{RecordBatch, StreamError, TopicPartition};

/// From the poller to the consumer's handle.
pub(crate) enum Item {
    Records {
        generation: u64,
        batch: RecordBatch,
    },
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
    /// The client will not find a broker any more: it has to be made anew.
    CutOff,
    Failed(StreamError),
}

/// From the consumer's handle to the poller.
pub(crate) enum Command {
    Assign { generation: u64, starts: Vec<Start>, reply: oneshot::Sender<Result<(), StreamError>> },
    Unassign { reply: oneshot::Sender<Result<(), StreamError>> },
}

/// Bytes between poller and pipeline, and the poller's thread to wake when there is room.
#[derive(Debug)]
pub(crate) struct Link {
    queued: AtomicUsize,
    limit: usize,
    /// Most records in one batch; the pipeline adapts it.
    records: AtomicUsize,
    /// Nothing is fetched, because the pipeline takes nothing.
    paused: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Link {
    pub(crate) fn new(limit: usize, records: usize) -> Self {
        let (queued, records) = (AtomicUsize::new(0), AtomicUsize::new(records));
        Self { queued, limit, records, paused: AtomicBool::new(false), thread: OnceLock::new() }
    }

    pub(crate) fn set_thread(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    pub(crate) fn limit_records(&self, records: usize) {
        self.records.store(records.max(1), Ordering::Relaxed);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn release(&self, bytes: usize) {
        let before = self.queued.fetch_sub(bytes, Ordering::AcqRel);
        if before >= self.limit {
            self.wake();
        }
    }

    /// One batch always fits an empty channel, however large a single record is.
    pub(crate) fn has_room(&self) -> bool {
        self.queued.load(Ordering::Acquire) < self.limit
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.queued.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(crate) fn most_records(&self) -> usize {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }
}
