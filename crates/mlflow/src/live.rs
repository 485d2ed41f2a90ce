//! Live figures of a version, added to its run: one point in time after another.

use churn_registry::{Kind, Version};

use crate::{Mirror, MlflowError};

/// Milliseconds of a step: points of a run are numbered by the minutes since its version was made.
const STEP_MS: i64 = 60_000;

/// What a version's figures were at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveFigures {
    /// The end of the time that they are of, epoch milliseconds.
    pub at_ms: i64,
    /// Names and values.
    pub values: Vec<(String, f64)>,
}

impl Mirror {
    /// Adds these figures of a model's version to its run, under names that begin with `live.`; the same ones twice are one point.
    /// False while the version has no run: the mirror makes it.
    ///
    /// # Errors
    /// MLflow or the registry gave no answer or refused: a later point says as much.
    pub async fn add_live(&self, version: Version, figures: &LiveFigures) -> Result<bool, MlflowError> {
        let (hash, manifest) = (
            self.registry.manifest_sha256(Kind::Model, version).await?,
            self.registry.manifest(Kind::Model, version).await?,
        );
        let experiment = self.api.experiment().await?;
        let Some(run) = self.api.run_of(&experiment, &hash).await? else { return Ok(false) };
        let named = figures.values.iter().filter(|(_, value)| value.is_finite());
        let metrics: Vec<(String, f64)> = named.map(|(name, value)| (format!("live.{name}"), *value)).collect();
        let step = (figures.at_ms - manifest.created_at.as_millisecond()).max(0) / STEP_MS;
        self.api.log_metrics(&run, &metrics, figures.at_ms, step).await?;
        Ok(true)
    }
}
