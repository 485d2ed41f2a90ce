//! Ten thousand records that are none, among a hundred thousand that are: what the parts make of bytes that nobody vouches for.

pub(crate) mod fuzz;
mod letters;
mod registry;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, poll_until, schema_registry};
use churn_wire::{Record, SchemaRegistry, WireConfig, from_json, subject, to_json, write_prefix};

use self::fuzz::{Fuzz, GOOD, Good, Sender};
use self::letters::Letters;
use self::registry::Front;
use crate::cluster::{PATIENCE, Stack, stop};
use crate::evolution::next_version;

/// Bad records by the topic that they go to.
const BAD_EVENTS: usize = 8_000;
const BAD_SCORES: usize = 1_000;
const BAD_OUTCOMES: usize = 1_000;
/// Good events whose schema the registry does not have at first, and good ones of a clock that is ahead.
const UNKNOWN: usize = 300;
const AHEAD: usize = 200;
/// How far that clock is ahead: less than brokers bear, more than the scorer does by itself.
const AHEAD_BY: Duration = Duration::from_secs(1_800);

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_records_among_good_ones_all_become_dead_letters() -> Result<()> {
    let mut stack = Stack::alone().await?;
    stack.command(&["setup"]);
    let topic = |name: &str| format!("{}{name}", stack.prefix());
    let (events, scores, outcomes) =
        (topic("customer-events.v1"), topic("customer-scores.v1"), topic("customer-outcomes.v1"));
    let schemas = SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })?;
    let next = next_version()?;
    let next_id = schemas.register(&subject(&events), &next).await?;
    let front = Front::start(&schema_registry(), next_id).await?;
    stack.set("CHURN__SCHEMA_REGISTRY__URL", &front.url());
    // Reasons cost more than all the rest, and are tested elsewhere.
    stack.set("CHURN__SCORER__REASONS", "0");

    let good = Good::new(schemas.id_of(&events, Record::CustomerEvent).await?)?;
    let mut sender = Sender::new()?;
    let mut fuzz = Fuzz::new(11, &good);
    fuzz.mix(&good, BAD_EVENTS, &events, &mut sender)?;
    for (topic, count) in [(&scores, BAD_SCORES), (&outcomes, BAD_OUTCOMES)] {
        for _ in 0..count {
            sender.send(topic, &fuzz.foreign(&good))?;
        }
    }
    // What only waits for something: for its schema, or for its time.
    for row in 0..UNKNOWN {
        let event: serde_json::Value = to_json(Record::CustomerEvent.avsc(), &good.body("no-schema", row, 0))
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut value = Vec::new();
        write_prefix(next_id, &mut value);
        value.extend(from_json(&next, &event).map_err(anyhow::Error::msg)?);
        sender.send(&events, &(Some(good.key(row)), Some(value)))?;
    }
    let ahead_ms = i64::try_from(AHEAD_BY.as_millis())?;
    for row in 0..AHEAD {
        sender.send(&events, &(Some(good.key(row)), Some(good.value("ahead", row, ahead_ms))))?;
    }
    sender.flush()?;

    let mut parts = Parts::start(&stack)?;
    let bad = (BAD_EVENTS + BAD_SCORES + BAD_OUTCOMES) as u64;
    let waiting = (UNKNOWN + AHEAD) as u64;
    let stored = "select count(*) from churn.scored_event where stream = 'good'";
    let all_good = i64::try_from(GOOD)?;
    let done = poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(stored).await? >= all_good)).await;
    parts.check(done)?;
    let letters = Letters::new(&stack, [&events, &scores, &outcomes])?;
    let open = parts.check(letters.settled(|open| open.all() >= bad + waiting).await)?;
    ensure!(open.all() == bad + waiting, "{open:?}");
    let unknown = open.of("unknown_schema") - UNKNOWN as u64;
    let distinct = "select count(distinct sequence) from churn.scored_event where stream = 'good'";
    ensure!(stack.count(stored).await? == all_good && stack.count(distinct).await? == all_good);
    ensure!(stack.count("select count(*) from churn.scored_event").await? == all_good);

    // The registry gets the schema that it was missing; nothing is restarted.
    front.show_all();
    let replay = ["dlq", "replay", "--rate", "20000", "--class"];
    stack.command(&[&replay[..], &["unknown_schema"]].concat());
    let late = "select count(*) from churn.scored_event where stream = 'no-schema'";
    let mended = poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(late).await? == UNKNOWN as i64));
    parts.check(mended.await)?;
    parts.check(letters.settled(|open| open.of("unknown_schema") == unknown).await)?;

    // The other events are let in by a scorer that bears with that clock.
    parts.restart_scorer(&stack, &[("CHURN__SCORER__MAX_AHEAD", "45m")]).await?;
    let class = open.of("out_of_range") - AHEAD as u64;
    stack.command(&[&replay[..], &["out_of_range"]].concat());
    let early = "select count(*) from churn.scored_event where stream = 'ahead'";
    let mended = poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(early).await? == AHEAD as i64));
    parts.check(mended.await)?;
    let open = parts.check(letters.settled(|open| open.of("out_of_range") == class).await)?;

    let rows = "select count(*) from churn.scored_event";
    ensure!(stack.count(rows).await? == all_good + (UNKNOWN + AHEAD) as i64);
    ensure!(open.all() == bad, "{open:?}");
    parts.stop().await
}

/// The parts that read what nobody vouches for.
struct Parts {
    scorer: Option<Program>,
    others: [(&'static str, Program); 2],
}

impl Parts {
    fn start(stack: &Stack) -> Result<Self> {
        let others = [("sink", stack.part("sink", &[])?), ("monitor", stack.part("monitor", &[])?)];
        Ok(Self { scorer: Some(stack.part("scorer", &[])?), others })
    }

    async fn restart_scorer(&mut self, stack: &Stack, more: &[(&str, &str)]) -> Result<()> {
        if let Some(scorer) = self.scorer.take() {
            stop(scorer, "scorer").await?;
        }
        self.scorer = Some(stack.part("scorer", more)?);
        Ok(())
    }

    /// That `step` came true, and none of the parts has ended.
    fn check<T>(&mut self, step: Result<T>) -> Result<T> {
        let scorer = self.scorer.iter_mut().map(|part| ("scorer", part));
        let all = scorer.chain(self.others.iter_mut().map(|(name, part)| (*name, part)));
        let mut said = String::new();
        for (name, part) in all {
            ensure!(part.is_running(), "the {name} has ended: {}", part.stderr());
            ensure!(!part.stderr().contains("panicked"), "the {name} panicked: {}", part.stderr());
            said += &format!("{name}: {}\n", part.stderr());
        }
        step.context(said)
    }

    async fn stop(self) -> Result<()> {
        let scorer = self.scorer.into_iter().map(|part| ("scorer", part));
        for (name, part) in scorer.chain(self.others) {
            stop(part, name).await?;
        }
        Ok(())
    }
}
