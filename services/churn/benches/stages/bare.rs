//! The limits: what the servers and the client libraries do when nothing is done with the records.

use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message};
use sqlx::postgres::PgPoolCopyExt as _;
use sqlx::{Connection, PgConnection};

use crate::cpu;
use crate::stack::{Measured, PARTITIONS};

/// As the sink's default.
const TRANSACTION_ROWS: usize = 10_000;
const CALL: Duration = Duration::from_secs(10);

/// Produces `count` records of `value` with plain librdkafka, under the settings of our own producers.
pub(crate) fn produce(brokers: &str, topic: &str, values: &[Vec<u8>], count: usize) -> Result<Measured> {
    let producer: BaseProducer = producer_settings(brokers).create().context("make a bare producer")?;
    let (start, cpu) = (Instant::now(), cpu::seconds_of_tree(std::process::id()));
    for (number, value) in values.iter().cycle().take(count).enumerate() {
        let key = number.to_string();
        enqueue(&producer, BaseRecord::to(topic).key(&key).payload(value))?;
        if number % 64 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    settle(&producer);
    Ok(Measured::new(count, start.elapsed(), cpu::seconds_of_tree(std::process::id()) - cpu))
}

/// How a transactional loop is tuned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// Records of a transaction.
    pub(crate) records: usize,
    /// How long the client library waits for a batch to fill.
    pub(crate) linger_ms: &'static str,
}

/// A limit is the best that can be had, so several ways are tried: small transactions wait for the coordinator all the time, large
/// ones for the tail of their own records.
pub(crate) const TUNINGS: [Tuning; 3] = [
    Tuning { records: 5_000, linger_ms: "1" },
    Tuning { records: 20_000, linger_ms: "1" },
    Tuning { records: 50_000, linger_ms: "5" },
];

/// A share of the records passes before the clock starts, as for the scorer.
const WARM_UP: usize = 10;
/// Records that go from the reading thread to the writing one together.
const HANDED: usize = 500;

type Read<'a> = Result<Vec<BorrowedMessage<'a>>, KafkaError>;

/// Consumes `source` from its beginning and produces as many bytes to `target`, one transaction a batch, positions included. One
/// thread reads ahead while the other writes and waits for commits; nothing is copied on the way but into the client library.
pub(crate) fn copy_loop(
    brokers: &str,
    (source, target): (&str, &str),
    count: usize,
    filler: usize,
    tuning: Tuning,
) -> Result<Measured> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("{target}-bare"))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "20")
        .create()
        .context("make a bare consumer")?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(source, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let producer: BaseProducer = producer_settings(brokers)
        .set("transactional.id", target)
        .set("linger.ms", tuning.linger_ms)
        .create()
        .context("make a bare producer")?;
    producer.init_transactions(CALL)?;
    std::thread::scope(|scope| {
        let (sender, messages) = std::sync::mpsc::sync_channel(tuning.records / HANDED + 1);
        let consumer = &consumer;
        scope.spawn(move || read_ahead(consumer, count, &sender));
        let mut writer = Writer { consumer, producer: &producer, source, target, filler, value: Vec::new() };
        let (mut copied, mut begun) = (0, None);
        while copied < count {
            copied += writer.transaction(&messages, tuning.records.min(count - copied))?;
            if begun.is_none() && copied * WARM_UP >= count {
                begun = Some((copied, Instant::now(), cpu::seconds_of_tree(std::process::id())));
            }
        }
        let (from, start, cpu) = begun.context("nothing was copied")?;
        Ok(Measured::new(copied - from, start.elapsed(), cpu::seconds_of_tree(std::process::id()) - cpu))
    })
}

/// Reads so many records, and hands them over as they come. A writer that is gone has failed and says so itself.
fn read_ahead<'a>(consumer: &'a BaseConsumer, count: usize, sender: &SyncSender<Read<'a>>) {
    let mut read = 0;
    while read < count {
        let mut together = Vec::with_capacity(HANDED);
        while together.len() < HANDED && read < count {
            let patience = if together.is_empty() { Duration::from_millis(20) } else { Duration::ZERO };
            match consumer.poll(patience) {
                None if together.is_empty() => {}
                None => break,
                Some(Ok(message)) => {
                    together.push(message);
                    read += 1;
                }
                Some(Err(error)) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            }
        }
        if sender.send(Ok(together)).is_err() {
            return;
        }
    }
}

struct Writer<'a> {
    consumer: &'a BaseConsumer,
    producer: &'a BaseProducer,
    source: &'a str,
    target: &'a str,
    filler: usize,
    value: Vec<u8>,
}

impl Writer<'_> {
    /// Copies `records` records, a few more where they come together, in one transaction; their number.
    fn transaction(&mut self, messages: &Receiver<Read<'_>>, records: usize) -> Result<usize> {
        self.producer.begin_transaction()?;
        let (mut copied, mut next) = (0, [None; PARTITIONS as usize]);
        while copied < records {
            for message in messages.recv().context("the reader has ended")?? {
                self.copy(&message)?;
                next[usize::try_from(message.partition())?] = Some(message.offset() + 1);
                copied += 1;
                if copied % 1_000 == 0 {
                    self.producer.poll(Duration::ZERO);
                }
            }
        }
        settle(self.producer);
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in (0..PARTITIONS).zip(next) {
            if let Some(next) = next {
                offsets.add_partition_offset(self.source, partition, Offset::Offset(next))?;
            }
        }
        let group = self.consumer.group_metadata().context("no group metadata")?;
        self.producer.send_offsets_to_transaction(&offsets, &group, CALL)?;
        self.producer.commit_transaction(CALL)?;
        Ok(copied)
    }

    fn copy(&mut self, message: &BorrowedMessage<'_>) -> Result<()> {
        self.value.clear();
        self.value.extend_from_slice(message.payload().unwrap_or_default());
        self.value.resize(self.value.len() + self.filler, b'f');
        let key = message.key().unwrap_or_default();
        let record = BaseRecord::to(self.target).partition(message.partition()).key(key).payload(&self.value);
        enqueue(self.producer, record)
    }
}

/// Copies rows that are encoded already, in transactions as large as the sink's.
pub(crate) async fn copy_in(url: &str, statement: &str, chunks: &[Vec<u8>], rows: usize) -> Result<Measured> {
    let mut connection = PgConnection::connect(url).await?;
    let (start, cpu) = (Instant::now(), cpu::seconds_of_tree(std::process::id()));
    for chunk in chunks {
        sqlx::query("begin").execute(&mut connection).await?;
        let mut copy = connection.copy_in_raw(statement).await?;
        copy.send(chunk.as_slice()).await?;
        copy.finish().await?;
        sqlx::query("commit").execute(&mut connection).await?;
    }
    let measured = Measured::new(rows, start.elapsed(), cpu::seconds_of_tree(std::process::id()) - cpu);
    connection.close().await?;
    Ok(measured)
}

/// All rows of a table as binary COPY, cut into transactions. `select` is the list of columns.
pub(crate) async fn copy_out(url: &str, table: &str, columns: &str) -> Result<Vec<Vec<u8>>> {
    let pool = sqlx::PgPool::connect(url).await?;
    let mut stream =
        pool.copy_out_raw(&format!("copy (select {columns} from {table}) to stdout (format binary)")).await?;
    let mut bytes = Vec::new();
    while let Some(part) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
        bytes.extend_from_slice(&part?);
    }
    drop(stream);
    pool.close().await;
    split(&bytes)
}

/// A file of binary COPY is a header of 19 bytes, rows (16-bit number of fields; each a 32-bit length, -1 for null, and its bytes),
/// and -1 at the end.
fn split(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    const HEADER: usize = 19;
    let header = bytes.get(..HEADER).context("no header")?;
    let (mut at, mut chunks, mut rows) = (HEADER, Vec::new(), 0);
    let mut chunk = header.to_vec();
    loop {
        let fields = i16::from_be_bytes(bytes.get(at..at + 2).context("cut short")?.try_into()?);
        if fields == -1 || rows == TRANSACTION_ROWS {
            chunk.extend_from_slice(&(-1_i16).to_be_bytes());
            chunks.push(std::mem::replace(&mut chunk, header.to_vec()));
            rows = 0;
        }
        if fields == -1 {
            return Ok(chunks);
        }
        let start = at;
        at += 2;
        for _ in 0..fields {
            let length = i32::from_be_bytes(bytes.get(at..at + 4).context("cut short")?.try_into()?);
            at += 4 + usize::try_from(length.max(0))?;
        }
        chunk.extend_from_slice(bytes.get(start..at).context("cut short")?);
        rows += 1;
    }
}

/// A few values of a topic.
pub(crate) fn sample(brokers: &str, topic: &str, count: usize) -> Result<Vec<Vec<u8>>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("{topic}-sample"))
        .set("isolation.level", "read_committed")
        .create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&list)?;
    let mut values = Vec::new();
    while values.len() < count {
        let Some(message) = consumer.poll(CALL) else { bail!("{topic}[0] has no {count} records") };
        values.push(message?.payload().unwrap_or_default().to_vec());
    }
    Ok(values)
}

fn producer_settings(brokers: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5")
        .set("compression.type", "lz4")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "200000")
        .set("queue.buffering.max.kbytes", "32768");
    settings
}

fn enqueue(
    producer: &BaseProducer,
    mut record: BaseRecord<'_, impl rdkafka::message::ToBytes + ?Sized, Vec<u8>>,
) -> Result<()> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::ZERO);
                std::thread::sleep(Duration::from_micros(200));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

fn settle(producer: &BaseProducer) {
    // A poll serves one event: go on while they come, and leave the processor to the others when they do not.
    let mut before = 0;
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::ZERO);
        let now = producer.in_flight_count();
        if now == before {
            std::thread::sleep(Duration::from_micros(200));
        }
        before = now;
    }
}
