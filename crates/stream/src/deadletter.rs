//! Dead letters: a record that cannot be processed, kept with everything needed to look into it and to replay it.
//!
//! The letter keeps the original key, bytes, headers and timestamp, goes to `<topic>.dlq` in the partition number it came from,
//! and carries why it is there in `churn_dlq_*` headers. Its identity is source topic, partition and offset: writing it again
//! after a crash makes a second letter with the same identity, which readers drop.

use crate::{Header, Outgoing, Record, Topics};

/// Topic that the record was read from.
pub const TOPIC: &str = "churn_dlq_topic";
/// Partition that the record was read from, in decimal.
pub const PARTITION: &str = "churn_dlq_partition";
/// Offset of the record, in decimal.
pub const OFFSET: &str = "churn_dlq_offset";
/// Timestamp of the record in milliseconds since the Unix epoch, in decimal.
pub const TIMESTAMP: &str = "churn_dlq_timestamp";
/// Schema id found in the record's framing, in decimal; absent when there was none to read.
pub const SCHEMA_ID: &str = "churn_dlq_schema_id";
/// The part and step that gave up, such as `scorer.decode`.
pub const STAGE: &str = "churn_dlq_stage";
/// Short fixed name of the fault, fit for a metric label.
pub const ERROR_CLASS: &str = "churn_dlq_error_class";
/// The error in words, at most [`MAX_TEXT`] bytes.
pub const ERROR_TEXT: &str = "churn_dlq_error_text";
/// How many times the record has been tried, counting from 1.
pub const ATTEMPT: &str = "churn_dlq_attempt";
/// What an earlier letter of the same record said, one header a letter, oldest first: `attempt|topic|partition|offset|stage|class|text`.
pub const HISTORY: &str = "churn_dlq_history";
/// Bytes of the value before it was cut, in decimal: only there when no broker took the whole letter. The record itself is still
/// at topic, partition and offset, as long as that topic keeps it.
pub const TRUNCATED: &str = "churn_dlq_truncated";
/// What all of these begin with.
pub const PREFIX: &str = "churn_dlq_";

/// Longest error text in bytes: an error may quote the record, and headers count against the broker's record limit.
pub const MAX_TEXT: usize = 1024;

/// Most earlier letters that a letter tells of; the oldest is forgotten first.
const MAX_HISTORY: usize = 8;
/// The first try at a letter that a broker found too large: brokers take a megabyte by default.
const FIRST_LIMIT: usize = 900_000;
/// A topic that takes no letter of this size takes none.
const LEAST_LIMIT: usize = 16_384;

/// Why a record goes to the dead letters.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// The part and step that gave up, such as `scorer.decode`.
    pub stage: &'a str,
    /// Short fixed name of the fault.
    pub error_class: &'a str,
    /// The error in words; cut to [`MAX_TEXT`] bytes.
    pub error_text: &'a str,
    /// Schema id from the framing, where one could be read.
    pub schema_id: Option<u32>,
}

/// An owned dead letter, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    topic: String,
    partition: i32,
    timestamp_ms: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl DeadLetter {
    /// The letter for `record`. A record that is itself a replayed letter keeps its other headers and counts one attempt more.
    #[must_use]
    pub fn new(record: &Record<'_>, verdict: &Verdict<'_>) -> Self {
        let attempt = record.header(ATTEMPT).and_then(number).unwrap_or(0).saturating_add(1);
        let mut headers: Vec<(String, Option<Vec<u8>>)> = record
            .headers()
            .filter(|h| !h.name.starts_with(PREFIX))
            .map(|h| (h.name.to_owned(), h.value.map(<[u8]>::to_vec)))
            .collect();
        headers.extend(history(record).into_iter().map(|past| (HISTORY.to_owned(), Some(past))));
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), Some(value.into_bytes())));
        add(TOPIC, record.topic().to_owned());
        add(PARTITION, record.partition().to_string());
        add(OFFSET, record.offset().to_string());
        add(TIMESTAMP, record.timestamp_ms().to_string());
        if let Some(id) = verdict.schema_id {
            add(SCHEMA_ID, id.to_string());
        }
        add(STAGE, verdict.stage.to_owned());
        add(ERROR_CLASS, verdict.error_class.to_owned());
        add(ERROR_TEXT, bounded(verdict.error_text).to_owned());
        add(ATTEMPT, attempt.to_string());
        Self {
            topic: Topics::dlq(record.topic()),
            partition: record.partition(),
            timestamp_ms: (record.timestamp_ms() >= 0).then(|| record.timestamp_ms()),
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers,
        }
    }

    /// Where the letter goes.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Cuts the letter to about `limit` bytes, so that a broker takes at least what names the record: the value first, then the
    /// record's own headers and the key.
    fn shorten(&mut self, limit: usize) {
        if self.bytes() <= limit {
            return;
        }
        let full = self.value.as_ref().map_or(0, Vec::len);
        self.headers.push((TRUNCATED.to_owned(), Some(full.to_string().into_bytes())));
        if self.bytes() - full > limit / 2 {
            self.headers.retain(|(name, _)| name.starts_with(PREFIX) && name != HISTORY);
            if let Some(key) = &mut self.key {
                key.truncate(limit / 4);
            }
        }
        let room = limit.saturating_sub(self.bytes() - full);
        if let Some(value) = &mut self.value {
            value.truncate(room);
        }
    }

    /// Bytes of key, value and headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let size = |v: &Option<Vec<u8>>| v.as_ref().map_or(0, Vec::len);
        size(&self.key)
            + size(&self.value)
            + self.headers.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>()
    }

    /// Hands the letter as an [`Outgoing`] to `send`.
    ///
    /// # Errors
    /// Whatever `send` returns.
    pub fn send_with<T>(&self, send: impl FnOnce(Outgoing<'_>) -> T) -> T {
        let headers: Vec<Header<'_>> =
            self.headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        send(Outgoing {
            topic: &self.topic,
            partition: Some(self.partition),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            timestamp_ms: self.timestamp_ms,
            headers: &headers,
        })
    }
}

/// The largest letter that brokers take, as far as it is known: learned from refusals. One for each part.
#[derive(Debug, Clone, Copy, Default)]
pub struct LetterLimit(Option<usize>);

impl LetterLimit {
    /// A letter was refused as too large: from now on letters are cut shorter. False when they cannot be.
    pub fn refused(&mut self) -> bool {
        let next = self.0.map_or(FIRST_LIMIT, |limit| limit / 2);
        let possible = next >= LEAST_LIMIT;
        if possible {
            tracing::warn!(bytes = next, "a dead letter is too large for its topic: longer ones are cut from now on");
            self.0 = Some(next);
        }
        possible
    }

    /// Cuts the letter where it is longer than what is taken.
    pub fn apply(self, letter: &mut DeadLetter) {
        if let Some(limit) = self.0 {
            letter.shorten(limit);
        }
    }
}

/// What earlier letters of a replayed record said.
fn history(record: &Record<'_>) -> Vec<Vec<u8>> {
    let mut past: Vec<Vec<u8>> =
        record.headers().filter(|h| h.name == HISTORY).filter_map(|h| h.value.map(<[u8]>::to_vec)).collect();
    if record.header(ATTEMPT).is_some() {
        let last = [ATTEMPT, TOPIC, PARTITION, OFFSET, STAGE, ERROR_CLASS, ERROR_TEXT]
            .map(|name| record.header(name).map(String::from_utf8_lossy).unwrap_or_default());
        past.push(last.join("|").into_bytes());
    }
    past.drain(..past.len().saturating_sub(MAX_HISTORY));
    past
}

fn number(bytes: &[u8]) -> Option<u32> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The longest prefix of at most [`MAX_TEXT`] bytes that ends between two characters.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_is_cut_still_names_its_record_and_says_how_long_it_was() {
        let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
        let mut letter = DeadLetter {
            topic: "t.dlq".into(),
            partition: 3,
            timestamp_ms: None,
            key: Some(vec![1; 400_000]),
            value: Some(vec![2; 1_500_000]),
            headers: vec![header("own", &"x".repeat(300_000)), header(OFFSET, "7")],
        };
        let (whole, mut limit) = (letter.clone(), LetterLimit::default());
        limit.apply(&mut letter);
        assert_eq!(letter, whole, "nothing is cut before a broker refused");
        assert!(limit.refused());
        limit.apply(&mut letter);
        assert!(letter.bytes() <= FIRST_LIMIT + 64, "{}", letter.bytes());
        let named = |name: &str| letter.headers.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.clone());
        assert_eq!(named(OFFSET), Some(b"7".to_vec()));
        assert_eq!(named(TRUNCATED), Some(b"1500000".to_vec()));
        assert_eq!(named("own"), None);
        let tries = std::iter::from_fn(|| limit.refused().then_some(())).count();
        assert_eq!(tries, 5, "refusals come to an end");
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let text = "é".repeat(MAX_TEXT);
        assert_eq!(bounded(&text).len(), MAX_TEXT);
        let odd = format!("x{text}");
        assert_eq!(bounded(&odd).len(), MAX_TEXT - 1);
        assert_eq!(bounded("short"), "short");
    }
}
