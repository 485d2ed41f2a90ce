//! Bringing MLflow up to date with the registry.

use std::sync::Arc;

use churn_registry::{Artifact, Champion, Kind, Registry, RegistryError, Version};
use churn_runtime::CancellationToken;
use churn_runtime::exit::{Fate, Fated, reasons};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::client::{Api, Registered};
use crate::describe::Description;
use crate::{MlflowConfig, MlflowError};

const CHAMPION: &str = "champion";
const CHALLENGER: &str = "challenger";

/// What one round of mirroring did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mirrored {
    /// Versions that MLflow did not have before, such as `model v3`.
    pub added: Vec<String>,
    /// Aliases that were moved, such as `model champion -> v3`.
    pub moved: Vec<String>,
    /// Versions that the registry itself refuses, with the reason: they are left out.
    pub refused: Vec<String>,
}

impl Mirrored {
    /// Whether MLflow was up to date already.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.moved.is_empty()
    }
}

/// Keeps MLflow up to date with a registry. Clones take turns.
#[derive(Clone, Debug)]
pub struct Mirror {
    pub(crate) api: Arc<Api>,
    pub(crate) registry: Registry,
    config: MlflowConfig,
    turn: Arc<Mutex<()>>,
}

impl Mirror {
    /// A mirror of `registry`; nothing is asked yet.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn new(config: &MlflowConfig, registry: Registry) -> Result<Self, MlflowError> {
        Ok(Self { api: Arc::new(Api::new(config)?), registry, config: config.clone(), turn: Arc::default() })
    }

    /// Adds what is missing and moves the aliases. May be called again at any time; a round that failed half-way is finished by
    /// the next one. Two mirrors of one registry at the same moment, other than clones, may add a version twice: run one.
    ///
    /// # Errors
    /// MLflow or the registry gave no answer or refused: the rest waits for the next round.
    pub async fn round(&self) -> Result<Mirrored, MlflowError> {
        let _turn = self.turn.lock().await;
        let mut mirrored = Mirrored::default();
        let experiment = self.api.experiment().await?;
        for kind in [Kind::Generator, Kind::Model] {
            let model = format!("{}-{kind}", self.config.prefix);
            let versions = self.registry.list(kind).await?;
            if versions.is_empty() {
                continue;
            }
            self.api.register(&model).await?;
            let mut known = self.api.versions(&model).await?;
            let mut mirror = Vec::new();
            for version in versions {
                if let Some(registered) =
                    self.version(&experiment, &model, kind, version, &mut known, &mut mirrored).await?
                {
                    mirror.push((version, registered));
                }
            }
            self.aliases(&model, kind, &mirror, &mut mirrored).await?;
        }
        Ok(mirrored)
    }

    /// Mirrors again and again until asked to stop. What fails is said, and tried again at the next turn.
    pub async fn run(self, stop: CancellationToken) {
        let mut behind = false;
        loop {
            match self.round().await {
                Ok(mirrored) if behind || !mirrored.is_empty() => {
                    behind = false;
                    tracing::info!(added = ?mirrored.added, moved = ?mirrored.moved, "mlflow is up to date");
                }
                Ok(_) => {}
                Err(error) => {
                    behind = true;
                    tracing::warn!(error = reasons(&error), "mlflow is behind; it catches up at a later turn");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.interval.get()) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// The version's counterpart in MLflow, made where there is none; `None` for a version that the registry refuses.
    async fn version(
        &self,
        experiment: &str,
        model: &str,
        kind: Kind,
        version: Version,
        known: &mut Vec<Registered>,
        mirrored: &mut Mirrored,
    ) -> Result<Option<Registered>, MlflowError> {
        let hash = match self.registry.manifest_sha256(kind, version).await {
            Ok(hash) => hash,
            Err(error) => return refused(error, mirrored),
        };
        if let Some(found) = known.iter().find(|registered| registered.hash == hash) {
            return Ok(Some(found.clone()));
        }
        let artifact = match self.registry.load(kind, version).await {
            Ok(artifact) => artifact,
            Err(error) => return refused(error, mirrored),
        };
        let registered = self.add(experiment, model, artifact).await?;
        mirrored.added.push(format!("{kind} {version}"));
        known.push(registered.clone());
        Ok(Some(registered))
    }

    /// A run that was begun before goes on: the model version, made last, says that it is whole.
    async fn add(&self, experiment: &str, model: &str, artifact: Artifact) -> Result<Registered, MlflowError> {
        let Artifact { manifest, manifest_sha256: hash, files } = artifact;
        let about = Description::of(&manifest);
        let run = match self.api.run_of(experiment, &hash).await? {
            Some(run) => run,
            None => self.api.begin(experiment, &hash, &about).await?,
        };
        self.api.log(&run, &about).await?;
        for (name, bytes) in files {
            self.api.upload(&run, &name, bytes).await?;
        }
        self.api.finish(&run, about.at_ms).await?;
        self.api.add_version(model, &run, &hash, &about).await
    }

    async fn aliases(
        &self,
        model: &str,
        kind: Kind,
        mirror: &[(Version, Registered)],
        mirrored: &mut Mirrored,
    ) -> Result<(), MlflowError> {
        let champion = self.registry.champion(kind).await?;
        let newest = mirror.last().map(|(version, _)| *version);
        let wanted = [
            (CHAMPION, champion.as_ref().map(|champion| champion.version)),
            (CHALLENGER, challenger(champion.as_ref(), newest)),
        ];
        for (alias, version) in wanted {
            let target = version.and_then(|version| mirror.iter().find(|(known, _)| *known == version));
            let number = target.map(|(_, registered)| registered.number.as_str());
            if self.api.alias(model, alias).await?.as_deref() != number {
                self.api.set_alias(model, alias, number).await?;
                let to = version.map_or_else(|| "nothing".to_owned(), |version| version.to_string());
                mirrored.moved.push(format!("{kind} {alias} -> {to}"));
            }
        }
        Ok(())
    }
}

/// What is wrong with a version stays wrong and is noted; a registry that gives no answer ends the round.
fn refused(error: RegistryError, mirrored: &mut Mirrored) -> Result<Option<Registered>, MlflowError> {
    if error.fate() != Fate::Data {
        return Err(error.into());
    }
    mirrored.refused.push(error.to_string());
    Ok(None)
}

/// The newest version, if it came after the champion and never was champion itself.
fn challenger(champion: Option<&Champion>, newest: Option<Version>) -> Option<Version> {
    let (champion, newest) = (champion?, newest?);
    let former = champion.history.iter().any(|former| former.reign.version == newest);
    (newest > champion.version && !former).then_some(newest)
}
