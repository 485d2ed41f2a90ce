//! `churn setup` by several at once, and `churn setup --every`, which keeps a stack that runs for long prepared.

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, poll_until};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::run::churn;

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
    let upkeep = spawn(&stack, &["setup", "--every", "1s"])?;

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
async fn setups_at_once_on_an_empty_stack_all_succeed_and_agree_on_one_champion() -> Result<()> {
    let stack = Stack::new().await?;
    let mut setups = (0..4).map(|_| spawn(&stack, &["setup", "--json"])).collect::<Result<Vec<_>>>()?;
    let mut trained = 0;
    for setup in &mut setups {
        let status = setup.wait(PATIENCE).await?;
        ensure!(status.success(), "{status}: {}", setup.stderr());
        trained += usize::from(setup.stdout().contains("trained and promoted"));
    }
    ensure!(trained == 1, "{trained} trained the champion");
    let partitions = stack.count(PARTITIONS).await?;
    ensure!(partitions >= LEAST_PARTITIONS, "{partitions} partitions");
    let again = stack.command(&["setup"]).to_string();
    ensure!(!["registered", "trained", "would be"].iter().any(|word| again.contains(word)), "left undone: {again}");
    Ok(())
}

fn spawn(stack: &Stack, args: &[&str]) -> Result<Program> {
    let registry = stack.folder().join(".churn/registry").display().to_string();
    let env = [&stack.env()[..], &[("CHURN__REGISTRY__PATH", registry.as_str())]].concat();
    Program::spawn(churn(), args.iter().copied(), env)
}
