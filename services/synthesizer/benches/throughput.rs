//! How fast customers are synthesized: columns alone, and encoded as Avro records in Confluent's format, on one thread
//! and on two; proves on the way that the bytes are the same on both.
//!
//! `cargo bench -p churn-synthesizer --profile dev`

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads the clock and prints")]

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use churn_domain::EventBatch;
use churn_domain::csv::{ReadOptions, read, read_locations};
use churn_synth::{EventSource, FitParams, Generator, Recurrence, Sample, StreamSample};
use churn_wire::{Encoder, EventCodec};

const CUSTOMERS: &[u8] = include_bytes!("../../../data/telco_customer_churn.csv");
const LOCATIONS: &[u8] = include_bytes!("../../../data/california_zip_codes.csv");
const SEED: u64 = 7;
/// Rows of one round.
const ROWS: u64 = 1_000_000;
/// Rows drawn at once, as the synthesizer does.
const BATCH: u64 = 1_000;
const ROUNDS: usize = 3;

fn main() -> anyhow::Result<()> {
    let customers = read(CUSTOMERS, ReadOptions::default()).context("read the shipped customers")?;
    let places = read_locations(LOCATIONS).context("read the shipped locations")?;
    let start = Instant::now();
    let generator = Arc::new(Generator::fit(&customers, &places, FitParams::default()).context("fit")?);
    println!("fit                      {:8.3} s", start.elapsed().as_secs_f64());
    let source =
        EventSource::new(generator.clone(), SEED, "bench", Recurrence::default()).context("open the stream")?;
    for threads in [1, 2] {
        measure(&format!("customers, {threads} thread(s)"), threads, |rows| draw(&generator, rows));
        measure(&format!("events, {threads} thread(s)"), threads, |rows| stream(&source, rows));
        measure(&format!("encoded, {threads} thread(s)"), threads, |rows| {
            black_box(encode(&source, rows));
        });
    }
    let one = parts(1, |rows| encode(&source, rows)).concat();
    let two = parts(2, |rows| encode(&source, rows)).concat();
    ensure!(one == two, "one thread and two threads give different bytes");
    println!("{} bytes a record, the same on 1 and 2 threads", one.len() as u64 / ROWS);
    Ok(())
}

/// Rows a second in the best of a few rounds: the machine has other work, which only ever takes time.
fn measure(name: &str, threads: u64, work: impl Fn(Range<u64>) + Sync) {
    let seconds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        parts(threads, &work);
        start.elapsed().as_secs_f64()
    });
    let best = seconds.fold(f64::INFINITY, f64::min);
    println!("{name:24} {:8.0} rows/s", ROWS as f64 / best);
}

/// Runs consecutive parts of the rows on threads of their own, results in order.
fn parts<T: Send>(threads: u64, work: impl Fn(Range<u64>) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let ranges = (0..threads).map(|part| part * ROWS / threads..(part + 1) * ROWS / threads);
        let workers: Vec<_> = ranges.map(|range| scope.spawn(move || work(range))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    })
}

fn batches(rows: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = rows.end;
    rows.step_by(BATCH as usize).map(move |start| start..end.min(start + BATCH))
}

fn draw(generator: &Generator, rows: Range<u64>) {
    let mut sample = Sample::default();
    for batch in batches(rows) {
        sample.truncate(0);
        generator.sample_into(SEED, batch, &mut sample);
        black_box(&sample);
    }
}

fn stream(source: &EventSource, rows: Range<u64>) {
    let mut events = StreamSample::default();
    for batch in batches(rows) {
        events.truncate(0);
        source.events_into(batch, &mut events);
        black_box(&events);
    }
}

fn encode(source: &EventSource, rows: Range<u64>) -> Vec<u8> {
    let encoder = Encoder::<EventCodec>::new(1);
    let (mut drawn, mut events, mut out) = (StreamSample::default(), EventBatch::default(), Vec::new());
    for batch in batches(rows) {
        drawn.truncate(0);
        source.events_into(batch.clone(), &mut drawn);
        events.clear();
        std::mem::swap(&mut events.features, &mut drawn.customers.features);
        std::mem::swap(&mut events.location, &mut drawn.customers.location);
        std::mem::swap(&mut events.customer_id, &mut drawn.customer_id);
        for row in batch {
            events.stream.push(Some("synthesizer-0"));
            events.sequence.push(row.cast_signed());
            events.event_time_ms.push(1_764_000_000_000 + row.cast_signed());
            events.synthesizer_version.push(Some("v1"));
        }
        (0..events.len()).for_each(|row| encoder.encode_into(&events, row, &mut out));
        std::mem::swap(&mut events.features, &mut drawn.customers.features);
        std::mem::swap(&mut events.location, &mut drawn.customers.location);
        std::mem::swap(&mut events.customer_id, &mut drawn.customer_id);
    }
    out
}
