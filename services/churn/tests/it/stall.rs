//! A broker that stops in its tracks and goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{OwnKafka, poll_until};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::run::{run_with, shipped_data};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stalls_for_longer_than_sessions_and_transactions_last_ends_no_part() -> Result<()> {
    let mut stack = Stack::alone().await?;
    let broker = OwnKafka::start().await?;
    stack.set("CHURN__KAFKA__BROKERS", &broker.kafka().bootstrap);
    stack.set("CHURN__KAFKA__SESSION_TIMEOUT", "10s");
    stack.set("CHURN__KAFKA__TRANSACTION_TIMEOUT", "5s");
    stack.command(&["setup"]);
    let mut parts = [("sink", stack.part("sink", &[])?), ("scorer", stack.part("scorer", &[])?)];
    std::fs::copy(shipped_data(), stack.folder().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv", "--stream", "before"]);
    let synthesizer = stack.part("synthesizer", &[("CHURN__SYNTHESIZER__RATE", "2000")])?;
    let rows = "select count(*) from churn.scored_event";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(rows).await? > 10_000)).await?;
    broker.pause()?;
    // What is being tested is a stall of this length.
    tokio::time::sleep(Duration::from_secs(12)).await;
    broker.resume()?;
    drop(synthesizer);
    // A broker that was away knows its partitions again a moment later; a command does not wait for that.
    poll_until(PATIENCE, async || {
        let shown = run_with(stack.folder(), &["offsets", "show", "--json"], &stack.env());
        let lines: Vec<serde_json::Value> = serde_json::from_slice(&shown.stdout).unwrap_or_default();
        !lines.is_empty() && lines.iter().all(|line| line["end"].is_i64())
    })
    .await?;
    stack.command(&["produce", "--data", "own.csv", "--stream", "after"]);
    let mine = "select count(*) from churn.scored_event where stream in ('before', 'after')";
    let flowed = poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(mine).await? == 2 * 7_043)).await;
    for (name, part) in &mut parts {
        ensure!(part.is_running(), "the {name} has ended: {}", part.stderr());
    }
    flowed
        .with_context(|| parts.iter().map(|(name, part)| format!("{name}: {}", part.stderr())).collect::<String>())?;
    for (name, part) in parts {
        stop(part, name).await?;
    }
    Ok(())
}
