//! Swaps of the champion under load, on a real Kafka: `make bench`.
//!
//! A synthesizer and a scorer run as processes at half of what both of them can do on this machine. First 20 promotions, seconds
//! apart: the 99th percentile of the time from an event to its committed score around each swap, against that of windows of the
//! same run between them. Then as many more promotions as make over 100, as fast as the scorer follows. At the end everything is
//! read again: each event must have one score, in order, with the probability that the model named in it gives. The program fails
//! when one of the bounds does not hold.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]
#![allow(dead_code)] // of what it shares with the other benchmarks it needs a part

#[path = "../stages/cpu.rs"]
mod cpu;
mod reader;
#[path = "../stages/stack.rs"]
mod stack;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_registry::{Kind, Promotion, Registry, Version};
use churn_testkit::Program;
use churn_wire::{SchemaRegistry, WireConfig};

use reader::{Reader, now_ms};
use stack::Stack;

/// Promotions whose surroundings are measured, and those of the whole run.
const MEASURED: usize = 20;
const SWAPS: usize = 110;
/// Half of the time that is looked at around a swap. Loading and verifying the new model falls into it.
const AROUND_MS: f64 = 250.0;
/// Time between two measured promotions, and after one until its control window's middle.
const APART: Duration = Duration::from_millis(2_500);
const CONTROL_MS: f64 = 1_500.0;
/// Bounds: of the ratio of the median percentiles, and of the time that a batch may wait for the model.
const MOST: f64 = 1.5;
const WAIT_BUCKET: &str = "0.001";
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    // `cargo test` starts every benchmark too.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let stack = Stack::start().await?;
    let port = churn_testkit::free_port();
    let registry = stack.registry()?;
    let versions = two_models(&stack, &registry).await?;
    // After a promotion the predecessor goes on in the champion's shadow: from here on there is one, in every measurement.
    promote(&registry, versions[1]).await?;
    let scorer_env =
        [("CHURN__SCORER__MODEL_POLL", "50ms".to_owned()), ("CHURN__HTTP__LISTEN", format!("127.0.0.1:{port}"))];
    let scorer = stack.run(&["run", "scorer"], &scorer_env)?;
    let rate = capacity(&stack).await? / 2.0;
    let schemas = Arc::new(SchemaRegistry::open(&WireConfig { url: stack.schemas.clone(), ..WireConfig::default() })?);
    let reader = Reader::start(&stack, &schemas).await?;
    let synthesizer = stack.run(&["run", "synthesizer"], &[("CHURN__SYNTHESIZER__RATE", format!("{rate:.0}"))])?;
    reader.flow(PATIENCE).await?;
    tokio::time::sleep(APART * 2).await;
    let mut windows = Vec::new();
    for swap in 0..SWAPS {
        let version = versions[swap % 2];
        let promoted_ms = now_ms();
        promote(&registry, version).await?;
        let seen_ms =
            reader.first_of(&version.to_string(), promoted_ms, PATIENCE).await.with_context(|| scorer.stderr())?;
        if swap < MEASURED {
            tokio::time::sleep(APART).await;
            windows.push((seen_ms, seen_ms + CONTROL_MS));
        }
    }
    let waits = waits(port).await?;
    let latencies = reader.stop().await?;
    end(synthesizer).await?;
    all_scored(&stack).await?;
    end(scorer).await?;
    let (around, control) = latencies.compare(&windows, AROUND_MS);
    println!(
        "swaps: at {rate:.0} events/s the median p99 around {MEASURED} swaps is {around:.0} ms, between them {control:.0} ms, {:.2}x",
        around / control
    );
    println!("swaps: {} of {} batches got their model within 1 ms, {} swaps", waits.quick, waits.all, waits.swaps);
    let verified = verify::scores(&stack, &registry, &schemas).await?;
    println!("swaps: {verified}");
    ensure!(around <= control * MOST, "swaps delay events: {:.2}x, at most {MOST}x", around / control);
    ensure!(waits.quick == waits.all, "{} batches waited for their model", waits.all - waits.quick);
    ensure!(waits.swaps >= 100, "only {} swaps were made", waits.swaps);
    ensure!(verified.is_good(), "not every event has the score of the model that it names: {verified}");
    stack.stop().await
}

/// The first model, and another one.
async fn two_models(stack: &Stack, registry: &Registry) -> Result<[Version; 2]> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv");
    let mut train = stack.run(&["train", "--data", data, "--trials", "4", "--repeats", "0"], &[])?;
    let status = train.wait(PATIENCE * 4).await?;
    ensure!(status.success(), "train: {}", train.stderr());
    let first = registry.champion(Kind::Model).await?.context("setup left no champion")?.version;
    let other = registry.list(Kind::Model).await?.into_iter().find(|version| *version != first);
    Ok([first, other.context("training left no second model")?])
}

/// Scores a second where the synthesizer emits as fast as it can, and ends with every event scored.
async fn capacity(stack: &Stack) -> Result<f64> {
    let scores = stack.topic("customer-scores.v1");
    let synthesizer = stack.run(&["run", "synthesizer"], &[("CHURN__SYNTHESIZER__RATE", "max".to_owned())])?;
    let deadline = std::time::Instant::now() + PATIENCE * 2;
    while stack.end(&scores)? < 50_000 {
        ensure!(std::time::Instant::now() < deadline, "nothing is scored: {}", synthesizer.stderr());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (from, started) = (stack.end(&scores)?, std::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let rate = (stack.end(&scores)? - from) as f64 / started.elapsed().as_secs_f64();
    end(synthesizer).await?;
    all_scored(stack).await?;
    Ok(rate)
}

/// Lets a part finish.
async fn end(mut part: Program) -> Result<()> {
    part.terminate()?;
    let status = part.wait(PATIENCE).await?;
    ensure!(status.success(), "{status}: {}", part.stderr());
    Ok(())
}

/// Waits until the scorer has committed every event. The marker of the last transaction in a partition is no event, and stays.
async fn all_scored(stack: &Stack) -> Result<()> {
    let events = stack.topic("customer-events.v1");
    churn_testkit::poll_until(PATIENCE, async || {
        let behind = stack.ends(&events)?.into_iter().zip(stack.positions("churn-scorer", &events)?);
        Ok::<_, anyhow::Error>(behind.into_iter().all(|(end, position)| end - position <= 1))
    })
    .await
    .context("not all events are scored")
}

async fn promote(registry: &Registry, version: Version) -> Result<()> {
    let champion = registry.champion(Kind::Model).await?;
    let promotion = Promotion {
        kind: Kind::Model,
        version,
        by: "bench".into(),
        reason: "a swap under load".into(),
        overridden: Some("a benchmark asks no gate".into()),
        at_ms: now_ms() as i64,
    };
    registry.promote(&promotion, champion.as_ref()).await?;
    Ok(())
}

/// What the scorer counted.
struct Waits {
    all: u64,
    quick: u64,
    swaps: u64,
}

async fn waits(port: u16) -> Result<Waits> {
    let page = churn_testkit::http_client().get(format!("http://127.0.0.1:{port}/metrics")).send().await?;
    let page = page.error_for_status()?.text().await?;
    let value = |start: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(start));
        let value = line.and_then(|rest| rest.trim().parse::<f64>().ok()).map(|value| value as u64);
        value.with_context(|| format!("/metrics of the scorer has no {start}"))
    };
    Ok(Waits {
        all: value("churn_scorer_batch_seconds_count{step=\"model\"}")?,
        quick: value(&format!("churn_scorer_batch_seconds_bucket{{step=\"model\",le=\"{WAIT_BUCKET}\"}}"))?,
        swaps: value("churn_scorer_model_swaps_total")?,
    })
}
