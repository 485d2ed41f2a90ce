//! All parts at once: events are made, scored and stored while they come.

use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use churn_testkit::Program;
use sqlx::{Connection, PgConnection};

use crate::cpu;
use crate::stack::{LOOK_EVERY, PATIENCE, Stack};

/// The clock starts with the first event, when the others have joined their groups, and stops with this share of the rows: the last batches
/// are small.
const TO: f64 = 0.95;

/// How fast rows came, and what a million of them cost each process.
pub(crate) struct Whole {
    pub(crate) per_second: f64,
    cpu_per_million: Vec<(&'static str, f64)>,
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "end to end: {:.0} rows/s (CPU s a million:", self.per_second)?;
        self.cpu_per_million.iter().try_for_each(|(name, seconds)| write!(f, " {name} {seconds:.2}"))?;
        f.write_str(")")
    }
}

/// Runs a synthesizer as fast as it can until there are so many events, with a scorer and a sink behind it, on topics of their own.
pub(crate) async fn measure(stack: &Stack, records: i64) -> Result<Whole> {
    let prefix = stack.topic("whole-");
    let env = [("CHURN__KAFKA__TOPIC_PREFIX", prefix.clone()), ("CHURN__SYNTHESIZER__STREAM", "whole".into())];
    stack.command(&["setup"], &env).await?;
    let part = |name: &'static str| Ok::<_, anyhow::Error>((name, stack.run(&["run", name], &env)?));
    let mut parts = vec![part("sink")?, part("scorer")?];
    let events = format!("{prefix}customer-events.v1");
    let mut look = PgConnection::connect(&stack.url).await?;
    let deadline = Instant::now() + PATIENCE;
    while claimed(&mut look, &prefix).await? == 0 {
        ensure!(Instant::now() < deadline, "the sink joins no group: {}", parts[0].1.stderr());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    parts.push(part("synthesizer")?);
    let (mut begun, mut made) = (None, false);
    let (rows, took, before) = loop {
        let now = stored(&mut look, &prefix).await?;
        if begun.is_none() && stack.end(&events)? > 0 {
            begun = Some((now, Instant::now(), spent(stack, &parts)));
        }
        if now as f64 >= records as f64 * TO {
            let Some((from, start, before)) = begun else { bail!("all rows were stored at once") };
            break (now - from, start.elapsed(), before);
        }
        if !made && stack.end(&events)? >= records {
            made = true;
            // Stopped in its tracks: what it has spent still counts.
            parts.last().context("the synthesizer")?.1.pause()?;
        }
        for (name, part) in &mut parts {
            ensure!(Instant::now() < deadline && part.is_running(), "the {name} stands still: {}", part.stderr());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let each = spent(stack, &parts).into_iter().zip(before);
    let cpu_per_million = each.map(|((name, now), (_, before))| (name, (now - before) / rows as f64 * 1e6)).collect();
    look.close().await?;
    for (_, part) in &mut parts {
        part.kill9()?;
    }
    Ok(Whole { per_second: rows as f64 / took.as_secs_f64(), cpu_per_million })
}

/// Processor seconds of each process so far.
fn spent(stack: &Stack, parts: &[(&'static str, Program)]) -> Vec<(&'static str, f64)> {
    let parts = parts.iter().map(|(name, part)| (*name, cpu::seconds_of_tree(part.id())));
    parts.chain([("postgres", cpu::seconds_of_tree(stack.postgres_pid))]).collect()
}

/// Partitions of the scores that the sink owns.
async fn claimed(connection: &mut PgConnection, prefix: &str) -> Result<i64> {
    let owned = "select count(*) from churn.consumer_offset where topic = $1 || 'customer-scores.v1' and backend_pid is not null";
    Ok(sqlx::query_scalar(owned).bind(prefix).fetch_one(connection).await?)
}

/// Records of the scores that are stored, transaction markers included.
async fn stored(connection: &mut PgConnection, prefix: &str) -> Result<i64> {
    let sum = "select coalesce(sum(next_offset), 0)::bigint from churn.consumer_offset where topic = $1 || 'customer-scores.v1'";
    Ok(sqlx::query_scalar(sum).bind(prefix).fetch_one(connection).await?)
}
