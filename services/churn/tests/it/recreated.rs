//! Topics that are not what a position was taken in: made anew, or trimmed.

use anyhow::{Context, Result, ensure};
use churn_testkit::{kafka, poll_until};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::run::{run_with, shipped_data, stderr};

const ROWS: i64 = 7_043;

fn admin() -> Result<AdminClient<DefaultClientContext>> {
    Ok(rdkafka::ClientConfig::new().set("bootstrap.servers", kafka().bootstrap).create()?)
}

/// Deletes the topic and lets `churn setup` make it anew.
async fn make_anew(stack: &Stack, topic: &str) -> Result<()> {
    let deleted = admin()?.delete_topics(&[topic], &AdminOptions::new().operation_timeout(Some(PATIENCE))).await?;
    for result in deleted {
        result.map_err(|(topic, code)| anyhow::anyhow!("delete {topic}: {code}"))?;
    }
    let client: BaseConsumer = rdkafka::ClientConfig::new().set("bootstrap.servers", kafka().bootstrap).create()?;
    poll_until(PATIENCE, async || {
        let made = run_with(stack.folder(), &["setup"], &stack.env());
        let end = client.fetch_watermarks(topic, 0, PATIENCE).map(|(_, end)| end);
        made.status.success() && end.is_ok_and(|end| end == 0)
    })
    .await
    .with_context(|| format!("make {topic} anew"))
}

async fn trim(topic: &str, before: i64) -> Result<()> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(before))?;
    admin()?.delete_records(&list, &AdminOptions::new()).await?;
    Ok(())
}

/// Position and end of each partition of the scores, as the sink's consumer has them.
fn stands(stack: &Stack) -> Vec<(i64, i64)> {
    let shown = stack.command(&["offsets", "show"]);
    let lines = shown.as_array().cloned().unwrap_or_default();
    let sinks =
        lines.iter().filter(|line| line["consumer"] == "churn-sink" && line["topic"].to_string().contains("scores"));
    sinks.filter_map(|line| Some((line["next"].as_i64()?, line["end"].as_i64()?))).collect()
}

/// The sink ends by itself, with this among its last words.
fn refused(stack: &Stack, reason: &str) -> Result<()> {
    let ended = run_with(stack.folder(), &["run", "sink"], &stack.env());
    let said = stderr(&ended);
    ensure!(ended.status.code() == Some(1), "{:?}: {said}", ended.status);
    for part in [reason, "customer-scores.v1[", "churn offsets reset"] {
        ensure!(said.contains(part), "{part} is not in: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_anew_or_trimmed_is_refused_until_an_operator_decides() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let topic = |name: &str| format!("{}{name}", stack.prefix());
    let (events, scores) = (topic("customer-events.v1"), topic("customer-scores.v1"));
    std::fs::copy(shipped_data(), stack.folder().join("own.csv"))?;
    let produce = |stream: &str| stack.command(&["produce", "--data", "own.csv", "--stream", stream]);
    let rows = "select count(*) from churn.scored_event";
    let stored = async |count: i64| {
        poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(rows).await? == count)).await
    };
    produce("first");
    let (scorer, sink) = (stack.part("scorer", &[])?, stack.part("sink", &[])?);
    stored(ROWS).await.with_context(|| sink.stderr())?;
    stop(scorer, "scorer").await?;
    stop(sink, "sink").await?;

    // Made anew, and shorter than the position.
    make_anew(&stack, &scores).await?;
    refused(&stack, "is outside of 0..0")?;

    // It has grown past the position: only what lies before it tells.
    produce("second");
    produce("third");
    let scorer = stack.part("scorer", &[])?;
    let grown = || stands(&stack).iter().all(|(next, end)| end > next);
    poll_until(PATIENCE, async || grown()).await.with_context(|| scorer.stderr())?;
    stop(scorer, "scorer").await?;
    refused(&stack, "none is stored")?;
    stack.command(&["offsets", "reset", "--consumer", "sink", "--topic", &scores, "--to", "beginning"]);
    let sink = stack.part("sink", &[])?;
    stored(3 * ROWS).await.with_context(|| sink.stderr())?;
    stop(sink, "sink").await?;

    // An events topic that is made anew is read from its beginning: Kafka forgot the group's positions with it.
    make_anew(&stack, &events).await?;
    produce("fourth");
    let scorer = stack.part("scorer", &[])?;
    let before = stands(&stack);
    let grown = || stands(&stack).iter().zip(&before).all(|((_, end), (next, _))| *end > next + 1_000);
    poll_until(PATIENCE, async || grown()).await.with_context(|| scorer.stderr())?;
    stop(scorer, "scorer").await?;

    // Trimmed past the position.
    let (next, _) = *before.first().context("the sink has no position")?;
    trim(&scores, next + 5).await?;
    refused(&stack, &format!("offset {next} is outside of {}..", next + 5))?;
    stack.command(&[
        "offsets",
        "reset",
        "--consumer",
        "sink",
        "--topic",
        &scores,
        "--partition",
        "0",
        "--to",
        "beginning",
    ]);
    let sink = stack.part("sink", &[])?;
    let lost = "select 7043 - count(*) from churn.scored_event where stream = 'fourth'";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(lost).await? <= 5)).await?;
    stop(sink, "sink").await
}
