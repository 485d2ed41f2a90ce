//! Records as columns: one arena of bytes and small entries that point into it.
//!
//! A record costs a copy of its bytes and one entry of 56 bytes, no allocation and no future. Arenas go back to a pool when a
//! batch is dropped, so a running consumer allocates nothing. A batch never mixes assignments, and keeps the order of each
//! partition.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::{Header, TopicPartition};

/// Arenas kept for reuse; more than the channel holds would only be memory that nobody uses.
const POOLED: usize = 4;

/// Part of the arena. `u32` is enough: a batch is closed long before 4 GiB, and one record is at most 2 GiB by protocol.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    const NULL: Self = Self { start: u32::MAX, len: 0 };

    fn get(self, arena: &[u8]) -> Option<&[u8]> {
        if self.start == u32::MAX {
            return None;
        }
        let start = self.start as usize;
        arena.get(start..start + self.len as usize)
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: i64,
    timestamp_ms: i64,
    partition: i32,
    topic: u16,
    header_count: u16,
    first_header: u32,
    key: Span,
    value: Span,
}

#[derive(Debug, Clone, Copy)]
struct HeaderEntry {
    name: Span,
    value: Span,
}

/// Where a partition of the batch ends.
#[derive(Debug, Clone, Copy)]
struct End {
    topic: u16,
    partition: i32,
    next_offset: i64,
}

#[derive(Debug, Default)]
struct Columns {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    headers: Vec<HeaderEntry>,
    ends: Vec<End>,
}

impl Columns {
    fn clear(&mut self) {
        self.arena.clear();
        self.entries.clear();
        self.headers.clear();
        self.ends.clear();
    }

    fn span(&mut self, bytes: Option<&[u8]>) -> Span {
        let Some(bytes) = bytes else { return Span::NULL };
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(bytes);
        Span { start, len: bytes.len() as u32 }
    }

    fn mark_end(&mut self, topic: u16, partition: i32, next_offset: i64) {
        // Fetch responses come partition by partition, so the last one is nearly always the right one.
        let found = self.ends.iter_mut().rev().find(|e| e.partition == partition && e.topic == topic);
        match found {
            Some(end) => end.next_offset = next_offset,
            None => self.ends.push(End { topic, partition, next_offset }),
        }
    }
}

/// Used arenas that wait for the next batch.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    used: Mutex<Vec<Columns>>,
    arena_bytes: usize,
}

impl Pool {
    /// Of arenas for batches that are closed after `batch_bytes`. A new arena has all of its room at once, which costs no memory
    /// until it is written to: growing step by step, it would end up with twice as much.
    pub(crate) fn new(batch_bytes: usize) -> Self {
        Self { used: Mutex::default(), arena_bytes: batch_bytes + batch_bytes / 8 }
    }

    fn take(&self) -> Columns {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).pop();
        used.unwrap_or_else(|| Columns { arena: Vec::with_capacity(self.arena_bytes), ..Columns::default() })
    }

    /// An arena that a huge record has made larger than the others is not kept.
    fn give(&self, mut columns: Columns) {
        columns.clear();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() < POOLED && (1..=self.arena_bytes).contains(&columns.arena.capacity()) {
            used.push(columns);
        }
    }
}

/// Many records of one assignment, in the order of their partitions.
pub struct RecordBatch {
    columns: Columns,
    topics: Arc<[Arc<str>]>,
    pool: Arc<Pool>,
}

impl RecordBatch {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.entries.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.entries.is_empty()
    }

    /// Bytes of keys, values and headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.columns.arena.len()
    }

    /// The `index`-th record.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        self.columns.entries.get(index).map(|entry| Record { batch: self, entry })
    }

    /// All records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> + '_ {
        self.columns.entries.iter().map(|entry| Record { batch: self, entry })
    }

    /// For each partition in the batch the offset after its last record: what to commit once the batch is durable.
    #[must_use]
    pub fn next_offsets(&self) -> Vec<(TopicPartition, i64)> {
        let name = |topic: u16| self.topics.get(usize::from(topic)).cloned().unwrap_or_else(|| Arc::from(""));
        self.columns
            .ends
            .iter()
            .map(|end| (TopicPartition { topic: name(end.topic), partition: end.partition }, end.next_offset))
            .collect()
    }
}

impl Drop for RecordBatch {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.columns));
    }
}

impl std::fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordBatch").field("records", &self.len()).field("bytes", &self.bytes()).finish()
    }
}

/// One record of a batch, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    batch: &'a RecordBatch,
    entry: &'a Entry,
}

impl<'a> Record<'a> {
    /// The topic, prefix included.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        self.batch.topics.get(usize::from(self.entry.topic)).map_or("", |t| t)
    }

    /// The topic's place in the list that the consumer was made with: cheaper to match on than the name.
    #[must_use]
    pub fn topic_index(&self) -> usize {
        usize::from(self.entry.topic)
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.entry.partition
    }

    /// The offset in the partition.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.entry.offset
    }

    /// Milliseconds since the Unix epoch; -1 where the record has no timestamp.
    #[must_use]
    pub fn timestamp_ms(&self) -> i64 {
        self.entry.timestamp_ms
    }

    /// The key; `None` when it is null.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.entry.key.get(&self.batch.columns.arena)
    }

    /// The value; `None` for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.entry.value.get(&self.batch.columns.arena)
    }

    /// The headers in order. A header whose name is not UTF-8 has an empty name and no value.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'a>> + 'a {
        let columns = &self.batch.columns;
        let first = self.entry.first_header as usize;
        let entries = columns.headers.get(first..first + usize::from(self.entry.header_count)).unwrap_or_default();
        entries.iter().map(move |entry| Header {
            name: entry.name.get(&columns.arena).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default(),
            value: entry.value.get(&columns.arena),
        })
    }

    /// The value of the last header called `name` (the last one wins, as in Java's `lastHeader`).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().filter(|h| h.name == name).last().and_then(|h| h.value)
    }
}

/// A batch that is being filled.
#[derive(Debug)]
pub(crate) struct Builder {
    columns: Columns,
    topics: Arc<[Arc<str>]>,
    pool: Arc<Pool>,
    last_topic: u16,
    /// Address of the last topic's object in librdkafka, 0 for none. It stands for the topic as long as partitions of it are
    /// assigned, so it is forgotten with the assignment.
    last_address: usize,
}

impl Builder {
    pub(crate) fn new(topics: Arc<[Arc<str>]>, pool: Arc<Pool>) -> Self {
        Self { columns: pool.take(), topics, pool, last_topic: 0, last_address: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.entries.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.columns.arena.len()
    }

    /// Adds a copy of `message`; false when its topic is not one of ours (impossible while the assignment is ours).
    pub(crate) fn push(&mut self, message: &BorrowedMessage<'_>) -> bool {
        let Some(topic) = self.topic_index(message) else { return false };
        let columns = &mut self.columns;
        let first_header = columns.headers.len() as u32;
        let mut header_count = 0u16;
        if let Some(headers) = message.headers() {
            for index in 0..headers.count() {
                // rdkafka panics on a header name that is not UTF-8, and any producer may send one.
                let read = catch_unwind(AssertUnwindSafe(|| headers.try_get(index))).unwrap_or(None);
                let name = columns.span(Some(read.as_ref().map_or("", |h| h.key).as_bytes()));
                let value = columns.span(read.and_then(|h| h.value));
                columns.headers.push(HeaderEntry { name, value });
                header_count = header_count.saturating_add(1);
            }
        }
        let entry = Entry {
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            partition: message.partition(),
            topic,
            header_count,
            first_header,
            key: columns.span(message.key()),
            value: columns.span(message.payload()),
        };
        columns.entries.push(entry);
        columns.mark_end(topic, entry.partition, entry.offset + 1);
        true
    }

    /// Forgets what was added, and the assignment it came from.
    pub(crate) fn reset(&mut self) {
        self.columns.clear();
        self.last_address = 0;
    }

    /// Keeps the last `count` records only.
    pub(crate) fn keep_last(&mut self, count: usize) {
        let extra = self.columns.entries.len().saturating_sub(count);
        self.columns.entries.drain(..extra);
    }

    /// The filled batch; the builder goes on with an empty one.
    pub(crate) fn finish(&mut self) -> RecordBatch {
        let columns = std::mem::replace(&mut self.columns, self.pool.take());
        RecordBatch { columns, topics: Arc::clone(&self.topics), pool: Arc::clone(&self.pool) }
    }

    fn topic_index(&mut self, message: &BorrowedMessage<'_>) -> Option<u16> {
        let address = message.topic_ptr() as usize;
        if address != self.last_address {
            let name = message.topic();
            self.last_topic = self.topics.iter().position(|t| **t == *name)? as u16;
            self.last_address = address;
        }
        Some(self.last_topic)
    }
}
