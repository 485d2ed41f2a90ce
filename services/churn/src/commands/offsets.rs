//! `churn offsets`: where consumers stand, and how an operator sets it.
//!
//! A sink's positions are in Postgres and nowhere else; a scorer's are its group's in Kafka. What Kafka's own tools show of the
//! sink's group is a mirror.

use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use churn_runtime::exit::Ending;
use churn_store::Store;
use churn_stream::{Cluster, TopicPartition};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::setup;
use crate::app::{App, Shared};

#[derive(Debug, Subcommand)]
pub(crate) enum Offsets {
    /// Shows each consumer's positions beside what the partitions hold.
    Show,
    /// Sets a consumer's positions: it reads on from there. Rows that are stored already count as duplicates then.
    Reset(Reset),
    /// Gives up the sink's positions in a cluster that the stream has left for good.
    Forget {
        /// Id of the cluster that was left, as `show` and the sink's error say it.
        #[arg(long, value_name = "ID")]
        cluster: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Whose positions.
    #[arg(long)]
    consumer: Who,
    /// Only this topic; all that the consumer reads without it.
    #[arg(long)]
    topic: Option<String>,
    /// Only this partition; all without it.
    #[arg(long)]
    partition: Option<i32>,
    /// beginning, end, or an offset that the partition holds.
    #[arg(long, value_name = "WHERE")]
    to: Target,
    /// Also where the consumer runs: takes the partitions from it (sink only).
    #[arg(long)]
    force: bool,
    /// Says what would be done.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Who {
    Scorer,
    Sink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Beginning,
    End,
    Offset(i64),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "end" => Ok(Self::End),
            _ => match text.parse() {
                Ok(offset) if offset >= 0 => Ok(Self::Offset(offset)),
                _ => Err("expected beginning, end, or an offset from 0".to_owned()),
            },
        }
    }
}

#[derive(Debug, Serialize)]
struct Shown {
    consumer: String,
    cluster: String,
    topic: String,
    partition: i32,
    /// First offset that is not done yet; none before the first batch.
    next: Option<i64>,
    /// What the partition holds; none where it is not in this cluster.
    beginning: Option<i64>,
    end: Option<i64>,
    /// Offsets between the position and the end; a transaction's marker counts as one.
    behind: Option<i64>,
    epoch: Option<i64>,
    /// Server process of the owner's connection.
    owner: Option<i32>,
}

#[derive(Debug, Serialize)]
struct Moved {
    topic: String,
    partition: i32,
    from: Option<i64>,
    to: i64,
    done: bool,
}

pub(super) async fn run(app: &App, command: Offsets) -> anyhow::Result<()> {
    let cluster = setup::connect_kafka(app.config(), &Shared::new()).await?;
    match command {
        Offsets::Show => show(app, &cluster).await,
        Offsets::Reset(reset) => self::reset(app, &cluster, &reset).await,
        Offsets::Forget { cluster: left } => forget(app, &cluster, &left).await,
    }
}

async fn show(app: &App, cluster: &Cluster) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    let group = &app.config().scorer.group;
    let partitions = partitions(cluster, &cluster.topics().events).await?;
    let committed = cluster.group_offsets(group, &partitions).await.map_err(Ending::of)?;
    for partition in partitions {
        let next = committed.iter().find(|(known, _)| *known == partition).map(|(_, next)| *next);
        shown.push(describe(cluster, group, cluster.id(), &partition, next).await);
    }
    if !app.config().postgres.url.is_empty() {
        let store = setup::connect_postgres(app.config()).await?;
        for stored in store.positions().await.map_err(Ending::of)? {
            let partition = TopicPartition::new(&stored.topic, stored.partition);
            let mut line =
                describe(cluster, &stored.consumer, &stored.cluster_id, &partition, stored.next_offset).await;
            (line.epoch, line.owner) = (Some(stored.epoch), stored.owner);
            shown.push(line);
        }
        store.close().await;
    }
    app.answer(&shown, |shown| {
        let or_dash = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(["consumer", "partition", "next", "beginning", "end", "behind", "epoch", "owner", "cluster"]);
        for line in shown {
            table.add_row([
                line.consumer.clone(),
                format!("{}[{}]", line.topic, line.partition),
                or_dash(line.next),
                or_dash(line.beginning),
                or_dash(line.end),
                or_dash(line.behind),
                or_dash(line.epoch),
                or_dash(line.owner.map(i64::from)),
                line.cluster.clone(),
            ]);
        }
        table.to_string()
    })
}

/// A partition of another cluster, or one that is gone, has no ends to show.
async fn describe(
    cluster: &Cluster,
    consumer: &str,
    cluster_id: &str,
    partition: &TopicPartition,
    next: Option<i64>,
) -> Shown {
    let ends = match cluster_id == cluster.id() {
        true => cluster.watermarks(&partition.topic, partition.partition).await.ok(),
        false => None,
    };
    Shown {
        consumer: consumer.to_owned(),
        cluster: cluster_id.to_owned(),
        topic: partition.topic.to_string(),
        partition: partition.partition,
        next,
        beginning: ends.map(|(beginning, _)| beginning),
        end: ends.map(|(_, end)| end),
        behind: ends.map(|(beginning, end)| end - next.unwrap_or(beginning)),
        epoch: None,
        owner: None,
    }
}

async fn reset(app: &App, cluster: &Cluster, reset: &Reset) -> anyhow::Result<()> {
    let topics = cluster.topics();
    let read: &[&String] = match reset.consumer {
        Who::Scorer => &[&topics.events],
        Who::Sink => &[&topics.scores, &topics.outcomes],
    };
    let wanted: Vec<&&String> = read.iter().filter(|name| reset.topic.as_ref().is_none_or(|t| t == **name)).collect();
    if wanted.is_empty() {
        bail!(Ending::usage(format!("the consumer does not read this topic; it reads {read:?}")));
    }
    let mut targets = Vec::new();
    for topic in wanted {
        for partition in partitions(cluster, topic).await? {
            if reset.partition.is_none_or(|number| number == partition.partition) {
                let to = place(cluster, &partition, reset.to).await?;
                targets.push((partition, to));
            }
        }
    }
    if targets.is_empty() {
        bail!(Ending::usage("there is no such partition"));
    }
    let moved = match reset.consumer {
        Who::Scorer => reset_scorer(app, cluster, reset, targets).await?,
        Who::Sink => reset_sink(app, cluster, reset, targets).await?,
    };
    app.answer(&moved, |moved| {
        let verb = if reset.dry_run { "would go" } else { "goes" };
        let from = |from: Option<i64>| from.map_or("nothing".to_owned(), |from| from.to_string());
        let line = |m: &Moved| format!("{}[{}] {verb} from {} to {}", m.topic, m.partition, from(m.from), m.to);
        moved.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

async fn reset_scorer(
    app: &App,
    cluster: &Cluster,
    reset: &Reset,
    targets: Vec<(TopicPartition, i64)>,
) -> anyhow::Result<Vec<Moved>> {
    let group = &app.config().scorer.group;
    let partitions: Vec<TopicPartition> = targets.iter().map(|(partition, _)| partition.clone()).collect();
    let before = cluster.group_offsets(group, &partitions).await.map_err(Ending::of)?;
    if !reset.dry_run {
        cluster.set_group_offsets(group, &targets).await.map_err(Ending::of)?;
    }
    let from = |partition| before.iter().find(|(known, _)| *known == partition).map(|(_, next)| *next);
    Ok(targets.into_iter().map(|(partition, to)| moved(&partition, from(partition.clone()), to, reset)).collect())
}

async fn reset_sink(
    app: &App,
    cluster: &Cluster,
    reset: &Reset,
    targets: Vec<(TopicPartition, i64)>,
) -> anyhow::Result<Vec<Moved>> {
    let store = setup::connect_postgres(app.config()).await?;
    let consumer = &app.config().sink.group;
    let before = store.positions().await.map_err(Ending::of)?;
    if !reset.dry_run {
        let rows: Vec<_> = targets.iter().map(|(p, to)| (p.topic.to_string(), p.partition, *to)).collect();
        store.set_positions(consumer, cluster.id(), &rows, reset.force).await.map_err(Ending::of)?;
        // The mirror tells a sink that the topic is the one of the position. Members that run keep it themselves.
        if let Err(error) = cluster.set_group_offsets(consumer, &targets).await {
            tracing::warn!(%error, "the positions are set, but Kafka's tools do not show them yet");
        }
    }
    store.close().await;
    let from = |partition: &TopicPartition| {
        let known = before.iter().find(|stored| {
            stored.consumer == *consumer
                && stored.cluster_id == cluster.id()
                && stored.topic == *partition.topic
                && stored.partition == partition.partition
        });
        known.and_then(|stored| stored.next_offset)
    };
    Ok(targets.iter().map(|(partition, to)| moved(partition, from(partition), *to, reset)).collect())
}

fn moved(partition: &TopicPartition, from: Option<i64>, to: i64, reset: &Reset) -> Moved {
    Moved { topic: partition.topic.to_string(), partition: partition.partition, from, to, done: !reset.dry_run }
}

async fn forget(app: &App, cluster: &Cluster, left: &str) -> anyhow::Result<()> {
    ensure!(
        left != cluster.id(),
        Ending::usage("this is the connected cluster; `churn offsets reset` sets its positions")
    );
    let store: Store = setup::connect_postgres(app.config()).await?;
    let forgotten = store.forget_positions(&app.config().sink.group, left).await.map_err(Ending::of)?;
    store.close().await;
    ensure!(
        forgotten > 0,
        Ending::data(format!("no positions of cluster {left} are stored; `churn offsets show` lists them"))
    );
    app.answer(&forgotten, |forgotten| format!("{forgotten} positions of cluster {left} are forgotten"))
}

async fn partitions(cluster: &Cluster, topic: &str) -> anyhow::Result<Vec<TopicPartition>> {
    let count = cluster.topic_partitions(topic).await.map_err(Ending::of)?;
    Ok((0..count).map(|partition| TopicPartition::new(topic, partition)).collect())
}

async fn place(cluster: &Cluster, partition: &TopicPartition, to: Target) -> anyhow::Result<i64> {
    let (beginning, end) = cluster
        .watermarks(&partition.topic, partition.partition)
        .await
        .map_err(Ending::of)
        .with_context(|| format!("look at {partition}"))?;
    match to {
        Target::Beginning => Ok(beginning),
        Target::End => Ok(end),
        Target::Offset(offset) if (beginning..=end).contains(&offset) => Ok(offset),
        Target::Offset(offset) => {
            bail!(Ending::usage(format!("{partition} holds {beginning} to {end}, offset {offset} is outside")))
        }
    }
}
