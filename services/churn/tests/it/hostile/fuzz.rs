//! Good events, and what is made of them by chance and malice.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use churn_domain::csv::{ReadOptions, read};
use churn_domain::{EventBatch, Table};
use churn_testkit::kafka;
use churn_wire::{Codec, EventCodec, write_prefix};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::cluster::PATIENCE;
use crate::run::shipped_data;

/// Good events.
pub(crate) const GOOD: usize = 100_000;
/// Huge records among the bad ones: more would only measure the broker.
const HUGE: usize = 20;

/// Key and value of a record.
pub(crate) type Pair = (Option<String>, Option<Vec<u8>>);

/// Customers of the shipped data as events.
pub(crate) struct Good {
    customers: Table,
    schema_id: i32,
    now_ms: i64,
}

impl Good {
    pub(crate) fn new(schema_id: i32) -> Result<Self> {
        let file = std::fs::File::open(shipped_data())?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let now_ms = i64::try_from(now.as_millis())?;
        Ok(Self { customers: read(file, ReadOptions::default())?.features, schema_id, now_ms })
    }

    pub(crate) fn key(&self, row: usize) -> String {
        format!("customer-{}", row % self.customers.len())
    }

    fn batch(&self, stream: &str, row: usize, ahead_ms: i64) -> EventBatch {
        let mut batch = EventBatch::default();
        batch.stream.push(Some(stream));
        batch.sequence.push(row as i64);
        batch.event_time_ms.push(self.now_ms + ahead_ms);
        batch.customer_id.push(Some(&self.key(row)));
        batch.synthesizer_version.push(None);
        batch.features.push_from(&self.customers, row % self.customers.len());
        batch.location.push_missing();
        batch
    }

    /// The event as bytes without framing.
    pub(crate) fn body(&self, stream: &str, row: usize, ahead_ms: i64) -> Vec<u8> {
        let mut body = Vec::new();
        EventCodec::default().encode_into(&self.batch(stream, row, ahead_ms), 0, &mut body);
        body
    }

    /// The event as a record's value.
    pub(crate) fn value(&self, stream: &str, row: usize, ahead_ms: i64) -> Vec<u8> {
        let mut value = Vec::new();
        write_prefix(self.schema_id, &mut value);
        value.extend(self.body(stream, row, ahead_ms));
        value
    }
}

/// Draws bad records; the same seed draws the same ones.
pub(crate) struct Fuzz {
    state: u64,
    drawn: usize,
    huge: usize,
    prefix: usize,
}

impl Fuzz {
    pub(crate) fn new(seed: u64, good: &Good) -> Self {
        let mut prefix = Vec::new();
        write_prefix(good.schema_id, &mut prefix);
        Self { state: seed, drawn: 0, huge: 0, prefix: prefix.len() }
    }

    fn next(&mut self, below: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % below
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next(256) as u8).collect()
    }

    /// Sends all good events in order, with so many bad records in between, anywhere.
    pub(crate) fn mix(&mut self, good: &Good, bad: usize, topic: &str, sender: &mut Sender) -> Result<()> {
        let (mut good_left, mut bad_left) = (GOOD, bad);
        while good_left + bad_left > 0 {
            if self.next(good_left + bad_left) < good_left {
                let row = GOOD - good_left;
                sender.send(topic, &(Some(good.key(row)), Some(good.value("good", row, 0))))?;
                good_left -= 1;
            } else {
                let record = self.bad(good);
                sender.send(topic, &record)?;
                bad_left -= 1;
            }
        }
        Ok(())
    }

    /// A record that is no event, each kind of fault in turn.
    fn bad(&mut self, good: &Good) -> Pair {
        let row = self.next(GOOD);
        let value = good.value("good", row, 0);
        let key = (self.next(5) > 0).then(|| good.key(row));
        self.drawn += 1;
        let value = match self.drawn % 12 {
            0 => Some(value[..self.next(value.len())].to_vec()),
            1 | 2 => Some(self.flipped(&value)),
            3 => Some([&[1 + self.next(255) as u8][..], &value[1..]].concat()),
            // The registry is asked about each of these.
            4 => Some([&[0][..], &(i32::MAX - self.next(40) as i32).to_be_bytes(), &value[self.prefix..]].concat()),
            5 => Some(Vec::new()),
            6 => None,
            // Another type where a text or number should be.
            7 => Some([&value[..self.prefix], br#"{"stream": "good", "sequence": "one"}"#].concat()),
            8 => Some(self.far_out(good, row)),
            9 => Some([&value[..], &[0]].concat()),
            10 if self.huge < HUGE => {
                self.huge += 1;
                Some([&value[..self.prefix], &self.bytes(900_000)].concat())
            }
            10 => Some(self.bytes(40)).map(|bytes| [&[0xff][..], &bytes].concat()),
            _ => Some([&value[..self.prefix], &self.out_of_time(good, row)].concat()),
        };
        (key, value)
    }

    /// One bit of the record's body is another, and no event comes of it: one that does is a good event.
    fn flipped(&mut self, value: &[u8]) -> Vec<u8> {
        loop {
            let mut flipped = value.to_vec();
            let bit = self.next((value.len() - self.prefix) * 8);
            flipped[self.prefix + bit / 8] ^= 1 << (bit % 8);
            if EventCodec::default().decode_into(&flipped[self.prefix..], &mut EventBatch::default()).is_err() {
                return flipped;
            }
        }
    }

    /// An event with a sequence number that no stream has.
    fn far_out(&mut self, good: &Good, row: usize) -> Vec<u8> {
        let mut batch = good.batch("good", row, 0);
        batch.sequence[0] = -1 - self.next(1_000) as i64;
        let mut value = Vec::new();
        write_prefix(good.schema_id, &mut value);
        EventCodec::default().encode_into(&batch, 0, &mut value);
        value
    }

    /// An event of seconds that were taken for milliseconds, of the next decade, or of the end of time.
    fn out_of_time(&mut self, good: &Good, row: usize) -> Vec<u8> {
        let decade = 10 * 365 * 86_400_000;
        let ahead = [good.now_ms / 1_000 - good.now_ms, decade, i64::MAX - good.now_ms][self.next(3)];
        good.body("good", row, ahead)
    }

    /// A record that is nothing at all, to be spread over all partitions.
    pub(crate) fn foreign_to_all(&mut self, good: &Good) -> Pair {
        let row = self.next(GOOD);
        (Some(good.key(row)), Some([&[2][..], &self.bytes(60)].concat()))
    }

    /// A record that is neither a score nor an outcome.
    pub(crate) fn foreign(&mut self, good: &Good) -> Pair {
        let row = self.next(GOOD);
        let value = match self.next(4) {
            // An event is neither.
            0 => Some(good.value("good", row, 0)),
            1 => Some([&[2][..], &self.bytes(60)].concat()),
            2 => Some(Vec::new()),
            _ => None,
        };
        (Some(good.key(row)), value)
    }
}

/// Sends records as fast as they come.
pub(crate) struct Sender(BaseProducer);

impl Sender {
    pub(crate) fn new() -> Result<Self> {
        let producer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", kafka().bootstrap)
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "20")
            .create()?;
        Ok(Self(producer))
    }

    pub(crate) fn send(&mut self, topic: &str, (key, value): &Pair) -> Result<()> {
        let mut record = BaseRecord::<String, Vec<u8>>::to(topic);
        record.key = key.as_ref();
        record.payload = value.as_ref();
        loop {
            match self.0.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.0.poll(Duration::from_millis(20));
                }
                Err((error, _)) => bail!(error),
            }
        }
    }

    pub(crate) fn flush(&self) -> Result<()> {
        self.0.flush(PATIENCE).context("send the records")
    }
}
