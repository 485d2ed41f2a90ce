//! Where a stream stands: the record that commits with every transaction, and that a successor goes on from.
//!
//! It is the synthesizer's own state, read by nobody else, so it is JSON and not one of the contract's Avro records. It holds all
//! that the outcomes still to come depend on: which generator and seed drew their customers, and when their
//! events were due. Its size does not depend on how many outcomes wait.

use anyhow::{Context, bail};
use churn_domain::EventBatch;
use churn_runtime::exit::Ending;
use churn_stream::Cluster;
use churn_wire::{Decoded, Decoder, EventCodec, SchemaRegistry, VALUE_SCHEMA_ID_HEADER};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::draws::Draw;
use crate::scenario::Begun;
use crate::timeline::Piece;

/// Raised when an older program would misread a newer record.
const FORMAT: u32 = 1;
/// Records looked at in each partition for events of a stream that has no position.
const TAIL: usize = 2_000;

/// Where a stream stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamPosition {
    format: u32,
    /// The stream.
    pub stream: String,
    /// The first sequence number that no event has.
    pub next_sequence: i64,
    /// The first sequence number whose outcome has not left.
    pub next_outcome: i64,
    /// What the events from `next_outcome` on were drawn from.
    #[serde(default)]
    pub(crate) draws: Vec<Draw>,
    /// When the events from `next_outcome` on were due.
    #[serde(default)]
    pub(crate) timeline: Vec<Piece>,
    /// What the stream went through and goes through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) scenarios: Vec<Begun>,
    /// How far a user's file got into the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileProgress>,
}

/// How far a file got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProgress {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Rows that are in the stream.
    pub rows: u64,
    /// Rows that the file has.
    pub of: u64,
}

impl StreamPosition {
    /// Of a stream without events.
    pub fn new(stream: &str) -> Self {
        Self {
            format: FORMAT,
            stream: stream.to_owned(),
            next_sequence: 0,
            next_outcome: 0,
            draws: Vec::new(),
            timeline: Vec::new(),
            scenarios: Vec::new(),
            file: None,
        }
    }

    /// Outcomes that have not left.
    pub fn pending(&self) -> i64 {
        self.next_sequence - self.next_outcome
    }

    pub(crate) fn to_json(&self) -> anyhow::Result<Vec<u8>> {
        serde_json::to_vec(self).context("write the stream's position")
    }

    fn from_json(json: &[u8], place: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let refuse = |error: serde_json::Error| {
            Ending::data(format!("{place} is no position of a stream ({error}); choose another name for the stream"))
        };
        let Head { format } = serde_json::from_slice(json).map_err(refuse)?;
        if format != FORMAT {
            bail!(Ending::data(format!(
                "{place} has format {format}, this program knows {FORMAT}: run the program that wrote it, or choose another name for the stream"
            )));
        }
        let position: Self = serde_json::from_slice(json).map_err(refuse)?;
        if !(0..=position.next_sequence).contains(&position.next_outcome) {
            bail!(Ending::data(format!("{place} contradicts itself; choose another name for the stream")));
        }
        Ok(position)
    }
}

/// The stream's last committed position, as stored and as read; that of an empty stream for a new one.
///
/// # Errors
/// Kafka is out of reach, the record cannot be read, or the stream has events but no record.
pub(crate) async fn load(
    cluster: &Cluster,
    schemas: &Arc<SchemaRegistry>,
    stream: &str,
) -> anyhow::Result<(Option<Vec<u8>>, StreamPosition)> {
    let topic = &cluster.topics().positions;
    let stored =
        cluster.latest(topic, stream.as_bytes()).await.map_err(Ending::of).context("look for the stream's position")?;
    if let Some(json) = stored {
        let position = StreamPosition::from_json(&json, &format!("the record of {stream} in {topic}"))?;
        return Ok((Some(json), position));
    }
    if let Some(last) = last_event(cluster, schemas, stream).await? {
        bail!(Ending::data(format!(
            "stream {stream} has events up to number {last} but no record in {topic}, which alone tells where it goes on: choose another name for the stream (synthesizer.stream)"
        )));
    }
    Ok((None, StreamPosition::new(stream)))
}

/// The largest sequence number of the stream among the last records of each partition. A net for a position that was deleted: it
/// finds a stream that was busy lately and costs a new one little.
async fn last_event(cluster: &Cluster, schemas: &Arc<SchemaRegistry>, stream: &str) -> anyhow::Result<Option<i64>> {
    let topic = cluster.topics().events.clone();
    let mut decoder = Decoder::<EventCodec>::new(schemas.clone(), &topic);
    let mut last = None;
    for partition in 0..cluster.topic_partitions(&topic).await.map_err(Ending::of)? {
        let tail = cluster.tail(&topic, partition, TAIL).await.map_err(Ending::of).context("look for events")?;
        let mut events = EventBatch::default();
        for record in tail.iter() {
            let Some(value) = record.value() else { continue };
            // What cannot be read is no event of this stream.
            while let Ok(Decoded::Miss(schema)) =
                decoder.decode_into(value, record.header(VALUE_SCHEMA_ID_HEADER), &mut events)
            {
                decoder.learn(schema).await.context("look up a schema")?;
            }
        }
        let own = (0..events.len()).filter(|&row| events.stream.get(row) == Some(stream));
        last = own.map(|row| Some(events.sequence[row])).fold(last, Option::max);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_cannot_be_gone_on_from_is_refused() {
        let good = StreamPosition { next_sequence: 5, next_outcome: 3, ..StreamPosition::new("s") };
        let read = |json: &[u8]| StreamPosition::from_json(json, "here").map_err(|error| format!("{error:#}"));
        assert_eq!(read(&good.to_json().unwrap()), Ok(good.clone()));
        let newer = String::from_utf8(good.to_json().unwrap()).unwrap().replace("\"format\":1", "\"format\":2");
        assert!(read(newer.as_bytes()).unwrap_err().contains("has format 2, this program knows 1"));
        for bad in [&b"no json"[..], b"{}", br#"{"format":1,"stream":"s","next_sequence":1,"next_outcome":2}"#] {
            assert!(read(bad).unwrap_err().contains("choose another name"), "{}", String::from_utf8_lossy(bad));
        }
    }
}
