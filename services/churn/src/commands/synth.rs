//! `churn synth`: generators of synthetic customers.

use std::fs::{self, File};
use std::io::{BufWriter, IsTerminal};
use std::ops::Range;
use std::path::Path;

use anyhow::Context;
use churn_domain::csv::{ReadOptions, UnknownCategory, Writer};
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::Ending;
use churn_synth::Generator;
use indicatif::ProgressBar;
use serde::Serialize;

use super::bad_rows;
use crate::app::App;
use crate::cli::Synth;
use crate::{bootstrap, shipped};

/// Rows sampled between two writes: bounds the memory, whatever the number of rows.
const CHUNK: u64 = 50_000;

pub(super) fn run(app: &App, command: Synth) -> anyhow::Result<()> {
    match command {
        Synth::Fit { data, locations, out, skip_bad_rows } => {
            fit(app, &data, locations.as_deref(), &out, skip_bad_rows)
        }
        Synth::Sample { generator, rows, seed, threads, out } => {
            let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
            sample(app, &generator, rows, seed, threads, &out)
        }
    }
}

#[derive(Debug, Serialize)]
struct Fitted {
    rows: usize,
    bad_rows: u64,
    seconds: f64,
}

fn fit(app: &App, data: &Path, locations: Option<&Path>, out: &Path, skip_bad_rows: bool) -> anyhow::Result<()> {
    let options = ReadOptions { unknown_category: UnknownCategory::Reject, skip_bad_rows };
    let customers = shipped::customers(Some(data), options)?;
    bad_rows::report(&customers);
    let locations = shipped::locations(locations)?;
    let watch = Stopwatch::start();
    let generator = bootstrap::fit(&customers, &locations)?;
    let answer = Fitted { rows: customers.len(), bad_rows: customers.bad_row_count, seconds: watch.seconds() };
    let bytes = generator.to_json().context("write the generator")?;
    fs::write(out, bytes).map_err(Ending::data).with_context(|| format!("write {}", out.display()))?;
    app.answer(&answer, |answer| {
        format!("fitted on {} rows in {:.2} s; written to {}", answer.rows, answer.seconds, out.display())
    })
}

#[derive(Debug, Serialize)]
struct Sampled {
    rows: u64,
    seed: u64,
    threads: usize,
    seconds: f64,
}

fn sample(app: &App, generator: &Path, rows: u64, seed: u64, threads: usize, out: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(generator).map_err(Ending::data).with_context(|| format!("open {}", generator.display()))?;
    let generator =
        Generator::from_json(&bytes).map_err(Ending::data).with_context(|| format!("read {}", generator.display()))?;
    let file = File::create(out).map_err(Ending::data).with_context(|| format!("create {}", out.display()))?;
    let mut writer = Writer::new(BufWriter::new(file), true, true, &[], &[])?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(rows) } else { ProgressBar::hidden() };
    let watch = Stopwatch::start();
    for chunk in chunks(rows) {
        let length = chunk.end - chunk.start;
        let sample = generator.sample_parallel(seed, chunk, threads);
        for row in 0..sample.features.len() {
            writer.write_row(row, Some(&sample.label), &sample.features, Some(&sample.location), &[], &[])?;
        }
        bar.inc(length);
    }
    writer.finish().with_context(|| format!("write {}", out.display()))?;
    bar.finish_and_clear();
    let answer = Sampled { rows, seed, threads, seconds: watch.seconds() };
    app.answer(&answer, |answer| {
        format!("sampled {} customers in {:.2} s; written to {}", answer.rows, answer.seconds, out.display())
    })
}

fn chunks(rows: u64) -> impl Iterator<Item = Range<u64>> {
    (0..rows.div_ceil(CHUNK)).map(move |chunk| chunk * CHUNK..rows.min((chunk + 1) * CHUNK))
}
