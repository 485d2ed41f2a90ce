//! `churn synth report`: how good synthetic customers are.

use std::fs;
use std::path::Path;

use anyhow::Context;
use churn_domain::csv::{Customers, ReadOptions, UnknownCategory};
use churn_registry::Kind;
use churn_runtime::exit::Ending;
use churn_synth::Generator;
use tokio::task::block_in_place;

use super::super::bad_rows;
use crate::app::App;
use crate::cli::SynthReport;
use crate::generators::measure::{Measured, Sampling, of_files, of_generator};
use crate::generators::page;
use crate::{bootstrap, shipped};

pub(super) async fn run(app: &App, args: &SynthReport) -> anyhow::Result<()> {
    let (measured, title) = match &args.synthetic {
        Some(synthetic) => {
            let title = format!("{} beside the real customers", synthetic.display());
            (block_in_place(|| files(args, synthetic))?, title)
        }
        None => generator(app, args).await?,
    };
    if let Some(path) = &args.html {
        let page = page::html(&measured, &title);
        fs::write(path, page).map_err(Ending::data).with_context(|| format!("write {}", path.display()))?;
    }
    app.answer(&measured, page::text)
}

fn files(args: &SynthReport, synthetic: &Path) -> anyhow::Result<Measured> {
    let real = customers(args, args.real.as_deref(), UnknownCategory::Reject)?;
    // A word that no real customer has is a fault that the diagnostic shows.
    let synthetic = customers(args, Some(synthetic), UnknownCategory::Keep)?;
    let holdout =
        args.holdout.as_deref().map(|path| customers(args, Some(path), UnknownCategory::Reject)).transpose()?;
    of_files(&real, &synthetic, holdout.as_ref(), args.seed)
}

async fn generator(app: &App, args: &SynthReport) -> anyhow::Result<(Measured, String)> {
    let (generator, name) = match &args.generator {
        Some(path) => (super::load(path)?, path.display().to_string()),
        None => champion(app).await?,
    };
    let configured = app.config().data.customers.as_deref();
    let real = customers(args, args.real.as_deref().or(configured), UnknownCategory::Reject)?;
    let places = shipped::locations(app.config().data.locations.as_deref())?;
    let sampling = Sampling { rows: args.rows, seed: args.seed };
    let measured = block_in_place(|| of_generator(&generator, &real, &places, sampling))?;
    Ok((measured, format!("Customers of generator {name}")))
}

async fn champion(app: &App) -> anyhow::Result<(Generator, String)> {
    let registry = app.registry().await?;
    let champion = registry.champion(Kind::Generator).await.map_err(Ending::of).context("look up the champion")?;
    let champion = champion.with_context(|| {
        format!("{} has no generator yet; run `churn setup`, or give --generator or --synthetic", registry.place())
    })?;
    Ok((bootstrap::load_generator(&registry, &champion).await?, champion.version.to_string()))
}

fn customers(args: &SynthReport, path: Option<&Path>, unknown_category: UnknownCategory) -> anyhow::Result<Customers> {
    let options = ReadOptions { unknown_category, skip_bad_rows: args.skip_bad_rows };
    let customers = shipped::customers(path, options)?;
    bad_rows::report(&customers);
    Ok(customers)
}
