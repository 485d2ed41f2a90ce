//! Dead letters as their reader sees them: what they say, which of them are still open, and how they are settled.
//!
//! Nothing is kept outside of Kafka. A letter is settled by a marker behind it in its own partition, which is written in one
//! transaction with what settles it: so a replay that is repeated, or cut off, sends no record twice.

use std::collections::HashSet;

use crate::deadletter::{ATTEMPT, ERROR_CLASS, ERROR_TEXT, HISTORY, OFFSET, PARTITION, STAGE, TOPIC, TRUNCATED};
use crate::{Header, Outgoing, Record, StreamError, TopicPartition, TransactionalProducer};

/// Header of a marker: how the letter that it names was settled, `replayed` or `purged`.
pub const SETTLED: &str = "churn_dlq_settled";

/// Which letter: where its record stands in the source topic, and which try it was. A letter that was written twice, as a sink
/// may after a crash, has the same name both times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LetterId {
    /// Source topic and partition.
    pub source: TopicPartition,
    /// Offset in it.
    pub offset: i64,
    /// The try, from 1.
    pub attempt: u32,
}

/// What a letter says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its name.
    pub id: LetterId,
    /// Part and step that gave up.
    pub stage: String,
    /// Fixed name of the fault.
    pub class: String,
    /// The error in words.
    pub text: String,
    /// What earlier letters of the same record said, oldest first.
    pub history: Vec<String>,
    /// The record's timestamp, milliseconds since 1970; -1 where it had none.
    pub timestamp_ms: i64,
    /// Bytes of the record's value before it was cut; none where the letter is whole.
    pub truncated_from: Option<u64>,
    /// Offset of the letter in its own partition.
    pub place: i64,
}

/// A record of a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A letter.
    Letter(Letter),
    /// The letter of this name is settled.
    Marker(LetterId),
    /// Something that this program did not write.
    Foreign,
}

/// How a letter is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its record was sent to the source topic again.
    Replayed,
    /// It is not wanted any more.
    Purged,
}

impl Entry {
    /// Reads a record of a dead-letter topic.
    #[must_use]
    pub fn read(record: &Record<'_>) -> Self {
        let text = |name: &str| record.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
        let number = |name: &str| text(name)?.parse::<i64>().ok();
        let id = || {
            let partition = i32::try_from(number(PARTITION)?).ok()?;
            let attempt = u32::try_from(number(ATTEMPT)?).ok()?;
            Some(LetterId { source: TopicPartition::new(&text(TOPIC)?, partition), offset: number(OFFSET)?, attempt })
        };
        let Some(id) = id() else { return Self::Foreign };
        if record.header(SETTLED).is_some() {
            return Self::Marker(id);
        }
        let history = record.headers().filter(|header| header.name == HISTORY);
        Self::Letter(Letter {
            id,
            stage: text(STAGE).unwrap_or_default(),
            class: text(ERROR_CLASS).unwrap_or_default(),
            text: text(ERROR_TEXT).unwrap_or_default(),
            history: history.map(|h| String::from_utf8_lossy(h.value.unwrap_or_default()).into_owned()).collect(),
            timestamp_ms: record.timestamp_ms(),
            truncated_from: number(TRUNCATED).and_then(|bytes| u64::try_from(bytes).ok()),
            place: record.offset(),
        })
    }
}

/// The open letters of one partition, from its entries in order.
#[derive(Debug, Default)]
pub struct OpenLetters {
    letters: Vec<Letter>,
    seen: HashSet<LetterId>,
    settled: HashSet<LetterId>,
}

impl OpenLetters {
    /// Takes the next entry of the partition. A letter that was there before is passed over.
    pub fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Letter(letter) => {
                if self.seen.insert(letter.id.clone()) {
                    self.letters.push(letter);
                }
            }
            Entry::Marker(id) => {
                self.settled.insert(id);
            }
            Entry::Foreign => {}
        }
    }

    /// The letters without a marker, in order.
    #[must_use]
    pub fn finish(self) -> Vec<Letter> {
        let Self { mut letters, settled, .. } = self;
        letters.retain(|letter| !settled.contains(&letter.id));
        letters
    }
}

impl Settlement {
    fn name(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Purged => "purged",
        }
    }
}

/// Settles a letter in the open transaction: sends its record to where it came from, unless it is purged, and the marker behind it.
/// The record keeps its key, bytes, timestamp, partition and headers, those of the letter included: should it fail again, its next
/// letter tells of this one.
///
/// # Errors
/// What the producer says.
pub fn settle(
    producer: &mut TransactionalProducer,
    record: &Record<'_>,
    id: &LetterId,
    how: Settlement,
) -> Result<(), StreamError> {
    let headers: Vec<Header<'_>> = record.headers().collect();
    if how == Settlement::Replayed {
        producer.send(Outgoing {
            topic: &id.source.topic,
            partition: Some(id.source.partition),
            key: record.key(),
            value: record.value(),
            timestamp_ms: (record.timestamp_ms() >= 0).then(|| record.timestamp_ms()),
            headers: &headers,
        })?;
    }
    let (partition, offset, attempt) = (id.source.partition.to_string(), id.offset.to_string(), id.attempt.to_string());
    let marker = [
        (SETTLED, how.name()),
        (TOPIC, &*id.source.topic),
        (PARTITION, partition.as_str()),
        (OFFSET, offset.as_str()),
        (ATTEMPT, attempt.as_str()),
    ]
    .map(|(name, value)| Header { name, value: Some(value.as_bytes()) });
    producer.send(Outgoing {
        topic: record.topic(),
        partition: Some(record.partition()),
        key: None,
        value: None,
        timestamp_ms: None,
        headers: &marker,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(offset: i64, attempt: u32, place: i64) -> Letter {
        Letter {
            id: LetterId { source: TopicPartition::new("t", 0), offset, attempt },
            stage: String::new(),
            class: String::new(),
            text: String::new(),
            history: Vec::new(),
            timestamp_ms: 0,
            truncated_from: None,
            place,
        }
    }

    #[test]
    fn a_letter_is_open_until_its_own_marker_and_counts_once() {
        let mut open = OpenLetters::default();
        for entry in [
            Entry::Letter(letter(1, 1, 10)),
            Entry::Letter(letter(2, 1, 11)),
            Entry::Letter(letter(1, 1, 12)),
            Entry::Foreign,
            Entry::Marker(letter(1, 1, 0).id),
            Entry::Letter(letter(9, 2, 14)),
        ] {
            open.take(entry);
        }
        let places: Vec<i64> = open.finish().iter().map(|letter| letter.place).collect();
        assert_eq!(places, [11, 14]);
    }
}
