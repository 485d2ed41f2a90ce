//! Where a stream goes on after a restart.

use std::sync::Arc;

use anyhow::Context;
use churn_domain::EventBatch;
use churn_stream::Cluster;
use churn_wire::{Decoded, Decoder, EventCodec, SchemaRegistry, VALUE_SCHEMA_ID_HEADER};

/// Records looked at in each partition. Streams share partitions, so the last record may be another stream's; a stream whose last
/// event lies further back than this counts as new.
const TAIL: usize = 2_000;

/// The sequence number after the last one that the stream has in the topic; 0 for a new stream.
///
/// # Errors
/// Kafka or the schema registry is out of reach.
pub async fn next_sequence(cluster: &Cluster, schemas: &Arc<SchemaRegistry>, stream: &str) -> anyhow::Result<i64> {
    let topic = cluster.topics().events.clone();
    let mut decoder = Decoder::<EventCodec>::new(schemas.clone(), &topic);
    let mut next = 0;
    for partition in 0..cluster.topic_partitions(&topic).await? {
        let tail = cluster.tail(&topic, partition, TAIL).await.context("look for the last event of the stream")?;
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
        next = own.map(|row| events.sequence[row] + 1).fold(next, i64::max);
    }
    Ok(next)
}
