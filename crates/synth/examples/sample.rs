//! Fits a generator on a CSV file, measures its speed, and writes a sample:
//! `cargo run -p churn-synth --example sample -- CUSTOMERS.csv ZIP_CODES.csv ROWS OUT.csv [stream]`.
//!
//! With `stream` the sample has returning customers. The quality figures in tests/numerical/README.md are measured on
//! such files by tests/numerical/measure.py.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench tells the time to whoever runs it")]

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use churn_domain::csv::read_locations;
use churn_domain::csv::{ReadOptions, Writer, read};
use churn_synth::{EventSource, FitParams, Generator, Recurrence};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [customers, places, rows, out, rest @ ..] = arguments.as_slice() else {
        bail!("usage: sample CUSTOMERS.csv ZIP_CODES.csv ROWS OUT.csv [stream]");
    };
    let rows: u64 = rows.parse().context("ROWS is a whole number")?;
    let open = |path: &str| File::open(path).with_context(|| format!("opening {path}"));
    let customers = read(open(customers)?, ReadOptions::default()).context("reading customers")?;
    let places = read_locations(open(places)?).context("reading zip codes")?;

    let start = Instant::now();
    let generator = Arc::new(Generator::fit(&customers, &places, FitParams::default()).context("fitting")?);
    println!("fit: {:.3} s, {:?}", start.elapsed().as_secs_f64(), generator.summary());
    println!("json: {} bytes", generator.to_json().context("writing the generator")?.len());
    let source =
        EventSource::new(generator.clone(), 7, "bench", Recurrence::default()).context("opening the stream")?;
    for threads in [1, 2] {
        measure(&format!("sample, {threads} threads"), || {
            black_box(generator.sample_parts(7, 0..1_000_000, threads));
        });
        measure(&format!("events, {threads} threads"), || {
            black_box(source.events_parts(0..1_000_000, threads));
        });
    }
    let sample = match rest {
        [] => generator.sample_parallel(7, 0..rows, 2),
        _ => source.events(0..rows).customers,
    };
    let file = BufWriter::new(File::create(out).with_context(|| format!("creating {out}"))?);
    let mut writer = Writer::new(file, true, true, &[], &[]).context("writing the header")?;
    for row in 0..sample.len() {
        writer
            .write_row(row, Some(&sample.label), &sample.features, Some(&sample.location), &[], &[])
            .context("writing a row")?;
    }
    writer.finish().context("writing the file")
}

fn measure(name: &str, run: impl Fn()) {
    let start = Instant::now();
    run();
    println!("{name}: {:.0} rows/s", 1_000_000.0 / start.elapsed().as_secs_f64());
}
