//! Sinks with several lanes: connections end and partitions move, and each row is there once.

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, free_port, http_client, poll_until};

use crate::cluster::{PATIENCE, Stack, stop};

const ROWS: &str = "select count(*) from churn.scored_event";
/// Connections that hold partitions of the scores.
const OWNERS: &str =
    "select count(distinct backend_pid) from churn.consumer_offset where topic like '%customer-scores.v1'";
/// Ends the connection of one lane, whichever has the first partition.
const END_ONE: &str = "select count(pg_terminate_backend(backend_pid)) from churn.consumer_offset
    where partition = 0 and topic like '%customer-scores.v1'";
const CONNECTIONS: &str = "select count(*) from pg_stat_activity
    where application_name = 'churnstream sink' and datname = current_database()";

struct Sink {
    program: Program,
    base: String,
}

impl Sink {
    fn start(stack: &Stack, lanes: &str) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port());
        let program = stack.part("sink", &[("CHURN__SINK__LANES", lanes), ("CHURN__HTTP__LISTEN", &listen)])?;
        Ok(Self { program, base: format!("http://{listen}") })
    }

    async fn get(&self, path: &str) -> Result<(u16, String)> {
        let answer = http_client().get(format!("{}{path}", self.base)).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn is_ready(&self) -> Result<()> {
        poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(self.get("/readyz").await?.0 == 200))
            .await
            .with_context(|| self.program.stderr())
    }

    /// Partitions whose lag the process shows.
    async fn partitions(&self) -> Result<usize> {
        let (_, metrics) = self.get("/metrics").await?;
        Ok(metrics.lines().filter(|line| line.starts_with("churn_consumer_lag_records{")).count())
    }
}

async fn reaches(stack: &Stack, sink: &Sink, sql: &'static str, reached: impl Fn(i64) -> bool) -> Result<()> {
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(reached(stack.count(sql).await?)))
        .await
        .with_context(|| format!("{sql}: {}", sink.program.stderr()))
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_lose_connections_and_partitions_and_store_every_row_once() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let first = Sink::start(&stack, "3")?;
    let (scorer, synthesizer) = (stack.part("scorer", &[])?, stack.part("synthesizer", &[])?);
    reaches(&stack, &first, OWNERS, |owners| owners == 3).await?;
    ensure!(stack.count(CONNECTIONS).await? == 3, "a lane has one connection");
    first.is_ready().await?;

    for _ in 0..3 {
        let before = stack.count(ROWS).await?;
        ensure!(stack.count(END_ONE).await? == 1, "the lane with the first partition has no connection");
        reaches(&stack, &first, ROWS, |rows| rows > before + 1_000).await?;
        reaches(&stack, &first, OWNERS, |owners| owners == 3).await?;
    }
    first.is_ready().await?;

    // Five members and four partitions: one lane has nothing to do, and its process is ready all the same.
    let second = Sink::start(&stack, "2")?;
    reaches(&stack, &second, OWNERS, |owners| owners == 4).await?;
    first.is_ready().await?;
    second.is_ready().await?;
    let shown = async || Ok::<_, anyhow::Error>(first.partitions().await? + second.partitions().await?);
    ensure!(shown().await? == 8, "each partition of scores and outcomes is shown by one process: {}", shown().await?);

    stop(first.program, "sink").await?;
    reaches(&stack, &second, OWNERS, |owners| owners == 2).await?;
    stop(synthesizer, "synthesizer").await?;
    let complete = "select count(*) from (select max(sequence) + 1 as produced, count(*) as stored, count(distinct sequence) as distinct_stored,
            (select count(*) from churn.outcome) as outcomes from churn.scored_event) c
        where produced = stored and stored = distinct_stored and outcomes = stored";
    reaches(&stack, &second, complete, |is_complete| is_complete == 1).await?;
    ensure!(second.partitions().await? == 8, "both lanes' partitions are shown");
    stop(scorer, "scorer").await?;
    stop(second.program, "sink").await?;
    ensure!(stack.count(OWNERS).await? == 0, "the lanes have given their partitions up");
    Ok(())
}
