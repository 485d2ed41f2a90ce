//! `churn model report`: what a model is good for, as one HTML file.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use churn_registry::{Kind, Version};
use churn_runtime::exit::Ending;
use churn_serving::Served;
use serde::Serialize;

use crate::app::App;
use crate::cli::ModelReport;
use crate::report;

#[derive(Debug, Serialize)]
struct Answer {
    model_version: String,
    out: PathBuf,
    bytes: usize,
}

/// Writes the report.
///
/// # Errors
/// There is no such version, it was trained before reports existed, or the file cannot be written.
pub(super) async fn run(app: &App, args: &ModelReport) -> anyhow::Result<()> {
    let version: Version = args.version.parse().map_err(Ending::usage).context("the version")?;
    let registry = app.registry().await?;
    let served = Served::of_version(&registry, version).await.map_err(Ending::of).context("load the model")?;
    let manifest = registry.manifest(Kind::Model, version).await.map_err(Ending::of).context("read the manifest")?;
    let contents = served.contents();
    let evaluation = contents.evaluation.as_ref().ok_or_else(|| {
        Ending::data(format!(
            "model {version} is of a format that has no curves yet; train a new one with `churn train`"
        ))
    })?;
    let about = [
        ("Version", version.to_string()),
        ("Made", format!("{} by {}", manifest.created_at, manifest.created_by)),
        ("SHA-256 of the manifest", served.hash().to_owned()),
    ];
    let page = report::page(&about, &manifest.lineage, contents, evaluation);
    let out = args.out.clone().unwrap_or_else(|| format!("model-{version}.html").into());
    fs::write(&out, &page).map_err(Ending::data).with_context(|| format!("write {}", out.display()))?;
    let answer = Answer { model_version: version.to_string(), out, bytes: page.len() };
    app.answer(&answer, |answer| {
        format!("report of model {} written to {}", answer.model_version, answer.out.display())
    })
}
