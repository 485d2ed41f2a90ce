//! From a request to a verdict: the steps of one training.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use churn_learn::{Artifact, Trained};
use churn_mlflow::Mirror;
use churn_registry::{Champion, Decision, Draft, Kind, Manifest, Promotion, Registry, RegistryError};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::{Fate, Fated, reasons};
use churn_store::{Account, ModelRow, Outcome, Store, Taken};
use churn_stream::Cluster;
use churn_wire::SchemaRegistry;
use serde_json::{Map, Value, json};

use crate::config::TrainerConfig;
use crate::data::{Baseline, Data, Draw, assemble};
use crate::handle::{Step, TrainerHandle};
use crate::metrics::TrainerMetrics;
use crate::training::{self, Abort};

/// How long MLflow may keep a promotion waiting: it is to know of the decision first, and is not to be waited for when it is down.
const MIRROR_WITHIN: Duration = Duration::from_secs(10);
/// Among the gate's figures: all of the challenger's own, on the customers held out.
const TEST: &str = "test";
/// The part, wherever it signs.
pub(crate) const BY: &str = "trainer";

/// What every step needs.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: TrainerConfig,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) cluster: Cluster,
    pub(crate) schemas: Arc<SchemaRegistry>,
    pub(crate) baseline: Arc<Baseline>,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) metrics: TrainerMetrics,
    pub(crate) handle: TrainerHandle,
}

/// Why a training came to no end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Trying again would give the same.
    Impossible(String),
    /// A server is away.
    Later(anyhow::Error),
    /// Its result is no longer wanted.
    Aborted,
}

impl<E: Fated + std::error::Error + Send + Sync + 'static> From<E> for Trouble {
    fn from(error: E) -> Self {
        match error.fate() {
            Fate::External => Self::Later(error.into()),
            Fate::Data | Fate::Internal => Self::Impossible(reasons(&error)),
        }
    }
}

/// A challenger that was published, and what the gate said of it.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) champion: Champion,
    pub(crate) manifest: Manifest,
    pub(crate) passed: bool,
    pub(crate) reason: String,
}

impl Core {
    /// The champion, or that there is none.
    pub(crate) async fn champion(&self) -> Result<Champion, Trouble> {
        let champion = self.registry.champion(Kind::Model).await?;
        champion.ok_or_else(|| {
            Trouble::Impossible("the registry has no champion to compare with; `churn setup` trains one".into())
        })
    }

    /// Trains a challenger, asks the gate, and publishes both. Nothing is promoted yet. `account` is filled as far as it goes.
    pub(crate) async fn challenge(
        &self,
        taken: &Taken,
        abort: &Abort,
        account: &mut Account,
    ) -> Result<Judged, Trouble> {
        let champion = self.champion().await?;
        account.champion_version = Some(champion.version.to_string());
        let artifact = self.registry.load_champion(&champion).await?;
        let shipped_is_held_out = held_out(&artifact.manifest);
        let reigning = Artifact::from_files(&artifact.files)
            .map_err(|error| Trouble::Impossible(format!("champion {} cannot be used: {error}", champion.version)))?;
        let data = self.data(&taken.reason, shipped_is_held_out).await?;
        let mut described = object(json!(data.account));
        account.training = Some(Value::Object(described.clone()).to_string());
        self.metrics.drawn(&data.account);
        let least = self.config.gate_min_rows;
        if data.held_out.label.len() < least {
            return Err(Trouble::Impossible(format!(
                "only {} customers are held out of {} labelled events and the shipped rows; the gate needs {least} (trainer.gate_min_rows)",
                data.held_out.label.len(),
                data.account.labelled_events,
            )));
        }
        self.handle.add(
            Step::Started,
            format!(
                "on {} recent and {} shipped customers, {} held out",
                data.account.learned_from.recent, data.account.learned_from.shipped, data.account.held_out.rows
            ),
        );
        let watch = Stopwatch::start();
        let (gate, params, stop) = (self.config.gate(), training::params(&self.config), abort.clone());
        let Data { learn, held_out, .. } = data;
        let work = move || {
            let trained = training::search(&learn, &params, &stop)?;
            let verdict = training::judge(&gate, &trained.artifact.model, &reigning.model, &held_out);
            let test = training::figures(&trained.artifact.model, &held_out);
            Ok::<_, churn_learn::TrainError>((trained, verdict, test))
        };
        let done =
            training::aside(self.config.nice, work).await.map_err(|error| Trouble::Impossible(format!("{error:#}")))?;
        if abort.is_set() {
            return Err(Trouble::Aborted);
        }
        let (trained, verdict, test) =
            done.map_err(|error| Trouble::Impossible(format!("no model could be trained: {error}")))?;
        let report = &trained.artifact.report;
        self.handle.add(
            Step::Trained,
            format!("{} after {} trials in {:.1} s", report.best().params.name(), report.trials, watch.seconds()),
        );
        let mut figures = object(json!(verdict.figures));
        figures.insert(TEST.into(), json!(test));
        let decision =
            Decision { passed: verdict.passed, against: champion.version, reason: verdict.reason.clone(), figures };
        account.decision = Some(json!(decision).to_string());
        described.insert("seconds".into(), json!(watch.seconds()));
        described.insert("request".into(), json!(taken.id));
        account.training = Some(Value::Object(described.clone()).to_string());
        let manifest = self.publish(trained, described, decision).await?;
        account.candidate_version = Some(manifest.version.to_string());
        self.handle.add(Step::Judged, format!("{}: {}", manifest.version, verdict.reason));
        Ok(Judged { champion, manifest, passed: verdict.passed, reason: verdict.reason })
    }

    /// Makes a challenger that passed the champion. The account says how it went.
    pub(crate) async fn promote(
        &self,
        taken: &Taken,
        judged: &Judged,
        account: &mut Account,
    ) -> Result<Outcome, Trouble> {
        let promotion = Promotion {
            kind: Kind::Model,
            version: judged.manifest.version,
            by: signature(taken),
            reason: judged.reason.clone(),
            overridden: None,
            at_ms: now_ms(),
        };
        match self.registry.promote(&promotion, Some(&judged.champion)).await {
            Ok(champion) => {
                self.announce(&judged.champion, &champion).await;
                account.detail =
                    format!("{} took the place of {}: {}", champion.version, judged.champion.version, judged.reason);
                Ok(Outcome::Promoted)
            }
            Err(RegistryError::Overtaken { winner, .. }) => {
                let winner = winner.map_or_else(|| "nobody".to_owned(), |winner| winner.version.to_string());
                account.detail = format!(
                    "it passed the gate against {}, but {winner} has become the champion meanwhile",
                    judged.champion.version
                );
                Ok(Outcome::Rejected)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells running parts of a new champion. One that is not told looks by itself a little later.
    pub(crate) async fn announce(&self, before: &Champion, after: &Champion) {
        let Some(update) = churn_updates::moved(Some(before), after) else { return };
        if let Err(error) = churn_updates::announce(&self.cluster, &self.schemas, &update).await {
            tracing::warn!(error = reasons(&error), "running parts will find the new champion by themselves");
        }
    }

    /// Rows for a training that was asked for with this reason.
    async fn data(&self, reason: &str, shipped_is_held_out: bool) -> Result<Data, Trouble> {
        let window = match reason {
            "schedule" | "manual" => self.config.window,
            _ => self.config.alarm_window,
        };
        let now_ms = now_ms();
        let draw = Draw {
            now_ms,
            window: window.get(),
            half_lives: self.config.half_lives,
            min_rows: self.config.min_rows,
            min_held_out: self.config.gate_min_rows,
            shipped_is_held_out,
        };
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX / 4);
        let recent = self.store.labelled_rows(now_ms.saturating_sub(window_ms)..now_ms, self.config.max_rows).await?;
        let baseline = self.baseline.clone();
        tokio::task::spawn_blocking(move || assemble(&baseline, &recent, &draw))
            .await
            .map_err(|error| Trouble::Impossible(format!("the rows could not be drawn: {error}")))
    }

    /// Publishes a challenger with its decision, and tells Postgres and MLflow before any pointer moves.
    async fn publish(
        &self,
        trained: Trained,
        lineage: Map<String, Value>,
        decision: Decision,
    ) -> Result<Manifest, Trouble> {
        let report = &trained.artifact.report;
        let impossible =
            |error: &dyn std::fmt::Display| Trouble::Impossible(format!("the model cannot be written: {error}"));
        let draft = Draft {
            kind: Kind::Model,
            created_at_ms: now_ms(),
            created_by: BY.into(),
            params: object(json!({
                "seed": self.config.seed, "folds": report.folds, "goal": report.goal.name(), "trials": report.trials,
                "budget_seconds": self.config.budget.get().as_secs_f64(), "threads": self.config.threads,
                "learner": report.best().params,
            })),
            lineage,
            metrics: object(serde_json::to_value(report).map_err(|error| impossible(&error))?),
            decision: Some(decision),
            files: trained.artifact.to_files().map_err(|error| impossible(&error))?,
        };
        let artifact = self.registry.publish(draft).await?;
        self.store.record_model(&row(&artifact.manifest, &artifact.manifest_sha256)).await?;
        if let Some(mirror) = &self.mirror {
            match tokio::time::timeout(MIRROR_WITHIN, mirror.round()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = reasons(&error), "mlflow is behind; it catches up at a later turn");
                }
                Err(_) => tracing::warn!("mlflow gives no answer in time; it catches up at a later turn"),
            }
        }
        Ok(artifact.manifest)
    }

    /// Stores what the registry has and Postgres does not: versions made by `churn setup` and `churn train`.
    pub(crate) async fn record_versions(&self) -> anyhow::Result<()> {
        let known = self.store.known_models().await.context("read the models in Postgres")?;
        for version in self.registry.list(Kind::Model).await.context("list the registry's models")? {
            let hash = match self.registry.manifest_sha256(Kind::Model, version).await {
                Ok(hash) => hash,
                Err(error) if error.fate() == Fate::External => return Err(error).context("read a manifest"),
                Err(error) => {
                    tracing::warn!(%version, error = reasons(&error), "a version that cannot be used is left out");
                    continue;
                }
            };
            if !known.contains(&hash) {
                let manifest = self.registry.manifest(Kind::Model, version).await.context("read a manifest")?;
                self.store.record_model(&row(&manifest, &hash)).await.context("store a model in Postgres")?;
            }
        }
        Ok(())
    }
}

/// Whether the model learned from nobody who is held out: it says so, and how many there were.
fn held_out(manifest: &Manifest) -> bool {
    manifest.lineage.get("held_out").is_some_and(|held_out| held_out != &json!(0))
}

/// How a promotion is signed, before the id of its request.
const SIGNED: &str = "trainer, request ";

/// Who promoted, so that a training that was cut off after its promotion is known to be done.
pub(crate) fn signature(taken: &Taken) -> String {
    format!("{SIGNED}{}", ulid::Ulid(taken.id.as_u128()))
}

/// The request that a champion was promoted for, where a trainer has promoted it.
pub(crate) fn promoted_for(champion: &Champion) -> Option<uuid::Uuid> {
    let id: ulid::Ulid = champion.by.strip_prefix(SIGNED)?.parse().ok()?;
    Some(uuid::Uuid::from_u128(id.0))
}

fn row(manifest: &Manifest, hash: &str) -> ModelRow {
    let metrics = Value::Object(manifest.metrics.clone());
    let chosen = metrics.get("chosen").and_then(Value::as_u64).unwrap_or(0);
    let chosen = metrics.pointer(&format!("/learners/{chosen}"));
    let learner = chosen.and_then(|chosen| chosen.pointer("/params/learner")).and_then(Value::as_str);
    // Who was held out says more than who was out of fold, where anybody was.
    let held_out = manifest.decision.as_ref().and_then(|decision| decision.figures.get(TEST));
    let out_of_fold = chosen.and_then(|chosen| chosen.get("metrics"));
    ModelRow {
        version: manifest.version.to_string(),
        manifest_hash: hash.to_owned(),
        learner: learner.unwrap_or("unknown").to_owned(),
        created_at_ms: manifest.created_at.as_millisecond(),
        training: numbers(metrics.get("fitted")),
        test: numbers(held_out.or(out_of_fold)),
        decision: manifest.decision.as_ref().map(|decision| json!(decision).to_string()),
        metrics: metrics.to_string(),
    }
}

/// The figures of a document by their names, without the numbers of customers.
fn numbers(figures: Option<&Value>) -> Vec<(String, f64)> {
    let fields = figures.and_then(Value::as_object).into_iter().flatten();
    let figures = fields.filter(|(name, _)| !["rows", "positives"].contains(&name.as_str()));
    figures.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
