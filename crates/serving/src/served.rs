//! A model that has proved itself.

use churn_domain::Table;
use churn_learn::{Artifact as Contents, ArtifactError, Explainer};
use churn_registry::{Artifact, Champion, Kind, Registry, RegistryError, Version};
use churn_runtime::exit::{Fate, Fated};

/// Why a model is not used.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The registry has no such version, a corrupt one, or cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The artifact is intact, but this program cannot use what is in it.
    #[error("model {version} is refused")]
    Refused {
        /// Its version.
        version: Version,
        /// Why.
        source: ArtifactError,
    },
    /// What reads models met something that it does not expect: a fault of this program, and the model is not used.
    #[error("model {version} could not be verified")]
    Panicked {
        /// Its version.
        version: Version,
        /// Where.
        source: tokio::task::JoinError,
    },
}

impl ServingError {
    pub(crate) fn is_permanent(&self) -> bool {
        self.fate() == Fate::Data
    }
}

impl Fated for ServingError {
    fn fate(&self) -> Fate {
        match self {
            Self::Registry(error) => error.fate(),
            Self::Refused { .. } | Self::Panicked { .. } => Fate::Data,
        }
    }
}

/// A model with its identity.
#[derive(Debug)]
pub struct Served {
    version: String,
    hash: String,
    contents: Contents,
    explainer: Explainer,
}

impl Served {
    /// Loads and verifies the champion.
    ///
    /// # Errors
    /// As [`Self::of_version`].
    pub async fn load(registry: &Registry, champion: &Champion) -> Result<Self, ServingError> {
        Self::off_the_hot_path(registry.load_champion(champion).await?).await
    }

    /// Loads and verifies any version.
    ///
    /// # Errors
    /// A hash does not match, the format is newer than this program, or the golden rows do not come out as they were published.
    pub async fn of_version(registry: &Registry, version: Version) -> Result<Self, ServingError> {
        Self::off_the_hot_path(registry.load(Kind::Model, version).await?).await
    }

    /// Reading a model and scoring its golden rows takes tens of milliseconds, which no pipeline of this runtime is to wait for.
    async fn off_the_hot_path(artifact: Artifact) -> Result<Self, ServingError> {
        let version = artifact.manifest.version;
        let verified = tokio::task::spawn_blocking(|| Self::verified(artifact)).await;
        verified.map_err(|source| ServingError::Panicked { version, source })?
    }

    fn verified(artifact: Artifact) -> Result<Self, ServingError> {
        let version = artifact.manifest.version;
        let contents =
            Contents::from_files(&artifact.files).map_err(|source| ServingError::Refused { version, source })?;
        let explainer = Explainer::new(&contents.model);
        Ok(Self { version: version.to_string(), hash: artifact.manifest_sha256, contents, explainer })
    }

    /// The version, such as `v3`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 of the manifest, hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The probability from which on a customer is labelled as leaving.
    pub fn threshold(&self) -> f64 {
        self.contents.model.threshold()
    }

    /// What the artifact holds beside the model: reference statistics, golden rows.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// What explains the model's scores.
    pub fn explainer(&self) -> &Explainer {
        &self.explainer
    }

    /// The calibrated probability of churn of every customer.
    pub fn predict(&self, customers: &Table) -> Vec<f64> {
        self.contents.model.predict_all(customers)
    }
}
