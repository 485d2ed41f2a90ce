//! Postgres away, and Postgres without room on its disk, while records keep coming.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use churn_domain::OutcomeBatch;
use churn_testkit::{OwnPostgres, Program, free_port, poll_until, schema_registry};
use churn_wire::{Encoder, OutcomeCodec, Record, SchemaRegistry, WireConfig};
use sqlx::{Connection, PgConnection};

use crate::cluster::{PATIENCE, Stack, metric, stop};
use crate::hostile::fuzz::Sender;

/// A sink that reads nothing for so long although there is more is full.
const FULL: Duration = Duration::from_secs(2);
/// Records that come meanwhile, and the length of their customers' names: 40 MB.
const BACKLOG: usize = 120_000;
const NAME: usize = 250;
/// What a sink may grow by: buffers of 1 MiB each, a batch of 1 MiB as records and as rows, and what an allocator keeps.
const GROWTH: u64 = 24 << 20;

/// A sink, looked at from outside.
struct Watched {
    program: Program,
    base: String,
    client: reqwest::Client,
}

impl Watched {
    /// The readiness with its reasons.
    async fn ready(&self) -> Result<(u16, String)> {
        let answer = self.client.get(format!("{}/readyz", self.base)).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn says(&self, status: u16, reason: &str) -> Result<()> {
        let said = poll_until(PATIENCE, async || {
            let (found, text) = self.ready().await?;
            Ok::<_, anyhow::Error>(found == status && text.contains(reason))
        });
        said.await.with_context(|| self.program.stderr())
    }

    /// Waits until everything between the broker and Postgres is full, which is before all of `sent` is read, and says how much
    /// memory that took at most.
    async fn fill(&self, sent: usize) -> Result<u64> {
        let (read, most) = (Cell::new((0.0, Instant::now())), Cell::new(0));
        poll_until(PATIENCE, async || {
            most.set(most.get().max(self.resident()?));
            let now = metric(&format!("{}/metrics", self.base), "churn_stage_read_total").await?;
            let (before, since) = read.get();
            if now > before {
                read.set((now, Instant::now()));
            }
            Ok::<_, anyhow::Error>(now == before && since.elapsed() >= FULL)
        })
        .await?;
        let (read, _) = read.get();
        ensure!(read < sent as f64, "all {sent} records were taken in");
        Ok(most.get())
    }

    fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.program.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1_024)
    }
}

/// Sends so many outcomes, numbered on from `first`.
fn send(topic: &str, encoder: &Encoder<OutcomeCodec>, first: usize, count: usize) -> Result<()> {
    let mut sender = Sender::new()?;
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())?;
    for number in first..first + count {
        let customer = format!("{number:0NAME$}");
        let mut batch = OutcomeBatch::default();
        batch.stream.push(Some("outage"));
        batch.sequence.push(i64::try_from(number)?);
        batch.event_time_ms.push(now);
        batch.customer_id.push(Some(&customer));
        batch.churned.push(number.is_multiple_of(3));
        batch.observed_at_ms.push(now);
        let mut value = Vec::new();
        encoder.encode_into(&batch, 0, &mut value);
        sender.send(topic, &(Some(customer), Some(value)))?;
    }
    sender.flush()
}

async fn stored(url: &str, count: usize) -> Result<()> {
    poll_until(PATIENCE, async || {
        let mut connection = PgConnection::connect(url).await?;
        let query = "select count(*) from churn.outcome";
        Ok::<_, sqlx::Error>(sqlx::query_scalar::<_, i64>(query).fetch_one(&mut connection).await? == count as i64)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_starts_without_its_database_says_so_and_waits_for_it() -> Result<()> {
    let mut stack = Stack::new().await?;
    let postgres = OwnPostgres::start().await?;
    stack.set("CHURN__POSTGRES__URL", postgres.url());
    stack.command(&["setup"]);
    postgres.kill9().await?;
    let start = |part| {
        let listen = format!("127.0.0.1:{}", free_port());
        let program = stack.part(part, &[("CHURN__HTTP__LISTEN", &listen)])?;
        let base = format!("http://{listen}");
        Ok::<_, anyhow::Error>(Watched { program, base, client: churn_testkit::http_client() })
    };
    let mut waiting = Vec::new();
    for part in ["sink", "monitor", "trainer"] {
        let stopped = start(part)?;
        stopped.says(503, "connection refused").await?;
        stop(stopped.program, part).await.context("asked to stop while it waited")?;
        waiting.push((part, start(part)?));
    }
    for (_, part) in &waiting {
        part.says(503, "connection refused").await?;
    }
    postgres.restart().await?;
    for (name, part) in waiting {
        part.says(200, name).await?;
        stop(part.program, name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_bears_a_database_that_is_away_or_full_in_bounded_memory_and_catches_up() -> Result<()> {
    let mut stack = Stack::alone().await?;
    let postgres = OwnPostgres::start().await?;
    stack.set("CHURN__POSTGRES__URL", postgres.url());
    stack.command(&["setup"]);
    let topic = format!("{}customer-outcomes.v1", stack.prefix());
    let schemas = SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })?;
    let encoder = Encoder::<OutcomeCodec>::new(schemas.id_of(&topic, Record::CustomerOutcome).await?);
    let listen = format!("127.0.0.1:{}", free_port());
    let program = stack.part(
        "sink",
        &[
            ("CHURN__HTTP__LISTEN", &listen),
            ("CHURN__KAFKA__FETCH__QUEUE", "1 MiB"),
            ("CHURN__KAFKA__FETCH__CHANNEL", "1 MiB"),
            ("CHURN__SINK__BATCH_BYTES", "1 MiB"),
        ],
    )?;
    let mut sink = Watched { program, base: format!("http://{listen}"), client: churn_testkit::http_client() };
    send(&topic, &encoder, 0, 20_000)?;
    stored(postgres.url(), 20_000).await.with_context(|| sink.program.stderr())?;
    sink.says(200, "postgres").await?;

    let before = sink.resident()?;
    postgres.kill9().await?;
    send(&topic, &encoder, 20_000, BACKLOG)?;
    sink.says(503, "postgres").await?;
    let full = sink.fill(20_000 + BACKLOG).await.with_context(|| sink.program.stderr())?;
    postgres.restart().await?;
    let all = 20_000 + BACKLOG;
    stored(postgres.url(), all).await.with_context(|| sink.program.stderr())?;
    let most = full.max(sink.resident()?);
    println!("resident: {} KiB before, {} KiB at most", before >> 10, most >> 10);
    ensure!(most < before + GROWTH, "grew from {before} to {most} bytes");
    sink.says(200, "postgres").await?;

    let mut admin = PgConnection::connect(postgres.url()).await?;
    sqlx::raw_sql(
        "create function churn.no_room() returns trigger language plpgsql as $$ begin
             raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
         create trigger no_room before insert on churn.outcome for each row execute function churn.no_room()",
    )
    .execute(&mut admin)
    .await?;
    send(&topic, &encoder, all, 5_000)?;
    sink.says(503, "No space left on device").await?;
    ensure!(sink.program.is_running(), "{}", sink.program.stderr());
    // Not the trigger: to drop it takes locks on all partitions, one after the other, against those of a sink that tries again.
    sqlx::raw_sql(
        "create or replace function churn.no_room() returns trigger language plpgsql as $$ begin return new; end $$",
    )
    .execute(&mut admin)
    .await?;
    stored(postgres.url(), all + 5_000).await.with_context(|| sink.program.stderr())?;
    sink.says(200, "postgres").await?;
    stop(sink.program, "sink").await
}
