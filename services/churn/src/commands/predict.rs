//! `churn predict`: the same scoring as in the stream, for a file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use churn_domain::FEATURE_COUNT;
use churn_domain::csv::{Customers, ReadOptions, UnknownCategory, Writer};
use churn_registry::{Kind, Registry, Version};
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::Ending;
use churn_serving::{Scored, Served};
use serde::Serialize;
use tokio::task::block_in_place;

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
    reasons: usize,
    threads: usize,
    /// Encoding, scoring and explaining; not reading, loading the model, or writing.
    scoring_seconds: f64,
    rows_per_second: f64,
}

pub(super) async fn run(app: &App, args: &cli::Predict) -> anyhow::Result<()> {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, skip_bad_rows: args.skip_bad_rows };
    let customers = shipped::customers(Some(&args.data), options)?;
    bad_rows::report(&customers);
    let served = load(&app.registry().await?, args.model.as_deref()).await?;
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let mut scored = Scored::default();
    let watch = Stopwatch::start();
    block_in_place(|| served.score(&customers.features, args.reasons, threads, &mut scored));
    let seconds = watch.seconds();
    write(&args.out, &customers, &scored, args.reasons.min(FEATURE_COUNT), &served)?;
    let probabilities = scored.probabilities();
    let answer = Answer {
        rows: customers.len(),
        bad_rows: customers.bad_row_count,
        model_version: served.version().to_owned(),
        threshold: served.threshold(),
        mean_probability: probabilities.clone().sum::<f64>() / customers.len().max(1) as f64,
        predicted_churn: probabilities.filter(|p| *p >= served.threshold()).count(),
        reasons: args.reasons.min(FEATURE_COUNT),
        threads,
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

pub(super) async fn load(registry: &Registry, version: Option<&str>) -> anyhow::Result<Served> {
    if let Some(version) = version {
        let version: Version = version.parse().map_err(Ending::usage).context("--model")?;
        return Served::of_version(registry, version).await.map_err(Ending::of).context("load the model");
    }
    let champion = registry.champion(Kind::Model).await.map_err(Ending::of).context("look up the champion")?;
    let champion = champion
        .with_context(|| format!("{} has no model yet; run `churn setup` or `churn demo`", registry.place()))?;
    Served::load(registry, &champion).await.map_err(Ending::of).context("load the champion")
}

fn write(path: &Path, customers: &Customers, scored: &Scored, top: usize, served: &Served) -> anyhow::Result<()> {
    let file = File::create(path).map_err(Ending::data).with_context(|| format!("create {}", path.display()))?;
    let ids = customers.customer_id.as_ref();
    let before: &[&str] = if ids.is_some() { &["customer_id"] } else { &[] };
    let names: Vec<String> =
        (1..=top).flat_map(|at| [format!("reason_{at}"), format!("reason_{at}_contribution")]).collect();
    let after: Vec<&str> = ["churn_probability", "churn_label", "model_version"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let label = customers.label.as_deref();
    let location = customers.location.as_ref();
    let mut writer = Writer::new(BufWriter::new(file), label.is_some(), location.is_some(), before, &after)?;
    let mut values: Vec<String> = Vec::new();
    let mut row = 0;
    for part in scored.stretches() {
        for (at, probability) in part.probability.iter().enumerate() {
            let id = ids.and_then(|ids| ids.get(row));
            let verdict = if *probability >= served.threshold() { "Yes" } else { "No" };
            values.clear();
            values.extend([probability.to_string(), verdict.to_owned(), served.version().to_owned()]);
            if top > 0 {
                let reasons = part.reasons.row(at);
                values.extend(reasons.flat_map(|(feature, by)| [feature.to_owned(), by.to_string()]));
            }
            values.resize(after.len(), String::new());
            let after: Vec<&str> = values.iter().map(String::as_str).collect();
            writer.write_row(row, label, &customers.features, location, id.as_slice(), &after)?;
            row += 1;
        }
    }
    writer.finish().with_context(|| format!("write {}", path.display()))
}
