//! A database, a registry with a first model, a broker, and trainers on them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use churn_domain::csv::{self, Customers, ReadOptions};
use churn_domain::holdout::{self, is_held_out};
use churn_domain::{OutcomeBatch, ScoreBatch};
use churn_learn::{Artifact, Examples, TrainParams};
use churn_mlflow::Mirror;
use churn_registry::{Artifact as Published, Decision, Draft, Kind, Promotion, Registry, Version};
use churn_runtime::CancellationToken;
use churn_runtime::clock::now_ms;
use churn_runtime::config::{ConnectionUrl, HumanDuration};
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_store::{OffsetAdvance, PostgresConfig, SinkWriter, Store, TopicPartition};
use churn_stream::{Cluster, KafkaConfig, Outgoing};
use churn_testkit::{Database, fresh_database, poll_until};
use churn_trainer::{Baseline, Tools, Trainer, TrainerConfig, TrainerHandle};
use churn_wire::{RareRecord, Record, RetrainReason, RetrainRequest, SchemaRegistry, register_all, write_prefix};
use sqlx::Row;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// Longest time for anything on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Stack {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) cluster: Cluster,
    schemas: Arc<SchemaRegistry>,
    progress: Progress,
    postgres: PostgresConfig,
    // Dropped with the test.
    _database: Database,
    _folder: TempDir,
}

/// A running trainer.
pub(crate) struct Running {
    pub(crate) handle: TrainerHandle,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

/// A row of `churn.retrain_audit`, as far as the tests look.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) requested_by: String,
    pub(crate) detail: String,
    pub(crate) candidate: Option<String>,
    pub(crate) training: Option<String>,
    pub(crate) decision: Option<String>,
    pub(crate) attempts: i32,
}

/// Quick, and without the patience that real streams ask for.
pub(crate) fn config() -> TrainerConfig {
    TrainerConfig {
        schedule: String::new(),
        debounce: HumanDuration::from_millis(300),
        cooldown: HumanDuration::from_millis(0),
        alarm_window: HumanDuration::from_secs(600),
        window: HumanDuration::from_secs(600),
        budget: HumanDuration::from_secs(1),
        lease: HumanDuration::from_secs(2),
        poll: HumanDuration::from_millis(50),
        probation_poll: HumanDuration::from_millis(50),
        probation_rows: 1_000,
        nice: 0,
        ..TrainerConfig::default()
    }
}

pub(crate) fn shipped() -> &'static Customers {
    static SHIPPED: OnceLock<Customers> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let text = include_bytes!("../../../../data/telco_customer_churn.csv");
        csv::read(&text[..], ReadOptions::default()).unwrap()
    })
}

impl Stack {
    /// With a champion that was trained on the shipped customers.
    pub(crate) async fn new() -> Result<Self> {
        let (database, folder) = (fresh_database().await?, TempDir::new()?);
        let postgres = PostgresConfig::at(ConnectionUrl::new(&database.url));
        let store = Store::connect(&postgres).await?;
        store.migrate().await?;
        let registry = Registry::folder(folder.path())?;
        let progress = Progress::new();
        let cluster = Cluster::embedded(&KafkaConfig::default(), &progress).await?;
        let schemas = Arc::new(SchemaRegistry::builtin());
        register_all(&schemas, &[(&cluster.topics().retrain_requests, Record::RetrainRequest)]).await?;
        let stack =
            Self { store, registry, cluster, schemas, progress, postgres, _database: database, _folder: folder };
        stack.promote(false).await?;
        Ok(stack)
    }

    /// Makes a model of the shipped customers, or of their opposites, the champion, as if it had passed the gate a minute ago: the
    /// events of [`Stack::events`] are all younger.
    pub(crate) async fn promote(&self, opposite: bool) -> Result<Version> {
        self.promote_by("a test", opposite).await
    }

    /// The same, signed by somebody.
    pub(crate) async fn promote_by(&self, by: &str, opposite: bool) -> Result<Version> {
        let before = self.registry.champion(Kind::Model).await?;
        let decision = before.as_ref().map(|before| Decision {
            passed: true,
            against: before.version,
            reason: "as meant by the test".into(),
            figures: serde_json::Map::new(),
        });
        let mut lineage = serde_json::Map::new();
        lineage.insert("held_out".into(), 704.into());
        let published = self
            .registry
            .publish(Draft {
                kind: Kind::Model,
                created_at_ms: now_ms(),
                created_by: "a test".into(),
                params: serde_json::Map::new(),
                lineage,
                metrics: object(&model(opposite).report)?,
                decision,
                files: model(opposite).to_files()?,
            })
            .await?;
        let Published { manifest, .. } = published;
        let promotion = Promotion {
            kind: Kind::Model,
            version: manifest.version,
            by: by.into(),
            reason: "as meant by the test".into(),
            overridden: None,
            at_ms: now_ms() - 60_000,
        };
        self.registry.promote(&promotion, before.as_ref()).await?;
        Ok(manifest.version)
    }

    /// Events of the shipped customers that happen from now on, a millisecond apart, with the outcomes that `left` says: it is told
    /// whether the customer is held out, and what became of them.
    pub(crate) async fn events(&self, rows: Range<usize>, left: impl Fn(bool, bool) -> bool) -> Result<()> {
        let customers = shipped();
        let labels = customers.label.as_deref().context("labels")?;
        let (mut scores, mut outcomes) = (ScoreBatch::default(), OutcomeBatch::default());
        let first = i64::try_from(rows.start)?;
        let end = i64::try_from(rows.end)?;
        // The last event is a moment old: a window ends now.
        let begin = now_ms() - (end - first) - 1;
        for (row, sequence) in rows.zip(first..) {
            let (id, at) = (format!("customer-{row}"), begin + (sequence - first));
            let event = &mut scores.event;
            event.stream.push(Some("s"));
            event.sequence.push(sequence);
            event.event_time_ms.push(at);
            event.customer_id.push(Some(&id));
            event.synthesizer_version.push(None);
            event.features.push_from(&customers.features, row % customers.len());
            event.location.push_missing();
            let at_row = event.len() - 1;
            scores.score_id.push(scores.event.score_id(at_row));
            scores.probability.push(0.5);
            scores.label.push(false);
            scores.threshold.push(0.5);
            scores.model_version.push(Some("v1"));
            scores.model_hash.push(Some("c0ffee"));
            scores.scored_at_ms.push(at);
            scores.lineage.push(1, 0, sequence);
            scores.reasons.end_row();
            outcomes.stream.push(Some("s"));
            outcomes.sequence.push(sequence);
            outcomes.event_time_ms.push(at);
            outcomes.customer_id.push(Some(&id));
            outcomes.churned.push(left(is_held_out(&id), labels[row % customers.len()]));
            outcomes.observed_at_ms.push(at);
        }
        let mut writer = SinkWriter::connect(&self.postgres, "sink", "cluster-1").await?;
        let claims = writer.claim(&[TopicPartition::new("scores", 0)]).await?;
        let claim = claims.first().context("one claim")?;
        let advance = [OffsetAdvance {
            topic: claim.topic.clone(),
            partition: claim.partition,
            expected: claim.next_offset,
            next: end,
            epoch: claim.epoch,
        }];
        writer.write(&scores, &outcomes, &advance).await?;
        writer.close().await;
        Ok(())
    }

    pub(crate) async fn trainer(&self, config: TrainerConfig) -> Result<Running> {
        self.trainer_with(config, shipped_again()).await
    }

    pub(crate) async fn trainer_with(&self, config: TrainerConfig, customers: Customers) -> Result<Running> {
        self.start(config, customers, None).await
    }

    /// One that tells an MLflow before it promotes.
    pub(crate) async fn mirrored_trainer(&self, config: TrainerConfig, mirror: Mirror) -> Result<Running> {
        self.start(config, shipped_again(), Some(mirror)).await
    }

    async fn start(&self, config: TrainerConfig, customers: Customers, mirror: Option<Mirror>) -> Result<Running> {
        let tools = Tools {
            store: self.store.clone(),
            registry: self.registry.clone(),
            baseline: Baseline::new(customers, "shipped".into()),
            mirror,
        };
        let (metrics, health) = (Metrics::new(), Health::new());
        let trainer =
            Trainer::start(config, &self.cluster, &self.schemas, tools, &self.progress, &metrics, &health).await?;
        let (handle, stop) = (trainer.handle(), CancellationToken::new());
        let task = tokio::spawn(trainer.run(stop.clone()));
        Ok(Running { handle, metrics, health, stop, task })
    }

    /// Sends requests, as the monitor does.
    pub(crate) async fn ask(&self, requests: &[RetrainRequest]) -> Result<()> {
        let topic = self.cluster.topics().retrain_requests.clone();
        let schema = self.schemas.id_of(&topic, Record::RetrainRequest).await?;
        let mut producer = self.cluster.producer(&self.progress.stage("test"))?;
        for request in requests {
            let mut value = Vec::new();
            write_prefix(schema, &mut value);
            value.extend(request.encode()?);
            tokio::task::block_in_place(|| producer.send(Outgoing::new(&topic, b"v1", &value)))?;
        }
        tokio::task::block_in_place(|| producer.flush(PATIENCE))?;
        Ok(())
    }

    /// Rows of the account that are answered, once there are so many.
    pub(crate) async fn answers(&self, count: usize) -> Result<Vec<Answer>> {
        let probe = async || {
            let rows = sqlx::query(
                "select status, reason, requested_by, coalesce(detail, '') as detail, candidate_version, training::text as training,
                     decision::text as decision, attempts
                 from churn.retrain_audit where status not in ('requested', 'running') order by recorded_at, request_id",
            )
            .fetch_all(self.store.pool())
            .await?;
            let answer = |row: &sqlx::postgres::PgRow| -> Result<Answer> {
                Ok(Answer {
                    status: row.try_get("status")?,
                    reason: row.try_get("reason")?,
                    requested_by: row.try_get("requested_by")?,
                    detail: row.try_get("detail")?,
                    candidate: row.try_get("candidate_version")?,
                    training: row.try_get("training")?,
                    decision: row.try_get("decision")?,
                    attempts: row.try_get("attempts")?,
                })
            };
            let rows = rows.iter().map(answer).collect::<Result<Vec<_>>>()?;
            anyhow::ensure!(rows.len() >= count, "{} of {count} are answered", rows.len());
            Ok::<_, anyhow::Error>(Some(rows))
        };
        poll_until(PATIENCE, probe).await
    }

    pub(crate) async fn champion(&self) -> Result<String> {
        Ok(self.registry.champion(Kind::Model).await?.context("a champion")?.version.to_string())
    }
}

impl Running {
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.context("it does not stop")???;
        Ok(())
    }

    /// Ends it as a kill does: nothing is given back.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

pub(crate) fn request(number: u64, reason: RetrainReason, champion: Option<&str>) -> RetrainRequest {
    RetrainRequest {
        request_id: ulid::Ulid::from_parts(1_795_923_000_000 + number, u128::from(number)).to_string(),
        requested_at: now_ms(),
        reason,
        champion_version: champion.map(str::to_owned),
        detail: Some(r#"{"metric":"log_loss","now":0.8}"#.into()),
    }
}

fn object(report: &churn_learn::Report) -> Result<serde_json::Map<String, serde_json::Value>> {
    Ok(serde_json::from_value(serde_json::to_value(report)?)?)
}

/// A model of the shipped customers, or of their opposites; trained once a process.
fn model(opposite: bool) -> &'static Artifact {
    static MODELS: [OnceLock<Artifact>; 2] = [OnceLock::new(), OnceLock::new()];
    MODELS[usize::from(opposite)].get_or_init(|| {
        let customers = shipped();
        let rows = holdout::split(customers).learn;
        let all = customers.label.as_deref().unwrap();
        let label: Vec<bool> = rows.iter().map(|&row| all[row] != opposite).collect();
        let features = customers.features.select(rows);
        let examples = Examples { features: &features, label: &label, weight: None };
        churn_learn::train_on(examples, &TrainParams::default(), &mut |_| {}).unwrap().artifact
    })
}

fn shipped_again() -> Customers {
    let text = include_bytes!("../../../../data/telco_customer_churn.csv");
    csv::read(&text[..], ReadOptions::default()).unwrap()
}
