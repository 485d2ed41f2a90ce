//! `churn synth`: generators of synthetic customers.

mod report;

use std::fs::{self, File};
use std::io::{BufWriter, IsTerminal};
use std::ops::Range;
use std::path::Path;

use anyhow::Context;
use churn_domain::csv::{IbmWriter, ReadOptions, UnknownCategory, Writer};
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::Ending;
use churn_synth::{Generator, Sample};
use indicatif::ProgressBar;
use serde::Serialize;

use super::bad_rows;
use crate::app::App;
use crate::cli::{HeaderStyle, Synth};
use crate::generators::measure::{self, Sampling};
use crate::generators::record::{Fit, Recorded, record};
use crate::{bootstrap, shipped};

/// Rows sampled between two writes: bounds the memory, whatever the number of rows.
const CHUNK: u64 = 50_000;

/// What the report of a fit samples: about as many customers as there are real ones, so that it takes a second.
const REPORT: Sampling = Sampling { rows: 10_000, seed: 7 };

pub(super) async fn run(app: &App, command: Synth) -> anyhow::Result<()> {
    match command {
        Synth::Fit { data, locations, out, skip_bad_rows, no_record } => {
            let options = ReadOptions { unknown_category: UnknownCategory::Reject, skip_bad_rows };
            fit(app, &data, locations.as_deref(), &out, options, !no_record).await
        }
        Synth::Sample { generator, rows, seed, threads, conditions, header, out } => {
            let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
            tokio::task::block_in_place(|| {
                sample(app, &generator, &conditions, Draw { rows, seed, threads }, header, &out)
            })
        }
        Synth::Report(args) => report::run(app, &args).await,
    }
}

#[derive(Debug, Serialize)]
struct Fitted {
    rows: usize,
    bad_rows: u64,
    seconds: f64,
    summary: churn_synth::FitSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<Recorded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overall: Option<f64>,
}

async fn fit(
    app: &App,
    data: &Path,
    locations: Option<&Path>,
    out: &Path,
    options: ReadOptions,
    recorded: bool,
) -> anyhow::Result<()> {
    let customers = shipped::customers(Some(data), options)?;
    bad_rows::report(&customers);
    let locations = shipped::locations(locations)?;
    let watch = Stopwatch::start();
    let generator = bootstrap::fit(&customers, &locations)?;
    let seconds = watch.seconds();
    let bytes = generator.to_json().context("write the generator")?;
    fs::write(out, bytes).map_err(Ending::data).with_context(|| format!("write {}", out.display()))?;
    let mut answer = Fitted {
        rows: generator.summary().rows,
        bad_rows: customers.bad_row_count,
        seconds,
        summary: generator.summary().clone(),
        recorded: None,
        overall: None,
    };
    if recorded {
        let measured =
            tokio::task::block_in_place(|| measure::of_generator(&generator, &customers, &locations, REPORT))
                .context("measure the generator")?;
        let source = data.display().to_string();
        let fit = Fit {
            generator: &generator,
            measured: &measured,
            customers: &customers,
            sampling: REPORT,
            source: &source,
            by: "churn synth fit",
        };
        let (recorded, _) =
            record(&app.registry().await?, fit).await.context("record the fit (--no-record leaves it out)")?;
        answer.overall = Some(measured.quality.overall);
        answer.recorded = Some(recorded);
    }
    app.answer(&answer, |answer| told(answer, out))
}

fn told(answer: &Fitted, out: &Path) -> String {
    let Fitted { rows, seconds, summary, .. } = answer;
    let mut text = format!("fitted on {rows} rows in {seconds:.2} s; written to {}", out.display());
    if let Some(first) = &summary.first_left_out {
        text += &format!("\nrows that could not be used: {}, first {first}", summary.left_out);
    }
    if !summary.constant_columns.is_empty() {
        text += &format!("\nalways the same: {}", summary.constant_columns.join(", "));
    }
    if summary.incomplete_places > 0 {
        let instead = if summary.places_from_data { "" } else { "; no customer has a whole one, so the list's are" };
        text += &format!(
            "\nplaces without zip code, city or degrees, which are not drawn: {}{instead}",
            summary.incomplete_places
        );
    }
    if let (Some(recorded), Some(overall)) = (&answer.recorded, answer.overall) {
        let role = if recorded.champion { "the champion" } else { "no champion" };
        text += &format!(
            "\nrecorded as generator {}, overall {overall:.4}; it is {role}: {}",
            recorded.version, recorded.reason
        );
    }
    text
}

#[derive(Debug, Serialize)]
struct Sampled {
    rows: u64,
    seed: u64,
    threads: usize,
    seconds: f64,
}

/// What to draw.
#[derive(Clone, Copy, Debug)]
struct Draw {
    rows: u64,
    seed: u64,
    threads: usize,
}

fn load(path: &Path) -> anyhow::Result<Generator> {
    let bytes = fs::read(path).map_err(Ending::data).with_context(|| format!("open {}", path.display()))?;
    Generator::from_json(&bytes).map_err(Ending::data).with_context(|| format!("read {}", path.display()))
}

/// A file of customers under either header.
enum Sink {
    Churnstream(Writer<BufWriter<File>>),
    Ibm(IbmWriter<BufWriter<File>>),
}

impl Sink {
    fn create(out: &Path, header: HeaderStyle, generator: &Generator) -> anyhow::Result<Self> {
        let file = File::create(out).map_err(Ending::data).with_context(|| format!("create {}", out.display()))?;
        let file = BufWriter::new(file);
        Ok(match header {
            HeaderStyle::Churnstream => Self::Churnstream(Writer::new(file, true, true, &[], &[])?),
            HeaderStyle::Ibm => Self::Ibm(IbmWriter::new(file, generator.constants())?),
        })
    }

    fn write(&mut self, sample: &Sample) -> anyhow::Result<()> {
        let Sample { features, label, location, .. } = sample;
        for row in 0..features.len() {
            match self {
                Self::Churnstream(writer) => {
                    writer.write_row(row, Some(label), features, Some(location), &[], &[])?;
                }
                Self::Ibm(writer) => writer.write_row(row, label, features, location)?,
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Churnstream(writer) => Ok(writer.finish()?),
            Self::Ibm(writer) => Ok(writer.finish()?),
        }
    }
}

fn sample(
    app: &App,
    generator: &Path,
    conditions: &[String],
    draw: Draw,
    header: HeaderStyle,
    out: &Path,
) -> anyhow::Result<()> {
    let Draw { rows, seed, threads } = draw;
    let generator = load(generator)?;
    let conditioned = match conditions {
        [] => None,
        _ => Some(generator.given(&parse(conditions)?).map_err(Ending::usage).context("--where")?),
    };
    let mut sink = Sink::create(out, header, &generator)?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(rows) } else { ProgressBar::hidden() };
    let watch = Stopwatch::start();
    for chunk in chunks(rows) {
        let length = chunk.end - chunk.start;
        let sample = match &conditioned {
            None => generator.sample_parallel(seed, chunk, threads),
            Some(conditioned) => conditioned.sample_parallel(seed, chunk, threads),
        };
        sink.write(&sample).with_context(|| format!("write {}", out.display()))?;
        bar.inc(length);
    }
    sink.finish().with_context(|| format!("write {}", out.display()))?;
    bar.finish_and_clear();
    let answer = Sampled { rows, seed, threads, seconds: watch.seconds() };
    app.answer(&answer, |answer| {
        format!("sampled {} customers in {:.2} s; written to {}", answer.rows, answer.seconds, out.display())
    })
}

/// Conditions as `column=value`.
fn parse(conditions: &[String]) -> anyhow::Result<Vec<(&str, &str)>> {
    conditions
        .iter()
        .map(|condition| match condition.split_once('=') {
            Some((column, value)) => Ok((column.trim(), value.trim())),
            None => Err(Ending::usage(format!("--where {condition}: expected COLUMN=VALUE")).into()),
        })
        .collect()
}

fn chunks(rows: u64) -> impl Iterator<Item = Range<u64>> {
    (0..rows.div_ceil(CHUNK)).map(move |chunk| chunk * CHUNK..rows.min((chunk + 1) * CHUNK))
}
