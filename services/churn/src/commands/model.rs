//! `churn model`: what the registry holds.

use anyhow::Context;
use churn_registry::Kind;
use churn_runtime::exit::Ending;
use serde::Serialize;

use crate::app::App;
use crate::cli::Model;

#[derive(Debug, Serialize)]
struct Listed {
    version: String,
    champion: bool,
    created_at: String,
    created_by: String,
    files: usize,
}

pub(super) async fn run(app: &App, command: Model) -> anyhow::Result<()> {
    match command {
        Model::List => list(app).await,
        Model::Report(args) => super::model_report::run(app, &args).await,
        Model::Export(args) => super::model_export::run(app, &args).await,
    }
}

async fn list(app: &App) -> anyhow::Result<()> {
    let registry = app.registry().await?;
    let champion = registry.champion(Kind::Model).await.map_err(Ending::of).context("look up the champion")?;
    let mut models = Vec::new();
    for version in registry.list(Kind::Model).await.map_err(Ending::of).context("list the models")? {
        let manifest = registry.manifest(Kind::Model, version).await.map_err(Ending::of)?;
        models.push(Listed {
            version: version.to_string(),
            champion: champion.as_ref().is_some_and(|champion| champion.version == version),
            created_at: manifest.created_at.to_string(),
            created_by: manifest.created_by,
            files: manifest.files.len(),
        });
    }
    app.answer(&models, |models| {
        let line = |model: &Listed| {
            let mark = if model.champion { "champion" } else { "" };
            format!("{:6} {:30} {:20} {mark}", model.version, model.created_at, model.created_by)
        };
        match models.is_empty() {
            true => format!("{} has no models; `churn setup` trains one", registry.place()),
            false => models.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    })
}
