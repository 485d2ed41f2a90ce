//! The first generator and the first model, for a registry that has none.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use churn_domain::Locations;
use churn_domain::csv::{Customers, ReadOptions};
use churn_domain::holdout::{self, Split};
use churn_learn::{Examples, TrainStep};
use churn_registry::{Champion, Draft, Kind, Promotion, Registry};
use churn_runtime::clock::now_ms;
use churn_runtime::exit::Ending;
use churn_synth::{FitParams, Generator};
use churn_synthesizer::{Generators, Loading};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use tokio::task::block_in_place;

use crate::config::Config;
use crate::generators::measure::{self, Sampling};
use crate::generators::record::{Fit, GENERATOR_FILE, draft};
use crate::shipped;

/// What the report of the first fit samples: enough to tell a good generator, few enough that a first start waits less
/// than a second of one core (0.75 s; with 5,000 it is 1.3 s). Small samples score lower, so a later fit measures
/// the champion anew on as many as its own.
const REPORT: Sampling = Sampling { rows: 2_000, seed: 7 };
const BY: &str = "churn setup";

/// Fits a generator; locations come from the customers where they have any.
///
/// # Errors
/// The data cannot be fitted; the message says why.
pub(crate) fn fit(customers: &Customers, locations: &Locations) -> anyhow::Result<Generator> {
    Generator::fit(customers, locations, FitParams::default()).map_err(Ending::data).context("fit the generator")
}

/// The champion generator, fitted and promoted first where there is none.
///
/// # Errors
/// The registry or the data cannot be used.
pub(crate) async fn generator(
    registry: &Registry,
    config: &Config,
    bar: &ProgressBar,
) -> anyhow::Result<(Generator, Champion)> {
    if let Some(champion) = registry.champion(Kind::Generator).await.map_err(Ending::of)? {
        return Ok((load_generator(registry, &champion).await?, champion));
    }
    bar.set_message("fitting the generator");
    let customers = shipped::customers(config.data.customers.as_deref(), ReadOptions::default())?;
    let locations = shipped::locations(config.data.locations.as_deref())?;
    let generator = block_in_place(|| fit(&customers, &locations))?;
    bar.set_message("measuring the generator");
    let measured = block_in_place(|| measure::of_generator(&generator, &customers, &locations, REPORT))?;
    let source = source(config);
    let fit = Fit {
        generator: &generator,
        measured: &measured,
        customers: &customers,
        sampling: REPORT,
        source: &source,
        by: BY,
    };
    // Not judged against a champion that came meanwhile: being as good as that one is no reason to take its place.
    let (champion, _) = publish_first(registry, draft(&fit)?).await?;
    Ok((load_generator(registry, &champion).await?, champion))
}

/// Trains and promotes a first model where the registry has none. Says whether it did.
///
/// # Errors
/// The registry or the data cannot be used.
pub(crate) async fn model(registry: &Registry, config: &Config, bar: &ProgressBar) -> anyhow::Result<bool> {
    if registry.champion(Kind::Model).await.map_err(Ending::of)?.is_some() {
        return Ok(false);
    }
    let (customers, sha256) = shipped::hashed(config.data.customers.as_deref(), ReadOptions::default())?;
    // Held out from the first model on, so that every later one can be compared with it.
    let split = holdout::split(&customers);
    let params = churn_learn::TrainParams::default();
    let trained = block_in_place(|| {
        let all = Examples::of(&customers)?;
        let features = customers.features.select(split.learn.iter().copied());
        let label: Vec<bool> = split.learn.iter().map(|&row| all.label[row]).collect();
        let examples = Examples { features: &features, label: &label, weight: None };
        churn_learn::train_on(examples, &params, &mut |progress| {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(step(&progress.step));
        })
    })
    .map_err(Ending::data)
    .context("train the first model")?;
    let draft = Draft {
        kind: Kind::Model,
        created_at_ms: now_ms(),
        created_by: BY.into(),
        params: object(json!({ "seed": params.seed, "folds": params.folds })),
        lineage: lineage(config, &sha256, &split),
        metrics: object(serde_json::to_value(&trained.artifact.report).context("describe the model")?),
        decision: None,
        files: trained.artifact.to_files().context("write the model")?,
    };
    Ok(publish_first(registry, draft).await?.1)
}

/// A bar on a terminal, nothing elsewhere.
pub(crate) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(100);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar
}

/// The generators of a registry, for a synthesizer whose outcomes still wait for one that is no longer the champion.
#[derive(Debug)]
pub(crate) struct RegistryGenerators(pub(crate) Registry);

impl Generators for RegistryGenerators {
    fn load<'a>(&'a self, version: &'a str) -> Loading<'a> {
        Box::pin(async move {
            let number = version.parse().map_err(Ending::data).context("read the version of a generator")?;
            let artifact = self.0.load(Kind::Generator, number).await.map_err(Ending::of)?;
            Ok(Arc::new(read_generator(&artifact.files, version)?))
        })
    }
}

/// Loads a generator from the registry.
///
/// # Errors
/// It is corrupt, or of a newer format.
pub(crate) async fn load_generator(registry: &Registry, champion: &Champion) -> anyhow::Result<Generator> {
    let artifact = registry.load_champion(champion).await.map_err(Ending::of).context("load the generator")?;
    read_generator(&artifact.files, &champion.version.to_string())
}

fn read_generator(files: &BTreeMap<String, Vec<u8>>, version: &str) -> anyhow::Result<Generator> {
    let bytes = files.get(GENERATOR_FILE).with_context(|| format!("generator {version} has no {GENERATOR_FILE}"))?;
    Generator::from_json(bytes).map_err(Ending::data).with_context(|| format!("read generator {version}"))
}

/// Publishes it, and makes it the champion of a registry that has none. Gives the champion, and whether it is this one.
async fn publish_first(registry: &Registry, draft: Draft) -> anyhow::Result<(Champion, bool)> {
    let kind = draft.kind;
    let artifact = registry.publish(draft).await.map_err(Ending::of).with_context(|| format!("publish the {kind}"))?;
    let version = artifact.manifest.version;
    let (by, reason) = (BY.into(), "the registry had none".into());
    let promotion = Promotion { kind, version, by, reason, overridden: None, at_ms: now_ms() };
    match registry.promote(&promotion, None).await {
        Ok(champion) => Ok((champion, true)),
        // Another process set the registry up at the same time: its choice is as good as ours.
        Err(churn_registry::RegistryError::Overtaken { winner: Some(winner), .. }) => Ok((*winner, false)),
        Err(error) => Err(Ending::of(error)).with_context(|| format!("promote the {kind}")),
    }
}

fn step(step: &TrainStep) -> String {
    match step {
        TrainStep::Fold { learner, fold } => format!("trying {learner}, fold {}", fold + 1),
        TrainStep::Final { learner } => format!("fitting {learner} on all customers"),
    }
}

fn lineage(config: &Config, sha256: &str, split: &Split) -> Map<String, Value> {
    let (rows, held_out) = (split.learn.len(), split.held_out.len());
    object(json!({
        "data": source(config), "data_sha256": sha256, "data_rows": rows + held_out, "rows": rows, "held_out": held_out,
    }))
}

/// Where the rows come from that everything is fitted on.
pub(crate) fn source(config: &Config) -> String {
    config.data.customers.as_ref().map_or("shipped".to_owned(), |path| path.display().to_string())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
