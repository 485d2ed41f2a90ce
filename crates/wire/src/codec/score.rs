//! Scores.

use churn_domain::{ScoreBatch, ScoreId};

use super::read::{Read, Reader};
use super::reasons::{Names, put_reasons};
use super::write::{put_boolean, put_double, put_long, put_string};
use super::{Codec, EventCodec};
use crate::{DecodeError, Record};

/// Scores to bytes and back.
#[derive(Clone, Debug, Default)]
pub struct ScoreCodec {
    event: EventCodec,
    names: Names,
}

impl ScoreCodec {
    /// Appends what a score says beyond its event. An event's bytes, followed by these, are the score's bytes: a
    /// scorer that still has the bytes of the event need not encode it again.
    pub fn encode_tail_into(&self, batch: &ScoreBatch, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&batch.score_id[row].bits().to_be_bytes());
        put_double(out, batch.probability[row]);
        put_boolean(out, batch.label[row]);
        put_double(out, batch.threshold[row]);
        put_string(out, batch.model_version.get(row).unwrap_or_default());
        put_string(out, batch.model_hash.get(row).unwrap_or_default());
        put_long(out, batch.scored_at_ms[row]);
        put_long(out, i64::from(batch.lineage.schema_id[row]));
        put_long(out, i64::from(batch.lineage.partition[row]));
        put_long(out, batch.lineage.offset[row]);
        put_reasons(out, &batch.reasons, row);
    }

    fn read(&self, reader: &mut Reader<'_>, batch: &mut ScoreBatch) -> Read<()> {
        self.event.read(reader, &mut batch.event)?;
        batch.score_id.push(read_id(reader, batch)?);
        batch.probability.push(reader.field("probability").probability()?);
        batch.label.push(reader.field("label").boolean()?);
        batch.threshold.push(reader.field("threshold").probability()?);
        reader.field("model_version").push_name(&mut batch.model_version)?;
        reader.field("model_hash").push_name(&mut batch.model_hash)?;
        batch.scored_at_ms.push(reader.field("scored_at").time()?);
        let schema_id = reader.field("event_schema_id").small_ordinal()?;
        let partition = reader.field("source_partition").small_ordinal()?;
        batch.lineage.push(schema_id, partition, reader.field("source_offset").ordinal()?);
        self.names.read(reader, &mut batch.reasons)?;
        reader.end()
    }
}

impl Codec for ScoreCodec {
    type Batch = ScoreBatch;
    const RECORD: Record = Record::CustomerScore;

    fn rows(batch: &ScoreBatch) -> usize {
        batch.len()
    }

    fn clear(batch: &mut ScoreBatch) {
        batch.clear();
    }

    fn encode_into(&self, batch: &ScoreBatch, row: usize, out: &mut Vec<u8>) {
        self.event.encode_into(&batch.event, row, out);
        self.encode_tail_into(batch, row, out);
    }

    fn decode_into(&self, bytes: &[u8], batch: &mut ScoreBatch) -> Result<(), DecodeError> {
        let rows = batch.len();
        let read = self.read(&mut Reader::new(bytes), batch);
        read.map_err(|error| {
            batch.truncate(rows);
            *error
        })
    }
}

/// A score under a foreign id would be stored beside the real one and never meet its outcome.
fn read_id(reader: &mut Reader<'_>, batch: &ScoreBatch) -> Read<ScoreId> {
    let id = ScoreId::from_bits(u128::from_be_bytes(reader.field("score_id").fixed()?));
    let expected = batch.event.score_id(batch.event.len() - 1);
    if id == expected {
        return Ok(id);
    }
    Err(reader.out_of_range(format!("{id} is not the id of the event's score, expected {expected}")))
}
