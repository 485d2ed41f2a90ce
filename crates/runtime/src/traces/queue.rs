//! Spans on their way to the exporter: a bounded queue that nobody waits at.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::span::Span;
use crate::metrics::{IntCounter, Metrics, catalogue};

/// What the exporter is told.
#[derive(Debug)]
pub(super) enum Told {
    /// A span of this part has ended.
    Ended(&'static str, Box<Span>),
    /// Somebody waits until all that was told before is dealt with.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug, Clone)]
pub(super) struct Queue {
    told: mpsc::Sender<Told>,
    dropped: IntCounter,
}

impl Queue {
    pub(super) fn new(most: usize, metrics: &Metrics) -> (Self, mpsc::Receiver<Told>) {
        let (told, queue) = mpsc::channel(most);
        let dropped = metrics.counter_vec(&catalogue::TRACE_SPANS_DROPPED).with_label_values(&["queue"]);
        (Self { told, dropped }, queue)
    }

    pub(super) fn push(&self, part: &'static str, span: Span) {
        if self.told.try_send(Told::Ended(part, Box::new(span))).is_err() {
            self.dropped.inc();
        }
    }

    pub(super) async fn flush(&self, within: Duration) {
        let (done, wait) = oneshot::channel();
        let flushed = async {
            if self.told.send(Told::Flush(done)).await.is_ok() {
                // An exporter that is gone has nothing left to send.
                let _ = wait.await;
            }
        };
        if tokio::time::timeout(within, flushed).await.is_err() {
            tracing::warn!("the last spans did not reach the collector in time (telemetry.otlp_endpoint)");
        }
    }
}
