//! Outcomes.

use churn_domain::OutcomeBatch;

use super::Codec;
use super::read::{Read, Reader};
use super::write::{put_boolean, put_long, put_string};
use crate::{DecodeError, Record};

/// Outcomes to bytes and back.
#[derive(Clone, Debug, Default)]
pub struct OutcomeCodec;

impl OutcomeCodec {
    fn read(reader: &mut Reader<'_>, batch: &mut OutcomeBatch) -> Read<()> {
        reader.field("stream").push_name(&mut batch.stream)?;
        batch.sequence.push(reader.field("sequence").ordinal()?);
        batch.event_time_ms.push(reader.field("event_time").time()?);
        batch.customer_id.push(Some(reader.field("customer_id").name()?));
        batch.churned.push(reader.field("churned").boolean()?);
        batch.observed_at_ms.push(reader.field("observed_at").time()?);
        reader.end()
    }
}

impl Codec for OutcomeCodec {
    type Batch = OutcomeBatch;
    const RECORD: Record = Record::CustomerOutcome;

    fn rows(batch: &OutcomeBatch) -> usize {
        batch.len()
    }

    fn clear(batch: &mut OutcomeBatch) {
        batch.clear();
    }

    fn encode_into(&self, batch: &OutcomeBatch, row: usize, out: &mut Vec<u8>) {
        put_string(out, batch.stream.get(row).unwrap_or_default());
        put_long(out, batch.sequence[row]);
        put_long(out, batch.event_time_ms[row]);
        put_string(out, batch.customer_id.get(row).unwrap_or_default());
        put_boolean(out, batch.churned[row]);
        put_long(out, batch.observed_at_ms[row]);
    }

    fn decode_into(&self, bytes: &[u8], batch: &mut OutcomeBatch) -> Result<(), DecodeError> {
        let rows = batch.len();
        let read = Self::read(&mut Reader::new(bytes), batch);
        read.map_err(|error| {
            batch.truncate(rows);
            *error
        })
    }
}
