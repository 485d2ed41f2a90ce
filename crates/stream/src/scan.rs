//! Reading a partition from its beginning to its end, once, outside of any group.

use std::time::{Duration, Instant};

use crate::batch::Builder;
use crate::partition_reader::{PartitionReader, Polled};
use crate::{Cluster, RecordBatch, StreamError};

/// How long a broker may say nothing before the scan gives up.
const SILENCE: Duration = Duration::from_secs(20);
/// Most records and bytes in one batch.
const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;

/// A partition on its way from beginning to end.
pub struct Scan {
    reader: PartitionReader,
    batch: Builder,
    ended: bool,
}

impl Cluster {
    /// Reads what is committed in a partition, from its beginning to the end that it has when the reader gets there.
    ///
    /// # Errors
    /// The partition does not exist, or no broker answers.
    pub async fn scan(&self, topic: &str, partition: i32) -> Result<Scan, StreamError> {
        let (low, _) = self.watermarks(topic, partition).await?;
        self.scan_from(topic, partition, low)
    }

    /// Reads what is committed in a partition from an offset on. One that is no longer or not yet there is an error of the
    /// first batch.
    ///
    /// # Errors
    /// The configuration is not usable.
    pub fn scan_from(&self, topic: &str, partition: i32, offset: i64) -> Result<Scan, StreamError> {
        let action = format!("read {topic}[{partition}]");
        let reader = PartitionReader::new(self, "churn-scan", action, topic, partition)?;
        reader.start(offset)?;
        let batch = reader.builder();
        Ok(Scan { reader, batch, ended: false })
    }
}

impl Scan {
    /// The next records; none at the end. Blocks: call it inside `block_in_place`.
    ///
    /// # Errors
    /// No broker answers for twenty seconds, or reading is not allowed.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, StreamError> {
        let mut heard = Instant::now();
        while !self.ended && self.batch.len() < BATCH_RECORDS && self.batch.bytes() < BATCH_BYTES {
            match self.reader.poll()? {
                Polled::Record(message) => {
                    self.batch.push(&message);
                    heard = Instant::now();
                }
                Polled::End => self.ended = true,
                Polled::Nothing if heard.elapsed() > SILENCE => {
                    return Err(StreamError::timed_out(self.reader.action(), SILENCE));
                }
                Polled::Nothing => {}
            }
        }
        Ok((!self.batch.is_empty()).then(|| self.batch.finish()))
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("place", &self.reader.action()).field("ended", &self.ended).finish_non_exhaustive()
    }
}
