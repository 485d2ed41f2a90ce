//! Which dead letters `churn dlq` takes, and how fast.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use churn_testkit::{kafka, poll_until};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::cluster::{PATIENCE, Stack, stop};

/// Letters of the scorer and of the sink, of long ago and of now: powers of two, so that each sum tells what is in it.
const OLD_EVENTS: u64 = 64;
const NEW_EVENTS: u64 = 16;
const OLD_SCORES: u64 = 4;
const NEW_SCORES: u64 = 1;
const ALL: u64 = OLD_EVENTS + NEW_EVENTS + OLD_SCORES + NEW_SCORES;
const HOUR_MS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn time_and_stage_choose_the_letters_and_the_rate_bounds_how_fast_they_go() -> Result<()> {
    let mut stack = Stack::new().await?;
    // Each command reads every partition of the dead letters.
    stack.set("CHURN__KAFKA__PARTITIONS", "1");
    stack.command(&["setup"]);
    let now = jiff::Timestamp::now().as_millisecond();
    let long_ago = now - 3 * HOUR_MS;
    let topic = |name: &str| format!("{}{name}", stack.prefix());
    let (events, scores) = (topic("customer-events.v1"), topic("customer-scores.v1"));
    for (topic, at, count) in [
        (&events, long_ago, OLD_EVENTS),
        (&events, now, NEW_EVENTS),
        (&scores, long_ago, OLD_SCORES),
        (&scores, now, NEW_SCORES),
    ] {
        send(topic, at, count).await?;
    }
    let parts = [("scorer", stack.part("scorer", &[])?), ("sink", stack.part("sink", &[])?)];
    poll_until(PATIENCE, async || open(&stack, &[]).map(|open| open == ALL)).await?;
    for (name, part) in parts {
        stop(part, name).await?;
    }

    let (first, between) = (time(long_ago)?, time(now - HOUR_MS)?);
    for (filter, expected) in [
        (&["--since", &between][..], NEW_EVENTS + NEW_SCORES),
        (&["--since", "2h"], NEW_EVENTS + NEW_SCORES),
        (&["--until", &between], OLD_EVENTS + OLD_SCORES),
        // The first moment counts, the last does not.
        (&["--since", &first], ALL),
        (&["--until", &first], 0),
        (&["--stage", "sink.decode"], OLD_SCORES + NEW_SCORES),
        (&["--stage", "scorer.decode", "--since", &first, "--until", &between], OLD_EVENTS),
        (&["--stage", "scorer"], 0),
    ] {
        ensure!(open(&stack, filter)? == expected, "{filter:?} finds {}", open(&stack, filter)?);
    }

    let old_events = ["--stage", "scorer.decode", "--until", &between];
    let replay = [&["dlq", "replay", "--rate", "20"][..], &old_events].concat();
    let planned = stack.command(&[&replay[..], &["--dry-run"]].concat());
    ensure!(planned["settled"] == OLD_EVENTS && open(&stack, &[])? == ALL, "{planned}");
    let start = Instant::now();
    let sent = stack.command(&replay);
    let took = start.elapsed();
    ensure!(sent["settled"] == OLD_EVENTS, "{sent}");
    ensure!(took >= Duration::from_millis(OLD_EVENTS * 1_000 / 20), "{OLD_EVENTS} letters in {took:?}");
    ensure!(open(&stack, &old_events)? == 0 && open(&stack, &[])? == ALL - OLD_EVENTS);

    // What fails again is as old as it was, and no other was sent.
    let scorer = stack.part("scorer", &[])?;
    poll_until(PATIENCE, async || open(&stack, &[]).map(|open| open == ALL)).await?;
    stop(scorer, "scorer").await?;
    let again = stack.command(&[&["dlq", "list"][..], &old_events].concat());
    ensure!(again[0]["repeated"] == OLD_EVENTS && again.as_array().map(Vec::len) == Some(1), "{again}");

    let purged = stack.command(&["dlq", "purge", "--stage", "sink.decode", "--since", &between]);
    ensure!(purged["settled"] == NEW_SCORES && open(&stack, &["--stage", "sink.decode"])? == OLD_SCORES, "{purged}");
    let purged = stack.command(&["dlq", "purge", "--until", &between]);
    ensure!(purged["settled"] == OLD_EVENTS + OLD_SCORES, "{purged}");
    ensure!(open(&stack, &[])? == NEW_EVENTS && open(&stack, &["--since", &between])? == NEW_EVENTS);
    Ok(())
}

/// Writes records that are none, with this time.
async fn send(topic: &str, at: i64, count: u64) -> Result<()> {
    let producer: FutureProducer = rdkafka::ClientConfig::new().set("bootstrap.servers", kafka().bootstrap).create()?;
    for number in 0..count {
        let key = number.to_string();
        let record = FutureRecord::to(topic).key(&key).payload("no record").timestamp(at);
        producer.send(record, PATIENCE).await.map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// How many letters `churn dlq list` finds with a filter.
fn open(stack: &Stack, filter: &[&str]) -> Result<u64> {
    let listed = stack.command(&[&["dlq", "list"], filter].concat());
    let groups = listed.as_array().context("no list")?;
    groups.iter().map(|group| group["letters"].as_u64().context("a group without a number")).sum()
}

fn time(millis: i64) -> Result<String> {
    Ok(jiff::Timestamp::from_millisecond(millis)?.to_string())
}
