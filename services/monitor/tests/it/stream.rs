//! A stream of scores and outcomes whose figures are known.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use churn_domain::{Column, EventBatch, FEATURES, OutcomeBatch, Probability, ScoreBatch};
use churn_drift::{InvalidReference, Performance, Summary};
use churn_monitor::{Monitor, MonitorConfig, MonitorHandle, MonitorSnapshot, Training, TrainingSource};
use churn_runtime::CancellationToken;
use churn_runtime::config::HumanDuration;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_store::Store;
use churn_stream::{Cluster, Outgoing};
use churn_testkit::poll_until;
use churn_wire::{Codec, Encoder, OutcomeCodec, SchemaRegistry, ScoreCodec};
use tokio::task::JoinHandle;

/// Longest time for anything on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// From this event on, customers pay more.
pub(crate) const SHIFT: i64 = 3_000;
pub(crate) const REFERENCE_ROWS: usize = 2_000;
pub(crate) const WINDOW_ROWS: usize = 500;

/// A running monitor with everything it shares with its process.
pub(crate) struct Running {
    pub(crate) handle: MonitorHandle,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    pub(crate) progress: Progress,
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

/// Knows what `v1` was trained on: the customers before the shift. That of another version is of other features.
struct TrainedBeforeTheShift;

impl TrainingSource for TrainedBeforeTheShift {
    fn training(&self, model_version: &str) -> Option<Result<Training, InvalidReference>> {
        let batch = scores(0..1_000, model_version);
        let mut reference = churn_learn::Reference::of(&batch.event.features, &[false; 1_000], &batch.probability);
        if model_version == "other features" {
            reference.features.swap(0, 6);
        }
        ["v1", "other features"].contains(&model_version).then(|| Training::try_from(&reference))
    }

    fn test_figures(&self, model_version: &str) -> Option<Vec<(&'static str, f64)>> {
        (model_version == "v1").then(|| vec![("auc", 0.84), ("log_loss", 0.42)])
    }
}

impl Running {
    pub(crate) async fn start(cluster: &Cluster, progress: &Progress, schemas: &Arc<SchemaRegistry>) -> Result<Self> {
        Self::start_with(cluster, progress, schemas, None).await
    }

    /// With a memory in Postgres.
    pub(crate) async fn start_with(
        cluster: &Cluster,
        progress: &Progress,
        schemas: &Arc<SchemaRegistry>,
        memory: Option<Store>,
    ) -> Result<Self> {
        Self::start_as(cluster, progress, schemas, memory, |_| {}).await
    }

    /// Configured otherwise.
    pub(crate) async fn start_as(
        cluster: &Cluster,
        progress: &Progress,
        schemas: &Arc<SchemaRegistry>,
        memory: Option<Store>,
        otherwise: impl FnOnce(&mut MonitorConfig),
    ) -> Result<Self> {
        let mut config = MonitorConfig {
            reference_rows: REFERENCE_ROWS,
            drift_window_rows: WINDOW_ROWS,
            performance_block_rows: WINDOW_ROWS,
            save_every: HumanDuration::from_millis(50),
            publish_every: HumanDuration::from_millis(20),
            commit_every: HumanDuration::from_millis(100),
            ..MonitorConfig::default()
        };
        otherwise(&mut config);
        let (metrics, health, stop) = (Metrics::new(), Health::new(), CancellationToken::new());
        let mut monitor =
            Monitor::start(config, cluster, schemas, TrainedBeforeTheShift, progress, &metrics, &health).await?;
        if let Some(store) = memory {
            monitor.look_up_in(store.clone());
            monitor.remember_in(store);
        }
        let handle = monitor.handle();
        let task = tokio::spawn(monitor.run(stop.clone()));
        Ok(Self { handle, metrics, health, progress: progress.clone(), stop, task })
    }

    /// The first snapshot that is as wanted.
    pub(crate) async fn when(&self, wanted: impl Fn(&MonitorSnapshot) -> bool) -> Result<Arc<MonitorSnapshot>> {
        let probe = || async {
            let snapshot = self.handle.snapshot();
            wanted(&snapshot).then_some(snapshot)
        };
        poll_until(PATIENCE, probe).await.with_context(|| format!("still {:#?}", self.handle.snapshot()))
    }

    pub(crate) async fn stop(self) -> Result<Arc<MonitorSnapshot>> {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.context("it does not stop")???;
        Ok(self.handle.snapshot())
    }
}

pub(crate) fn scores(sequences: impl IntoIterator<Item = i64>, version: &str) -> ScoreBatch {
    let mut batch = ScoreBatch::default();
    for sequence in sequences {
        push_event(&mut batch.event, sequence);
        batch.score_id.push(batch.event.score_id(batch.event.len() - 1));
        batch.probability.push(probability(sequence));
        batch.label.push(probability(sequence) >= 0.5);
        batch.threshold.push(0.5);
        batch.model_version.push(Some(version));
        batch.model_hash.push(Some("0123abcd"));
        batch.scored_at_ms.push(1_700_000_001_000);
        batch.lineage.push(1, 0, sequence);
        batch.reasons.end_row();
    }
    batch
}

fn push_event(events: &mut EventBatch, sequence: i64) {
    events.stream.push(Some("test"));
    events.sequence.push(sequence);
    events.event_time_ms.push(1_700_000_000_000 + sequence);
    events.customer_id.push(Some("somebody"));
    events.synthesizer_version.push(None);
    events.location.push_missing();
    let spread = sequence * 7_919 % 1_009;
    for (feature, column) in FEATURES.iter().zip(events.features.columns_mut()) {
        match column {
            Column::Category(words) => {
                words.push(Some(feature.categories()[spread as usize % feature.categories().len()]));
            }
            Column::Number(values) if feature.unit.is_none() => values.push((spread % 2) as f64),
            Column::Number(values) if feature.name == "tenure" => values.push((spread % 72) as f64),
            Column::Number(values) => values.push(spread as f64 + if sequence < SHIFT { 0.0 } else { 500.0 }),
        }
    }
}

pub(crate) fn outcomes(sequences: impl IntoIterator<Item = i64>) -> OutcomeBatch {
    let mut batch = OutcomeBatch::default();
    for sequence in sequences {
        batch.stream.push(Some("test"));
        batch.sequence.push(sequence);
        batch.event_time_ms.push(1_700_000_000_000 + sequence);
        batch.customer_id.push(Some("somebody"));
        batch.churned.push(churned(sequence));
        batch.observed_at_ms.push(1_700_000_002_000);
    }
    batch
}

fn probability(sequence: i64) -> f64 {
    (sequence * 7_919 % 1_000) as f64 / 1_000.0
}

fn churned(sequence: i64) -> bool {
    (sequence * 104_729 % 997) as f64 / 997.0 < probability(sequence)
}

/// The figures of these rows, straight from the numbers.
pub(crate) fn expected(sequences: impl IntoIterator<Item = i64>) -> Summary {
    let mut performance = Performance::new();
    for sequence in sequences {
        let p = Probability::new(probability(sequence)).unwrap();
        performance.add(p, p.get() >= 0.5, churned(sequence));
    }
    performance.summary()
}

/// The same rows give the same figures, but for the order of their sums.
pub(crate) fn assert_same(found: &Summary, expected: &Summary) {
    let exact = |s: &Summary| (s.rows, s.accuracy, s.precision, s.recall, s.f1, s.auc, s.positive_share);
    assert_eq!(exact(found), exact(expected));
    for (found, expected) in [(found.log_loss, expected.log_loss), (found.brier, expected.brier)] {
        assert!((found.unwrap() - expected.unwrap()).abs() < 1e-12, "{found:?} {expected:?}");
    }
}

/// Writes rows to a topic, and waits until they are acknowledged.
pub(crate) struct Writer {
    pub(crate) cluster: Cluster,
    pub(crate) progress: Progress,
    pub(crate) schemas: Arc<SchemaRegistry>,
}

impl Writer {
    pub(crate) async fn scores(&self, batch: &ScoreBatch) -> Result<()> {
        let topic = self.cluster.topics().scores.clone();
        self.rows::<ScoreCodec>(topic, batch, batch.len()).await
    }

    pub(crate) async fn outcomes(&self, batch: &OutcomeBatch) -> Result<()> {
        let topic = self.cluster.topics().outcomes.clone();
        self.rows::<OutcomeCodec>(topic, batch, batch.len()).await
    }

    async fn rows<C: Codec>(&self, topic: String, batch: &C::Batch, rows: usize) -> Result<()> {
        let encoder = Encoder::<C>::new(self.schemas.id_of(&topic, C::RECORD).await?);
        let encode = |row| {
            let mut value = Vec::new();
            encoder.encode_into(batch, row, &mut value);
            value
        };
        self.values(topic, (0..rows).map(encode).collect()).await
    }

    pub(crate) async fn values(&self, topic: String, values: Vec<Vec<u8>>) -> Result<()> {
        let (cluster, stage) = (self.cluster.clone(), self.progress.stage("writer"));
        tokio::task::spawn_blocking(move || {
            let mut producer = cluster.producer(&stage)?;
            for (row, value) in values.iter().enumerate() {
                producer.send(Outgoing::new(&topic, &row.to_be_bytes(), value))?;
            }
            producer.flush(PATIENCE)?;
            Ok(())
        })
        .await?
    }
}
