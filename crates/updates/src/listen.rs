//! Hearing that the champion was moved.

use std::sync::Arc;
use std::time::Duration;

use churn_runtime::CancellationToken;
use churn_runtime::exit::reasons;
use churn_runtime::metrics::{IntCounterVec, Metrics, catalogue};
use churn_stream::{Cluster, Follow, Record, StreamError};
use churn_wire::{ModelUpdate, SchemaRegistry, VALUE_SCHEMA_ID_HEADER};
use tokio::sync::Notify;

/// Time between two attempts to listen. Shorter only fills the log: meanwhile the slow poll looks.
const AGAIN: Duration = Duration::from_secs(10);

/// Listens in the background until `stop`, and gives what is notified of every update: once for several that come together, and
/// once whenever listening begins, since something may have been missed before. Kafka being away is a warning, never an error.
pub fn listen(
    cluster: &Cluster,
    schemas: &Arc<SchemaRegistry>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Arc<Notify> {
    let news = Arc::new(Notify::new());
    let listener = Listener {
        cluster: cluster.clone(),
        schemas: Arc::clone(schemas),
        heard: metrics.counter_vec(&catalogue::MODEL_UPDATES_HEARD),
        news: Arc::clone(&news),
    };
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = listener.run() => {}
            () = stop.cancelled() => {}
        }
    });
    news
}

struct Listener {
    cluster: Cluster,
    schemas: Arc<SchemaRegistry>,
    heard: IntCounterVec,
    news: Arc<Notify>,
}

impl Listener {
    async fn run(self) {
        loop {
            let Err(error) = self.hear().await;
            tracing::warn!(error = reasons(&error), "model updates are not heard; the slow poll finds them");
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn hear(&self) -> Result<std::convert::Infallible, StreamError> {
        let mut follow: Follow = self.cluster.follow(&self.cluster.topics().model_updates).await?;
        self.news.notify_one();
        loop {
            for record in follow.next().await?.iter() {
                self.tell(&record).await;
                self.news.notify_one();
            }
        }
    }

    /// Says what was heard. What cannot be read is counted, and is a reason to look like any other.
    async fn tell(&self, record: &Record<'_>) {
        let read = self.schemas.read_rare::<ModelUpdate>(record.value(), record.header(VALUE_SCHEMA_ID_HEADER)).await;
        let result = match read {
            Ok(Ok(update)) => {
                let ModelUpdate { version, previous_version, role, .. } = &update;
                tracing::info!(?role, version, previous_version, "model update heard");
                "read"
            }
            Ok(Err(error)) => {
                tracing::warn!(offset = record.offset(), %error, "a model update cannot be read");
                "unreadable"
            }
            Err(error) => {
                tracing::warn!(offset = record.offset(), error = reasons(&error), "a model update cannot be read yet");
                "unreadable"
            }
        };
        self.heard.with_label_values(&[result]).inc();
    }
}
