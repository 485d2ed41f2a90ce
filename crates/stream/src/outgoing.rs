//! A record on its way to a producer.

use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use crate::Header;

/// A record to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The topic, prefix included.
    pub topic: &'a str,
    /// The partition; `None` lets the key decide (murmur2, as Java does), or chance where there is no key.
    pub partition: Option<i32>,
    /// The key; `None` for null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since the Unix epoch; `None` for now.
    pub timestamp_ms: Option<i64>,
    /// Headers in order.
    pub headers: &'a [Header<'a>],
}

impl<'a> Outgoing<'a> {
    /// A record whose key chooses the partition, with the time of sending and no headers.
    #[must_use]
    pub fn new(topic: &'a str, key: &'a [u8], value: &'a [u8]) -> Self {
        Self { topic, partition: None, key: Some(key), value: Some(value), timestamp_ms: None, headers: &[] }
    }

    /// The same record with a timestamp in milliseconds since the Unix epoch.
    #[must_use]
    pub fn at(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// The same record for a chosen partition.
    #[must_use]
    pub fn to_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The same record with headers.
    #[must_use]
    pub fn with_headers(mut self, headers: &'a [Header<'a>]) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) fn bytes(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }

    /// As the client library takes it; `number` comes back with the acknowledgement.
    pub(crate) fn message(&self, number: usize) -> BaseRecord<'a, [u8], [u8], usize> {
        let headers = (!self.headers.is_empty()).then(|| {
            let empty = OwnedHeaders::new_with_capacity(self.headers.len());
            self.headers.iter().fold(empty, |all, h| all.insert(KafkaHeader { key: h.name, value: h.value }))
        });
        BaseRecord {
            topic: self.topic,
            partition: self.partition,
            payload: self.value,
            key: self.key,
            timestamp: self.timestamp_ms,
            headers,
            delivery_opaque: number,
        }
    }
}
