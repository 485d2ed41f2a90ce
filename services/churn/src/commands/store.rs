//! `churn store`: the tables of scores and outcomes, seen as the partitions that hold them.

use std::fmt::Write as _;

use anyhow::Context;
use churn_runtime::clock::now_ms;
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::Ending;
use churn_store::{Partition, Store, Target};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::setup;
use crate::app::App;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Lists the partitions with the event times that they hold, their rows and their size.
    Partitions,
    /// Drops partitions all of whose events are older than a limit; says what it would drop until it is told --yes.
    Prune(Prune),
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Age of the youngest event time that a dropped partition may hold, such as 90d.
    #[arg(long, value_name = "TIME")]
    older_than: HumanDuration,
    /// Says what would be dropped, which is also what happens without --yes.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Drops. The rows are gone; a warehouse that has seen them keeps them.
    #[arg(long)]
    yes: bool,
}

/// One partition as a user sees it. Times are RFC 3339 in UTC.
#[derive(Debug, Serialize)]
struct Shown {
    table: &'static str,
    partition: String,
    from: String,
    to: String,
    rows: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Pruned {
    /// Partitions that ended before it are old.
    before: String,
    /// Whether they are gone.
    dropped: bool,
    partitions: Vec<Shown>,
    /// Old rows that no partition of their own holds, so that nothing can drop them whole.
    old_rows_in_default_partitions: u64,
}

pub(super) async fn run(app: &App, command: StoreCommand) -> anyhow::Result<()> {
    let store = setup::connect_postgres(app.config()).await?;
    store.check_schema().await.map_err(Ending::of)?;
    match command {
        StoreCommand::Partitions => {
            let partitions = store.partitions().await.map_err(Ending::of)?;
            app.answer(&measure(&store, partitions).await?, |shown| list(shown))
        }
        StoreCommand::Prune(args) => prune(app, &store, &args).await,
    }
}

async fn prune(app: &App, store: &Store, args: &Prune) -> anyhow::Result<()> {
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let before_ms = now_ms() - age_ms;
    let before = moment(before_ms)?;
    let mut old = store.partitions().await.map_err(Ending::of)?;
    old.retain(|partition| partition.time_ms.end <= before_ms);
    let mut shown = measure(store, old).await?;
    let mut left = 0;
    for table in Target::ALL {
        left += store.old_rows_in_default(table, before_ms).await.map_err(Ending::of)?;
    }
    if args.yes {
        let dropped = store.drop_partitions_before(before_ms).await.map_err(Ending::of).context("prune the store")?;
        // Whoever else prunes at this moment has told of the others.
        shown.retain(|one| dropped.iter().any(|partition| partition.name == one.partition));
    }
    let answer = Pruned { before, dropped: args.yes, partitions: shown, old_rows_in_default_partitions: left };
    app.answer(&answer, tell)
}

async fn measure(store: &Store, partitions: Vec<Partition>) -> anyhow::Result<Vec<Shown>> {
    let mut shown = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let size = store.size_of(&partition).await.map_err(Ending::of)?;
        shown.push(Shown {
            table: partition.table.table(),
            from: moment(partition.time_ms.start)?,
            to: moment(partition.time_ms.end)?,
            partition: partition.name,
            rows: size.rows,
            bytes: size.bytes,
        });
    }
    Ok(shown)
}

fn moment(time_ms: i64) -> Result<String, jiff::Error> {
    Ok(jiff::Timestamp::from_millisecond(time_ms)?.to_string())
}

fn list(shown: &[Shown]) -> String {
    if shown.is_empty() {
        return "no partitions: `churn setup` makes them".to_owned();
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["partition", "from", "to", "rows", "bytes"]);
    for one in shown {
        table.add_row([&one.partition, &one.from, &one.to, &one.rows.to_string(), &one.bytes.to_string()]);
    }
    table.to_string()
}

fn tell(answer: &Pruned) -> String {
    let Pruned { before, dropped, partitions, old_rows_in_default_partitions: left } = answer;
    let mut text = String::new();
    if !partitions.is_empty() {
        let _ = writeln!(text, "{}", list(partitions));
    }
    let rows: u64 = partitions.iter().map(|one| one.rows).sum();
    let verb = if *dropped { "dropped" } else { "would be dropped" };
    let _ = write!(text, "{} partitions with {rows} rows before {before} {verb}", partitions.len());
    if *left > 0 {
        let _ = write!(text, "; {left} older rows lie in the default partitions and stay");
    }
    if !*dropped && !partitions.is_empty() {
        text.push_str("; add --yes to drop them");
    }
    text
}
