//! `churn setup` by several at once, and `churn setup --every`, which keeps a stack that runs for long prepared.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use churn_testkit::poll_until;
use serde_json::Value;

use crate::cluster::{PATIENCE, Stack, stop};

const PARTITIONS: &str = "select count(*) from pg_inherits where inhparent = 'churn.scored_event'::regclass";

/// Two days back, two weeks ahead, and the default.
const LEAST_PARTITIONS: i64 = 17;

/// A table of another kind takes the place of the last day's partition, so that the partition cannot be made.
const OBSTRUCT: &str = "do $$ declare last text; begin
    select max(inhrelid::regclass::text) into last from pg_inherits
        where inhparent = 'churn.scored_event'::regclass and inhrelid <> 'churn.scored_event_default'::regclass;
    execute format('drop table %s', last);
    execute format('create table %s (in_the_way int)', last);
end $$";

const CLEAR: &str = "do $$ begin
    execute (select format('drop table %s', attrelid::regclass) from pg_attribute where attname = 'in_the_way');
end $$";

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_goes_on_makes_missing_partitions_and_says_what_holds_it_up() -> Result<()> {
    let stack = Stack::new().await?;
    let refused = stack.run(&["setup", "--every", "100ms"]);
    ensure!(refused.status.code() == Some(64), "{refused:?}");

    stack.command(&["setup"]);
    let whole = stack.count(PARTITIONS).await?;
    ensure!(whole >= LEAST_PARTITIONS, "{whole} partitions");
    let upkeep = stack.spawn(&["setup", "--every", "1s"], &[])?;

    // The first time has to succeed, or it ends.
    poll_until(PATIENCE, async || upkeep.stdout().contains("partitions: ")).await.with_context(|| upkeep.stderr())?;
    stack.execute(OBSTRUCT).await?;
    poll_until(PATIENCE, async || upkeep.stderr().contains("setup failed; it is tried again"))
        .await
        .with_context(|| upkeep.stderr())?;
    ensure!(stack.count(PARTITIONS).await? == whole - 1);
    stack.execute(CLEAR).await?;
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(PARTITIONS).await? == whole))
        .await
        .with_context(|| upkeep.stderr())?;
    stop(upkeep, "setup").await
}

#[tokio::test(flavor = "multi_thread")]
async fn setups_at_once_on_an_empty_stack_all_succeed_and_agree_on_the_champions() -> Result<()> {
    let stack = Stack::new().await?;
    let mut setups = (0..4).map(|_| stack.spawn(&["setup", "--json"], &[])).collect::<Result<Vec<_>>>()?;
    let (mut models, mut generators) = (Vec::new(), BTreeSet::new());
    for setup in &mut setups {
        let status = setup.wait(PATIENCE).await?;
        ensure!(status.success(), "{status}: {}", setup.stderr());
        let steps: Vec<Value> = serde_json::from_str(&setup.stdout())?;
        let result = |what: &str| steps.iter().find(|step| step["what"] == what).map(|step| step["result"].to_string());
        models.push(result("model").context("no step for the model")?);
        generators.insert(result("generator").context("no step for the generator")?);
    }
    models.sort_unstable();
    let stands = r#""stands""#;
    ensure!(models == [stands, stands, stands, r#""trained and promoted""#], "{models:?}");
    ensure!(generators.len() == 1, "{generators:?}");
    let partitions = stack.count(PARTITIONS).await?;
    ensure!(partitions >= LEAST_PARTITIONS, "{partitions} partitions");
    let again = stack.command(&["setup"]).to_string();
    ensure!(!["registered", "trained", "would be"].iter().any(|word| again.contains(word)), "left undone: {again}");
    Ok(())
}
