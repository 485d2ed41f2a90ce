//! Events.

use churn_domain::{EventBatch, Locations};

use super::Codec;
use super::features::Words;
use super::read::{Read, Reader};
use super::write::{put_long, put_optional_double, put_optional_string, put_string};
use crate::{DecodeError, Record};

/// Events to bytes and back.
#[derive(Clone, Debug, Default)]
pub struct EventCodec {
    words: Words,
}

impl EventCodec {
    /// Reads the event's fields, which a score's record starts with. On an error the batch is left ragged: the caller
    /// truncates.
    pub(super) fn read(&self, reader: &mut Reader<'_>, batch: &mut EventBatch) -> Read<()> {
        reader.field("stream").push_name(&mut batch.stream)?;
        batch.sequence.push(reader.field("sequence").ordinal()?);
        batch.event_time_ms.push(reader.field("event_time").time()?);
        batch.customer_id.push(Some(reader.field("customer_id").name()?));
        reader.field("synthesizer_version").push_optional_name(&mut batch.synthesizer_version)?;
        self.words.decode_into(reader, &mut batch.features)?;
        read_location(reader, &mut batch.location)
    }
}

impl Codec for EventCodec {
    type Batch = EventBatch;
    const RECORD: Record = Record::CustomerEvent;

    fn rows(batch: &EventBatch) -> usize {
        batch.len()
    }

    fn clear(batch: &mut EventBatch) {
        batch.clear();
    }

    fn encode_into(&self, batch: &EventBatch, row: usize, out: &mut Vec<u8>) {
        put_string(out, batch.stream.get(row).unwrap_or_default());
        put_long(out, batch.sequence[row]);
        put_long(out, batch.event_time_ms[row]);
        put_string(out, batch.customer_id.get(row).unwrap_or_default());
        put_optional_string(out, batch.synthesizer_version.get(row));
        self.words.encode_into(&batch.features, row, out);
        put_optional_string(out, batch.location.zip_code.get(row));
        put_optional_string(out, batch.location.city.get(row));
        put_optional_string(out, batch.location.county.get(row));
        put_optional_double(out, batch.location.latitude[row]);
        put_optional_double(out, batch.location.longitude[row]);
    }

    fn decode_into(&self, bytes: &[u8], batch: &mut EventBatch) -> Result<(), DecodeError> {
        let rows = batch.len();
        let mut reader = Reader::new(bytes);
        let read = self.read(&mut reader, batch).and_then(|()| reader.end());
        read.map_err(|error| {
            batch.truncate(rows);
            *error
        })
    }
}

fn read_location(reader: &mut Reader<'_>, location: &mut Locations) -> Read<()> {
    location.zip_code.push(reader.field("zip_code").optional_string()?);
    location.city.push(reader.field("city").optional_string()?);
    location.county.push(reader.field("county").optional_string()?);
    location.latitude.push(reader.field("latitude").degrees(90.0)?);
    location.longitude.push(reader.field("longitude").degrees(180.0)?);
    Ok(())
}
