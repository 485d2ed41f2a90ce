//! `churn predict`: the same scoring as in the stream, for a file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use churn_domain::csv::{Customers, ReadOptions, UnknownCategory, Writer};
use churn_registry::{Kind, Registry, Version};
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::Ending;
use churn_serving::Served;
use serde::Serialize;

use super::bad_rows;
use crate::app::App;
use crate::cli;
use crate::shipped;

#[derive(Debug, Serialize)]
struct Answer {
    rows: usize,
    bad_rows: u64,
    model_version: String,
    threshold: f64,
    mean_probability: f64,
    predicted_churn: usize,
    scoring_seconds: f64,
    rows_per_second: f64,
}

pub(super) async fn run(app: &App, args: &cli::Predict) -> anyhow::Result<()> {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, skip_bad_rows: args.skip_bad_rows };
    let customers = shipped::customers(Some(&args.data), options)?;
    bad_rows::report(&customers);
    let served = load(&app.registry()?, args.model.as_deref()).await?;
    let watch = Stopwatch::start();
    let probabilities = served.predict(&customers.features);
    let seconds = watch.seconds();
    write(&args.out, &customers, &probabilities, &served)?;
    let answer = Answer {
        rows: customers.len(),
        bad_rows: customers.bad_row_count,
        model_version: served.version().to_owned(),
        threshold: served.threshold(),
        mean_probability: probabilities.iter().sum::<f64>() / probabilities.len().max(1) as f64,
        predicted_churn: probabilities.iter().filter(|p| **p >= served.threshold()).count(),
        scoring_seconds: seconds,
        rows_per_second: customers.len() as f64 / seconds.max(1e-9),
    };
    app.answer(&answer, |answer| {
        format!(
            "scored {} customers with model {} at {:.0} rows/s: {} at or above the threshold of {:.3}; written to {}",
            answer.rows,
            answer.model_version,
            answer.rows_per_second,
            answer.predicted_churn,
            answer.threshold,
            args.out.display()
        )
    })
}

async fn load(registry: &Registry, version: Option<&str>) -> anyhow::Result<Served> {
    if let Some(version) = version {
        let version: Version = version.parse().map_err(Ending::usage).context("--model")?;
        return Served::of_version(registry, version).await.map_err(Ending::of).context("load the model");
    }
    let champion = registry.champion(Kind::Model).await.map_err(Ending::of).context("look up the champion")?;
    let champion = champion
        .with_context(|| format!("{} has no model yet; run `churn setup` or `churn demo`", registry.place()))?;
    Served::load(registry, &champion).await.map_err(Ending::of).context("load the champion")
}

fn write(path: &Path, customers: &Customers, probabilities: &[f64], served: &Served) -> anyhow::Result<()> {
    let file = File::create(path).map_err(Ending::data).with_context(|| format!("create {}", path.display()))?;
    let ids = customers.customer_id.as_ref();
    let before: &[&str] = if ids.is_some() { &["customer_id"] } else { &[] };
    let after = ["churn_probability", "churn_label", "model_version"];
    let label = customers.label.as_deref();
    let location = customers.location.as_ref();
    let mut writer = Writer::new(BufWriter::new(file), label.is_some(), location.is_some(), before, &after)?;
    for (row, probability) in probabilities.iter().enumerate() {
        let id = ids.and_then(|ids| ids.get(row));
        let verdict = if *probability >= served.threshold() { "Yes" } else { "No" };
        let after = [&probability.to_string(), verdict, served.version()];
        writer.write_row(row, label, &customers.features, location, id.as_slice(), &after)?;
    }
    writer.finish().with_context(|| format!("write {}", path.display()))
}
