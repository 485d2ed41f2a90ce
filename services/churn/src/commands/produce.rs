//! `churn produce`: a user's own customers into the stream.
//!
//! Each batch of rows is one transaction that also holds how far the file got: the same file given again after an interruption
//! goes on at the row where it stopped.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use churn_domain::csv::{Customers, ReadOptions, UnknownCategory};
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::Ending;
use churn_runtime::shutdown::Shutdown;
use churn_synthesizer::{Batch, FileProgress, Rate, StreamPosition, Timeline, Writer};
use churn_wire::{MAX_TEXT_BYTES, SchemaRegistry};
use indicatif::ProgressBar;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::task::block_in_place;

use super::{bad_rows, setup};
use crate::app::{App, Shared};
use crate::cli;
use crate::shipped;

/// Most rows in a transaction.
const BATCH: usize = 5_000;

#[derive(Debug, Serialize)]
struct Answer {
    stream: String,
    first_sequence: i64,
    /// Rows of the file that an earlier, interrupted run had put into the stream.
    rows_before: u64,
    events: u64,
    outcomes: u64,
    bad_rows: u64,
    seconds: f64,
}

pub(super) async fn run(app: &App, args: cli::Produce) -> anyhow::Result<()> {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, skip_bad_rows: args.skip_bad_rows };
    let customers = shipped::customers(Some(&args.data), options)?;
    bad_rows::report(&customers);
    check(&customers, args.outcomes)?;
    let shared = Shared::new();
    let cluster = setup::connect_kafka(app.config(), &shared).await?;
    let schemas = Arc::new(
        SchemaRegistry::open(&app.config().schema_registry)
            .context("open the schema registry (schema_registry.url)")?,
    );
    let (writer, position) = Writer::open(&cluster, &schemas, &shared.progress, &args.stream).await?;
    let file = file_progress(&args.data, &customers, &position)?;
    let (first, before) = (position.next_sequence, file.rows);
    let shutdown = Shutdown::install().context("listen for signals")?;
    let mut produce = Produce { customers, writer, position, file, outcomes: args.outcomes, batch: Batch::default() };
    let watch = Stopwatch::start();
    produce.all(args.rate, &shutdown).await?;
    let answer = Answer {
        first_sequence: first,
        rows_before: before,
        events: produce.writer.durable_events(),
        outcomes: produce.writer.durable_outcomes(),
        bad_rows: produce.customers.bad_row_count,
        seconds: watch.seconds(),
        stream: args.stream,
    };
    app.answer(&answer, |answer| {
        let before = match answer.rows_before {
            0 => String::new(),
            rows => format!("; {rows} rows of the file were in the stream before"),
        };
        format!(
            "{} events and {} outcomes of stream {} from sequence {} on, committed in {:.1} s{before}",
            answer.events, answer.outcomes, answer.stream, answer.first_sequence, answer.seconds
        )
    })
}

/// Where to go on in the file: after the rows that an interrupted run of the same file put into the stream, otherwise at the first.
fn file_progress(path: &Path, customers: &Customers, position: &StreamPosition) -> anyhow::Result<FileProgress> {
    if position.pending() > 0 {
        bail!(Ending::usage(format!(
            "outcomes of stream {} still wait for their time: it is a synthesizer's; choose another --stream",
            position.stream
        )));
    }
    let bytes = std::fs::read(path).map_err(Ending::data).with_context(|| format!("read {}", path.display()))?;
    let digest = Sha256::digest(&bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let new = FileProgress { sha256: digest, rows: 0, of: customers.len() as u64 };
    let begun = position.file.as_ref().filter(|file| file.sha256 == new.sha256 && file.of == new.of);
    Ok(begun.filter(|file| file.rows < file.of).cloned().unwrap_or(new))
}

fn check(customers: &Customers, outcomes: bool) -> anyhow::Result<()> {
    if outcomes && customers.label.is_none() {
        bail!(Ending::data("the file has no churn column, so there are no outcomes; leave --outcomes out"));
    }
    let long = customers
        .customer_id
        .iter()
        .flat_map(|ids| ids.iter())
        .position(|id| id.is_some_and(|id| id.len() > MAX_TEXT_BYTES));
    if let Some(row) = long {
        let line = customers.lines[row];
        bail!(Ending::data(format!("line {line}, column customer_id: longer than {MAX_TEXT_BYTES} bytes")));
    }
    Ok(())
}

struct Produce {
    customers: Customers,
    writer: Writer,
    position: StreamPosition,
    file: FileProgress,
    outcomes: bool,
    batch: Batch,
}

impl Produce {
    async fn all(&mut self, rate: Rate, shutdown: &Shutdown) -> anyhow::Result<()> {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(self.file.of) } else { ProgressBar::hidden() };
        let mut timeline = Timeline::new(rate);
        timeline.plan(self.position.next_sequence, now_ms() * 1_000, &[]);
        while self.file.rows < self.file.of && !shutdown.is_requested() {
            let most = BATCH.min(usize::try_from(self.file.of - self.file.rows).unwrap_or(BATCH));
            match timeline.take(self.position.next_sequence, now_ms() * 1_000, most) {
                Ok(rows) => {
                    self.send(rows, &shutdown.token()).await.context("send events")?;
                    bar.set_position(self.file.rows);
                }
                Err(wait) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = shutdown.requested() => {}
                },
            }
        }
        bar.finish_and_clear();
        block_in_place(|| self.writer.finish()).map_err(Ending::of).context("wait for the last acknowledgements")
    }

    async fn send(&mut self, rows: usize, stop: &CancellationToken) -> anyhow::Result<()> {
        let now = now_ms();
        self.batch.clear();
        let first = usize::try_from(self.file.rows).context("count the rows")?;
        for row in first..first + rows {
            self.push(row, now);
        }
        self.file.rows += rows as u64;
        self.position.next_outcome = self.position.next_sequence;
        self.position.file = Some(self.file.clone());
        self.writer.write(&self.batch, &self.position, stop).await
    }

    fn push(&mut self, row: usize, now: i64) {
        let Self { customers, position, batch: Batch { events, outcomes, .. }, .. } = self;
        let (stream, sequence) = (&position.stream, position.next_sequence);
        let own = customers.customer_id.as_ref().and_then(|ids| ids.get(row));
        let made_up = format!("{stream}-{sequence}");
        let customer = own.unwrap_or(&made_up);
        events.stream.push(Some(stream));
        events.sequence.push(sequence);
        events.event_time_ms.push(now);
        events.customer_id.push(Some(customer));
        events.synthesizer_version.push(None);
        events.features.push_from(&customers.features, row);
        match &customers.location {
            Some(location) => events.location.push_from(location, row),
            None => events.location.push_missing(),
        }
        if let (true, Some(label)) = (self.outcomes, &customers.label) {
            outcomes.stream.push(Some(stream));
            outcomes.sequence.push(sequence);
            outcomes.event_time_ms.push(now);
            outcomes.customer_id.push(Some(customer));
            outcomes.churned.push(label[row]);
            outcomes.observed_at_ms.push(now);
        }
        position.next_sequence += 1;
    }
}
