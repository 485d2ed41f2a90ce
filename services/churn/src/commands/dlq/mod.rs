//! `churn dlq`: looks into dead letters, sends their records again, or throws them away.
//!
//! What is open is told by the topics alone (see `churn_stream::letters`): a letter stands until a marker behind it says that its
//! record was sent again or that it is not wanted. Only what letters say of themselves is held in memory, a partition at a time.

mod filter;
mod settle;

use std::collections::BTreeMap;

use anyhow::Context;
use churn_runtime::exit::Ending;
use churn_stream::letters::{Entry, Letter, OpenLetters};
use churn_stream::{Cluster, Topics};
use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::task::block_in_place;

use self::filter::Filter;
pub(crate) use self::filter::Moment;
use super::setup;
use crate::app::{App, Shared};

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// Counts the open letters by topic, stage and error class.
    List {
        #[command(flatten)]
        filter: Filter,
    },
    /// Shows letters one by one.
    Show {
        #[command(flatten)]
        filter: Filter,
        /// Most letters to show.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Sends the records to where they came from. Each is sent once, however often this is called; one that fails again comes
    /// back as another letter, which tells of this one.
    Replay(Settle),
    /// Throws letters away, and deletes what lies before the first open one of each partition.
    Purge(Settle),
}

#[derive(Debug, Args)]
pub(crate) struct Settle {
    #[command(flatten)]
    filter: Filter,
    /// Most letters a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Most letters in all.
    #[arg(long)]
    limit: Option<usize>,
    /// Says what would be done.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Group {
    topic: String,
    stage: String,
    class: String,
}

#[derive(Debug, Serialize)]
struct Count {
    #[serde(flatten)]
    group: Group,
    letters: usize,
    /// Letters of records that were tried more than once.
    repeated: usize,
    oldest: String,
    newest: String,
}

#[derive(Debug, Serialize)]
struct Shown {
    topic: String,
    partition: i32,
    offset: i64,
    attempt: u32,
    at: String,
    stage: String,
    class: String,
    error: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated_from_bytes: Option<u64>,
    key: Option<String>,
    value_bytes: Option<usize>,
    /// The first bytes, as text where they are.
    value: Option<String>,
}

/// Bytes of a value that are shown.
const SHOWN_BYTES: usize = 200;

pub(super) async fn run(app: &App, command: Dlq) -> anyhow::Result<()> {
    let cluster = setup::connect_kafka(app.config(), &Shared::new()).await?;
    match command {
        Dlq::List { filter } => list(app, &cluster, &filter).await,
        Dlq::Show { filter, limit } => show(app, &cluster, &filter, limit).await,
        Dlq::Replay(args) => settle::replay(app, &cluster, &args).await,
        Dlq::Purge(args) => settle::purge(app, &cluster, &args).await,
    }
}

async fn list(app: &App, cluster: &Cluster, filter: &Filter) -> anyhow::Result<()> {
    let mut counts: BTreeMap<Group, (usize, usize, i64, i64)> = BTreeMap::new();
    for (topic, partition) in dead_letter_partitions(cluster, filter).await? {
        for letter in open_letters(cluster, &topic, partition).await?.into_iter().filter(|l| filter.wants(l)) {
            let at = letter.timestamp_ms;
            let group = Group { topic: letter.id.source.topic.to_string(), stage: letter.stage, class: letter.class };
            let count = counts.entry(group).or_insert((0, 0, at, at));
            count.0 += 1;
            count.1 += usize::from(letter.id.attempt > 1);
            (count.2, count.3) = (count.2.min(at), count.3.max(at));
        }
    }
    let counts: Vec<Count> = counts
        .into_iter()
        .map(|(group, (letters, repeated, oldest, newest))| Count {
            group,
            letters,
            repeated,
            oldest: time(oldest),
            newest: time(newest),
        })
        .collect();
    app.answer(&counts, |counts| {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(["topic", "stage", "class", "letters", "again", "oldest", "newest"]);
        for count in counts {
            let Count { group, letters, repeated, oldest, newest } = count;
            let (letters, repeated) = (letters.to_string(), repeated.to_string());
            table.add_row([&group.topic, &group.stage, &group.class, &letters, &repeated, oldest, newest]);
        }
        if counts.is_empty() { "no open dead letters".to_owned() } else { table.to_string() }
    })
}

async fn show(app: &App, cluster: &Cluster, filter: &Filter, limit: usize) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    for (topic, partition) in dead_letter_partitions(cluster, filter).await? {
        let open = open_letters(cluster, &topic, partition).await?;
        let wanted: Vec<Letter> = open.into_iter().filter(|l| filter.wants(l)).take(limit - shown.len()).collect();
        let mut wanted = wanted.into_iter().peekable();
        let mut scan = cluster.scan(&topic, partition).await.map_err(Ending::of)?;
        while wanted.peek().is_some() {
            let Some(records) = block_in_place(|| scan.next_batch()).map_err(Ending::of)? else { break };
            for record in records.iter() {
                let Some(letter) = wanted.next_if(|letter| letter.place == record.offset()) else { continue };
                shown.push(describe(letter, record.key(), record.value()));
            }
        }
        if shown.len() >= limit {
            break;
        }
    }
    app.answer(&shown, |shown| match shown.is_empty() {
        true => "no open dead letters".to_owned(),
        false => shown.iter().map(text).collect::<Vec<_>>().join("\n"),
    })
}

fn describe(letter: Letter, key: Option<&[u8]>, value: Option<&[u8]>) -> Shown {
    let start = value.map(|value| value.get(..SHOWN_BYTES).unwrap_or(value));
    Shown {
        topic: letter.id.source.topic.to_string(),
        partition: letter.id.source.partition,
        offset: letter.id.offset,
        attempt: letter.id.attempt,
        at: time(letter.timestamp_ms),
        stage: letter.stage,
        class: letter.class,
        error: letter.text,
        history: letter.history,
        truncated_from_bytes: letter.truncated_from,
        key: key.map(|key| key.escape_ascii().to_string()),
        value_bytes: value.map(<[u8]>::len),
        value: start.map(|start| start.escape_ascii().to_string()),
    }
}

fn text(shown: &Shown) -> String {
    let Shown { topic, partition, offset, attempt, at, stage, class, error, .. } = shown;
    let bytes = shown.value_bytes.map_or("null".to_owned(), |bytes| format!("{bytes} bytes"));
    let mut text = format!(
        "{topic}[{partition}] offset {offset}, attempt {attempt}, {at}\n  {stage}: {class}: {error}\n  key {}, value {bytes}: {}",
        shown.key.as_deref().unwrap_or("null"),
        shown.value.as_deref().unwrap_or("")
    );
    if let Some(full) = shown.truncated_from_bytes {
        text += &format!("\n  cut: the record's value has {full} bytes");
    }
    for past in &shown.history {
        text += &format!("\n  before: {past}");
    }
    text
}

/// The partitions of the dead-letter topics that the filter leaves, those that were never made left out.
async fn dead_letter_partitions(cluster: &Cluster, filter: &Filter) -> anyhow::Result<Vec<(String, i32)>> {
    let topics = cluster.topics();
    let mut partitions = Vec::new();
    let sources = [
        &topics.events,
        &topics.outcomes,
        &topics.scores,
        &topics.shadow,
        &topics.retrain_requests,
        &topics.model_updates,
    ];
    let specs = topics.specs(cluster.config());
    for source in filter.topics(&sources)? {
        let name = Topics::dlq(source);
        let Some(spec) = specs.iter().find(|spec| spec.name == name) else { continue };
        let report = cluster.inspect_topics(std::slice::from_ref(spec)).await.map_err(Ending::of)?;
        if report.iter().any(|topic| topic.state == churn_stream::TopicState::Missing) {
            continue;
        }
        let count = cluster.topic_partitions(&name).await.map_err(Ending::of)?;
        partitions.extend((0..count).map(|partition| (name.clone(), partition)));
    }
    Ok(partitions)
}

/// The open letters of one partition, in order.
async fn open_letters(cluster: &Cluster, topic: &str, partition: i32) -> anyhow::Result<Vec<Letter>> {
    let mut scan = cluster.scan(topic, partition).await.map_err(Ending::of).context("read dead letters")?;
    let mut open = OpenLetters::default();
    while let Some(records) = block_in_place(|| scan.next_batch()).map_err(Ending::of).context("read dead letters")? {
        records.iter().for_each(|record| open.take(Entry::read(&record)));
    }
    Ok(open.finish())
}

fn time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| "-".to_owned(), |time| time.to_string())
}
