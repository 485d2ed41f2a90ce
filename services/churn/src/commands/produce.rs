//! `churn produce`: a user's own customers into the stream.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use churn_domain::csv::{Customers, ReadOptions, UnknownCategory};
use churn_domain::{EventBatch, OutcomeBatch};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::Ending;
use churn_runtime::shutdown::Shutdown;
use churn_synthesizer::{Due, Emitter, Pace, next_sequence};
use churn_wire::{MAX_TEXT_BYTES, SchemaRegistry};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task::block_in_place;

use super::{bad_rows, setup};
use crate::app::{App, Shared};
use crate::cli;
use crate::shipped;

/// Most events handed over at once.
const BATCH: u64 = 1_000;
/// How long the last records may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize)]
struct Answer {
    stream: String,
    first_sequence: i64,
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
    let first = next_sequence(&cluster, &schemas, &args.stream).await?;
    let emitter = Emitter::open(&cluster, &schemas, &shared.progress).await?;
    let shutdown = Shutdown::install().context("listen for signals")?;
    let mut produce = Produce { customers, emitter, stream: args.stream, first, outcomes: args.outcomes };
    let watch = Stopwatch::start();
    produce.all(Pace::new(args.rate), &shutdown).await?;
    let answer = Answer {
        first_sequence: first,
        events: produce.emitter.acknowledged_events(),
        outcomes: produce.emitter.acknowledged_outcomes(),
        bad_rows: produce.customers.bad_row_count,
        seconds: watch.seconds(),
        stream: produce.stream,
    };
    app.answer(&answer, |answer| {
        format!(
            "{} events and {} outcomes of stream {} from sequence {} on, acknowledged in {:.1} s",
            answer.events, answer.outcomes, answer.stream, answer.first_sequence, answer.seconds
        )
    })
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
    emitter: Emitter,
    stream: String,
    first: i64,
    outcomes: bool,
}

impl Produce {
    async fn all(&mut self, mut pace: Pace, shutdown: &Shutdown) -> anyhow::Result<()> {
        let total = self.customers.len() as u64;
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let clock = Stopwatch::start();
        let mut done = 0;
        while done < total && !shutdown.is_requested() {
            let now_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
            match pace.take(now_us, BATCH.min(total - done)) {
                Ok(due) => {
                    block_in_place(|| self.send(&due)).map_err(Ending::of).context("send events")?;
                    done += due.events;
                    bar.set_position(done);
                }
                Err(wait) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = shutdown.requested() => {}
                },
            }
        }
        bar.finish_and_clear();
        block_in_place(|| self.emitter.flush(FLUSH)).map_err(Ending::of).context("wait for the last acknowledgements")
    }

    fn send(&mut self, due: &Due) -> Result<(), churn_stream::StreamError> {
        let now = now_ms();
        let (mut events, mut outcomes) = (EventBatch::default(), OutcomeBatch::default());
        for row in due.first as usize..(due.first + due.events) as usize {
            self.push(row, now, &mut events, &mut outcomes);
        }
        self.emitter.events(&events)?;
        self.emitter.outcomes(&outcomes)
    }

    fn push(&self, row: usize, now: i64, events: &mut EventBatch, outcomes: &mut OutcomeBatch) {
        let sequence = self.first + row as i64;
        let own = self.customers.customer_id.as_ref().and_then(|ids| ids.get(row));
        let made_up = format!("{}-{sequence}", self.stream);
        let customer = own.unwrap_or(&made_up);
        events.stream.push(Some(&self.stream));
        events.sequence.push(sequence);
        events.event_time_ms.push(now);
        events.customer_id.push(Some(customer));
        events.synthesizer_version.push(None);
        events.features.push_from(&self.customers.features, row);
        match &self.customers.location {
            Some(location) => events.location.push_from(location, row),
            None => events.location.push_missing(),
        }
        if let (true, Some(label)) = (self.outcomes, &self.customers.label) {
            outcomes.stream.push(Some(&self.stream));
            outcomes.sequence.push(sequence);
            outcomes.event_time_ms.push(now);
            outcomes.customer_id.push(Some(customer));
            outcomes.churned.push(label[row]);
            outcomes.observed_at_ms.push(now);
        }
    }
}
