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

/// Longest error text in bytes: an error may quote the record, and headers count against the broker's record limit.
pub const MAX_TEXT: usize = 1024;

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
            .filter(|h| !h.name.starts_with("churn_dlq_"))
            .map(|h| (h.name.to_owned(), h.value.map(<[u8]>::to_vec)))
            .collect();
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
    fn a_long_error_is_cut_between_characters() {
        let text = "é".repeat(MAX_TEXT);
        assert_eq!(bounded(&text).len(), MAX_TEXT);
        let odd = format!("x{text}");
        assert_eq!(bounded(&odd).len(), MAX_TEXT - 1);
        assert_eq!(bounded("short"), "short");
    }
}
