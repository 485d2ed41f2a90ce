//! `churn setup --every`, which keeps a stack that runs for long prepared.

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, poll_until};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::run::churn;

const PARTITIONS: &str = "select count(*) from pg_inherits where inhparent = 'churn.scored_event'::regclass";

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
    // Two days back, two weeks ahead, and the default.
    ensure!(whole >= 17, "{whole} partitions");
    let registry = stack.folder().join(".churn/registry").display().to_string();
    let env = [&stack.env()[..], &[("CHURN__REGISTRY__PATH", registry.as_str())]].concat();
    let upkeep = Program::spawn(churn(), ["setup", "--every", "1s"], env)?;

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
