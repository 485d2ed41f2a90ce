//! The champion's live figures on their way from Postgres to its run in MLflow: the newest ones, now and then. Nothing waits for
//! it, and an MLflow that is away misses points and nothing else: the whole history is in `churn.model_metric`.

use anyhow::Context;
use churn_mlflow::{LiveFigures, Mirror};
use churn_registry::{Kind, Registry, Version};
use churn_runtime::CancellationToken;
use churn_runtime::config::HumanDuration;
use churn_store::{Dataset, PostgresConfig, Store};

/// What is looked for, as the monitor names it.
const NAMES: [&str; 10] =
    ["rows", "accuracy", "precision", "recall", "f1", "auc", "average_precision", "log_loss", "brier", "ece"];

/// Takes figures from one place to the other.
#[derive(Debug)]
pub(crate) struct LiveMirror {
    pub(crate) mirror: Mirror,
    pub(crate) registry: Registry,
    pub(crate) postgres: PostgresConfig,
    pub(crate) interval: HumanDuration,
}

impl LiveMirror {
    /// Adds a point every interval until asked to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (mut store, mut last, mut behind) = (None, None, false);
        while stop.run_until_cancelled(tokio::time::sleep(self.interval.get())).await.is_some() {
            match self.turn(&mut store, last).await {
                Ok(added) => {
                    last = added.or(last);
                    behind = false;
                }
                // The mirror itself says when MLflow is away.
                Err(error) if !behind => {
                    behind = true;
                    tracing::warn!(error = %format!("{error:#}"), "live figures do not reach mlflow; later ones will");
                }
                Err(_) => {}
            }
        }
    }

    /// The version and time of the point that was added, where there was a new one.
    async fn turn(
        &self,
        store: &mut Option<Store>,
        last: Option<(Version, i64)>,
    ) -> anyhow::Result<Option<(Version, i64)>> {
        let Some(champion) = self.registry.champion(Kind::Model).await.context("look up the champion")? else {
            return Ok(None);
        };
        let store = match store {
            Some(store) => store,
            None => store.insert(Store::connect(&self.postgres).await.context("connect to Postgres")?),
        };
        let version = champion.version;
        let found = store.latest_metrics(&version.to_string(), Dataset::Live, &NAMES).await?;
        let Some((at_ms, values)) = found.filter(|(at_ms, _)| last != Some((version, *at_ms))) else { return Ok(None) };
        let added = self.mirror.add_live(version, &LiveFigures { at_ms, values }).await?;
        Ok(added.then_some((version, at_ms)))
    }
}
