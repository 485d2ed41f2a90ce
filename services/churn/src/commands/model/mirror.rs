//! The mirror in MLflow.

use anyhow::{Context, bail};
use churn_mlflow::{Mirror, Mirrored};
use churn_registry::Registry;
use churn_runtime::exit::Ending;
use churn_runtime::shutdown::Shutdown;

use crate::app::App;

pub(super) async fn mirror(app: &App, registry: Registry, follow: bool) -> anyhow::Result<()> {
    let config = &app.config().mlflow;
    if config.url.is_empty() {
        bail!(Ending::usage("no MLflow is configured: set mlflow.url (CHURN__MLFLOW__URL)"));
    }
    let mirror = Mirror::new(config, registry).map_err(Ending::of).context("make the client of MLflow")?;
    if follow {
        let shutdown = Shutdown::install().context("listen for signals")?;
        mirror.run(shutdown.token()).await;
        return Ok(());
    }
    let mirrored = mirror.round().await.map_err(Ending::of).context("mirror the registry in MLflow")?;
    app.answer(&mirrored, text)
}

fn text(mirrored: &Mirrored) -> String {
    let mut lines: Vec<String> = mirrored.added.iter().map(|added| format!("added {added}")).collect();
    lines.extend(mirrored.moved.iter().map(|moved| format!("moved {moved}")));
    lines.extend(mirrored.refused.iter().map(|refused| format!("left out: {refused}")));
    if lines.is_empty() { "MLflow is up to date".into() } else { lines.join("\n") }
}
