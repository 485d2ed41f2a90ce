//! Holds producers of the embedded broker back while its readers are behind.
//!
//! librdkafka's mock drops the oldest records of a partition past 5 MiB, or past 100,000 record batches. So before more is sent
//! to a partition, what its slowest reader has not made durable must be below [`LIMIT_BYTES`]; with the local queue of a producer
//! (1 MiB, `settings`) and one more producer beside it that stays below the 5 MiB. A topic that nobody in this process reads is not
//! held back: its old records are dropped, which is what a topic without readers is for.

use std::time::{Duration, Instant};

use churn_runtime::progress::Progress;

use crate::{Cluster, StreamError};

/// Unread bytes of one partition at which its producers wait.
const LIMIT_BYTES: i64 = 2 << 20;
/// Bytes that a record takes in a batch beside its key and value.
const OVERHEAD: u64 = 24;
/// Bytes sent between two looks: small against the limit, large against the cost of a look.
const LOOK_EVERY: u64 = 64 << 10;
/// Readers that have not moved for this long are taken for dead.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks at the shutdown flag.
const SLICE: Duration = Duration::from_millis(50);

/// One producer's view of one topic.
#[derive(Debug)]
pub(crate) struct Throttle {
    topic: String,
    partitions: i32,
    bytes: u64,
    records: u64,
    since_look: u64,
}

impl Throttle {
    pub(crate) fn new(topic: &str, partitions: i32) -> Self {
        // The first record looks too.
        Self { topic: topic.to_owned(), partitions, bytes: 0, records: 0, since_look: LOOK_EVERY }
    }

    /// Counts a record that is about to be sent; true when it is time for [`Throttle::wait`].
    pub(crate) fn count(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64 + OVERHEAD;
        self.bytes += bytes;
        self.records += 1;
        self.since_look += bytes;
        self.since_look >= LOOK_EVERY
    }

    /// Blocks until every partition's readers are close enough. `serve` is called in between, so that acknowledgements come in.
    ///
    /// # Errors
    /// The readers stand still, or the cluster was closed.
    pub(crate) fn wait(&mut self, cluster: &Cluster, mut serve: impl FnMut()) -> Result<(), StreamError> {
        self.since_look = 0;
        let average = (self.bytes / self.records.max(1)).max(1);
        let limit = LIMIT_BYTES / i64::try_from(average).unwrap_or(i64::MAX).max(1);
        let progress = &cluster.inner.progress;
        let mut behind = self.farthest(progress);
        let mut moved = Instant::now();
        while behind > limit {
            serve();
            if cluster.is_closed() {
                return Err(StreamError::closed(format!("produce to {}", self.topic)));
            }
            let before = behind;
            if progress.wait_until(SLICE, |p| self.farthest(p) <= limit) {
                return Ok(());
            }
            behind = self.farthest(progress);
            if behind < before {
                moved = Instant::now();
            } else if moved.elapsed() > PATIENCE {
                return Err(StreamError::timed_out(
                    format!("wait for the readers of {}, {behind} records behind", self.topic),
                    PATIENCE,
                ));
            }
        }
        Ok(())
    }

    fn farthest(&self, progress: &Progress) -> i64 {
        (0..self.partitions).map(|partition| progress.outstanding(&self.topic, partition)).max().unwrap_or(0)
    }
}
