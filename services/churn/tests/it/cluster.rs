//! The parts as separate processes on a real Kafka, schema registry and Postgres.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{Database, Program, fresh_database, fresh_name, kafka, poll_until, schema_registry};
use sqlx::{Connection, PgConnection, Row};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::run::{churn, json, run_with, shipped_data, stderr};

/// Long enough for a busy machine; a part that is not there by then is not coming.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Stacks at once. More would only measure how a broker behaves on a choking machine: tests take turns.
const AT_ONCE: u32 = 2;
static TURN: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// A platform of its own: topics under a fresh prefix, a fresh database, a registry in a fresh folder.
pub(crate) struct Stack {
    _turn: SemaphorePermit<'static>,
    folder: TempDir,
    database: Database,
    env: Vec<(String, String)>,
}

impl Stack {
    pub(crate) async fn new() -> Result<Self> {
        Self::after(TURN.acquire().await?).await
    }

    /// With no other stack beside it, for a test that keeps the machine busy by itself.
    pub(crate) async fn alone() -> Result<Self> {
        Self::after(TURN.acquire_many(AT_ONCE).await?).await
    }

    async fn after(turn: SemaphorePermit<'static>) -> Result<Self> {
        let database = fresh_database().await?;
        let env = [
            ("CHURN__KAFKA__BROKERS", kafka().bootstrap),
            ("CHURN__KAFKA__TOPIC_PREFIX", format!("{}-", fresh_name("cluster"))),
            ("CHURN__KAFKA__PARTITIONS", "4".into()),
            ("CHURN__KAFKA__REPLICATION", "1".into()),
            // A machine that is busy with other tests must not look like a dead member.
            ("CHURN__KAFKA__SESSION_TIMEOUT", "30s".into()),
            ("CHURN__KAFKA__TRANSACTION_TIMEOUT", "60s".into()),
            ("CHURN__SCHEMA_REGISTRY__URL", schema_registry()),
            ("CHURN__POSTGRES__URL", database.url.clone()),
            ("CHURN__HTTP__LISTEN", "127.0.0.1:0".into()),
            ("CHURN__SYNTHESIZER__RATE", "1000".into()),
            ("CHURN__SYNTHESIZER__OUTCOME_DELAY", "1s".into()),
        ];
        let env = env.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Self { _turn: turn, folder: TempDir::new()?, database, env })
    }

    pub(crate) fn command(&self, args: &[&str]) -> serde_json::Value {
        json(&self.run(args))
    }

    /// A command that may fail, with an answer in JSON.
    pub(crate) fn run(&self, args: &[&str]) -> std::process::Output {
        run_with(self.folder.path(), &[args, &["--json"]].concat(), &self.env())
    }

    pub(crate) fn part(&self, name: &str, more: &[(&str, &str)]) -> Result<Program> {
        self.spawn(&["run", name], more)
    }

    /// A command that goes on beside the test.
    pub(crate) fn spawn(&self, args: &[&str], more: &[(&str, &str)]) -> Result<Program> {
        let registry = registry_path(self.folder.path());
        let mut env = self.env.clone();
        env.push(("CHURN__REGISTRY__PATH".into(), registry));
        env.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Program::spawn(churn(), args.iter().copied(), env)
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.env.retain(|(known, _)| known != key);
        self.env.push((key.to_owned(), value.to_owned()));
    }

    pub(crate) fn env(&self) -> Vec<(&str, &str)> {
        self.env.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn prefix(&self) -> &str {
        self.env.iter().find(|(key, _)| key == "CHURN__KAFKA__TOPIC_PREFIX").map_or("", |(_, prefix)| prefix)
    }

    pub(crate) async fn postgres(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.database.url).await?)
    }

    pub(crate) async fn execute(&self, sql: &'static str) -> Result<()> {
        sqlx::query(sql).execute(&mut self.postgres().await?).await?;
        Ok(())
    }

    pub(crate) async fn count(&self, sql: &'static str) -> Result<i64> {
        Ok(sqlx::query(sql).fetch_one(&mut self.postgres().await?).await?.try_get(0)?)
    }
}

fn registry_path(folder: &Path) -> String {
    folder.join(".churn/registry").display().to_string()
}

pub(crate) async fn stop(mut program: Program, name: &str) -> Result<()> {
    program.terminate()?;
    let status = program.wait(PATIENCE).await?;
    ensure!(status.success(), "the {name} ended with {status}: {}", program.stderr());
    Ok(())
}

/// The sum over a metric's labels; 0 while there is none, or nobody answers yet.
pub(crate) async fn metric(url: &str, name: &str) -> Result<f64> {
    let Ok(answer) = churn_testkit::http_client().get(url).send().await else { return Ok(0.0) };
    let text = answer.text().await?;
    let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    let values = text.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Ok(values.sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_scorers_and_two_sinks_store_every_row_once() -> Result<()> {
    let stack = Stack::new().await?;
    let first = stack.command(&["setup"]);
    ensure!(first.to_string().contains("trained and promoted"), "{first}");
    let again = stack.command(&["setup"]);
    ensure!(!again.to_string().contains("trained and promoted"), "setup is not safe to repeat: {again}");
    let planned = stack.command(&["setup", "--dry-run"]);
    ensure!(!planned.to_string().contains("would be registered"), "{planned}");

    let consumers = [
        ("sink", stack.part("sink", &[])?),
        ("sink", stack.part("sink", &[])?),
        ("scorer", stack.part("scorer", &[("CHURN__SCORER__TRANSACTIONAL_ID", "scorer-0")])?),
        ("scorer", stack.part("scorer", &[("CHURN__SCORER__TRANSACTIONAL_ID", "scorer-1")])?),
        ("monitor", stack.part("monitor", &[])?),
    ];
    let synthesizer = stack.part("synthesizer", &[])?;
    poll_until(PATIENCE, async || {
        Ok::<_, anyhow::Error>(stack.count("select count(*) from churn.scored_event").await? > 10_000)
    })
    .await
    .with_context(|| consumers.iter().map(|(name, part)| format!("{name}: {}", part.stderr())).collect::<String>())?;
    stop(synthesizer, "synthesizer").await?;

    // Every event of the topic has its row and its outcome: sequence numbers run from 0 without a gap.
    let complete = "select count(*) from (select max(sequence) + 1 as produced, count(*) as stored, count(distinct sequence) as distinct_stored,
            (select count(*) from churn.outcome) as outcomes from churn.scored_event) c
        where produced = stored and stored = distinct_stored and outcomes = stored";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(complete).await? == 1)).await?;
    let owners = "select count(distinct source_partition) from churn.scored_event";
    ensure!(stack.count(owners).await? == 4, "not all partitions were scored");
    for (name, part) in consumers {
        stop(part, name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_own_customers_are_scored_under_their_own_ids() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let shipped = std::fs::read_to_string(shipped_data())?;
    let own: String = shipped
        .lines()
        .take(101)
        .enumerate()
        .map(|(line, text)| if line == 0 { format!("customer_id,{text}\n") } else { format!("mine-{line},{text}\n") })
        .collect();
    std::fs::write(stack.folder.path().join("own.csv"), own.replacen("Fiber optic", "Carrier pigeon", 1))?;
    let produced = stack.command(&["produce", "--data", "own.csv", "--outcomes"]);
    ensure!(produced["events"] == 100 && produced["outcomes"] == 100, "{produced}");
    let all = stack.part("all", &[("CHURN__SYNTHESIZER__RATE", "1")])?;
    let mine = "select count(*) from churn.scored_event e join churn.outcome o using (score_id) where e.customer_id like 'mine-%'";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(mine).await? == 100))
        .await
        .with_context(|| all.stderr())?;
    let pigeons = "select count(*) from churn.scored_event where internet_service = 'Carrier pigeon'";
    ensure!(stack.count(pigeons).await? == 1, "an unknown category is scored and keeps its spelling");
    stop(all, "program").await
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_records_go_to_the_dead_letters_and_the_stream_goes_on() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let prefix = stack.prefix();
    poison(&format!("{prefix}customer-events.v1"), 50).await?;
    // The largest record that a topic takes makes a letter that is larger still.
    for topic in ["customer-events.v1", "customer-scores.v1"] {
        send(&format!("{prefix}{topic}"), "huge", &vec![7; 1_048_400]).await?;
    }
    std::fs::copy(shipped_data(), stack.folder.path().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv"]);
    let parts = [("scorer", stack.part("scorer", &[])?), ("sink", stack.part("sink", &[])?)];
    let rows = "select count(*) from churn.scored_event";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(rows).await? == 7_043)).await?;
    let letters = format!("{prefix}customer-events.v1.dlq");
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(records(&letters)? >= 51)).await?;
    ensure!(records(&letters)? == 51);
    let letters = format!("{prefix}customer-scores.v1.dlq");
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(records(&letters)? == 1)).await?;
    for (name, part) in parts {
        stop(part, name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_without_a_champion_waits_for_one_and_goes_on() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    std::fs::copy(shipped_data(), stack.folder.path().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv"]);
    let empty = stack.folder.path().join("empty").display().to_string();
    let more = [("CHURN__REGISTRY__PATH", empty.as_str()), ("CHURN__SCORER__MODEL_POLL", "200ms")];
    let (mut scorer, sink) = (stack.part("scorer", &more)?, stack.part("sink", &[])?);
    poll_until(PATIENCE, async || scorer.stderr().contains("no champion is loaded; the events wait")).await?;
    ensure!(scorer.is_running(), "{}", scorer.stderr());
    let copied = std::process::Command::new("cp")
        .args(["-r", &format!("{}/.", registry_path(stack.folder.path())), &empty])
        .status()?;
    ensure!(copied.success());
    let rows = "select count(*) from churn.scored_event";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(rows).await? == 7_043))
        .await
        .with_context(|| scorer.stderr())?;
    stop(scorer, "scorer").await?;
    stop(sink, "sink").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_again_once_and_keeps_its_history_when_it_fails_again() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    std::fs::copy(shipped_data(), stack.folder.path().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv"]);
    let prefix = stack.prefix();
    let events = format!("{prefix}customer-events.v1");
    poison(&events, 40).await?;
    let scorer = stack.part("scorer", &[])?;
    let open = || {
        let listed = stack.command(&["dlq", "list"]);
        listed.as_array().map_or(0, |groups| groups.iter().filter_map(|group| group["letters"].as_u64()).sum::<u64>())
    };
    poll_until(PATIENCE, async || open() == 40).await?;
    let some = stack.command(&["dlq", "list", "--class", "unknown_schema", "--topic", &events]);
    ensure!(some.as_array().is_some_and(|all| all.len() == 1), "{some}");
    let some = some[0]["letters"].as_u64().context("a count")?;
    ensure!((1..40).contains(&some));
    let shown = stack.command(&["dlq", "show", "--class", "unknown_schema", "--limit", "1"]);
    ensure!(shown[0]["attempt"] == 1 && shown[0]["stage"] == "scorer.decode", "{shown}");

    let planned = stack.command(&["dlq", "replay", "--class", "unknown_schema", "--dry-run"]);
    ensure!(planned["settled"] == some && open() == 40, "{planned}");
    // With nobody to read them the records stay where they were sent: once, however often they are asked for.
    stop(scorer, "scorer").await?;
    let sent = stack.command(&["dlq", "replay", "--class", "unknown_schema"]);
    ensure!(sent["settled"] == some, "{sent}");
    let again = stack.command(&["dlq", "replay", "--class", "unknown_schema"]);
    ensure!(again["settled"] == 0 && open() == 40 - some, "{again}");
    ensure!(records(&events)? == 7_043 + 40 + usize::try_from(some)?);

    // They are as bad as before: new letters, which tell of the old ones.
    let scorer = stack.part("scorer", &[])?;
    poll_until(PATIENCE, async || open() == 40).await?;
    let shown = stack.command(&["dlq", "show", "--class", "unknown_schema", "--limit", "1"]);
    let history = shown[0]["history"][0].as_str().unwrap_or_default();
    ensure!(shown[0]["attempt"] == 2 && history.starts_with(&format!("1|{events}|")), "{shown}");
    stop(scorer, "scorer").await?;
    let purged = stack.command(&["dlq", "purge", "--topic", &events]);
    ensure!(purged["settled"] == 40 && open() == 0, "{purged}");
    ensure!(records(&format!("{events}.dlq"))? == 0, "what is settled is deleted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_whose_positions_were_set_back_stores_nothing_twice() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    std::fs::copy(shipped_data(), stack.folder.path().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv"]);
    let (scorer, sink) = (stack.part("scorer", &[])?, stack.part("sink", &[])?);
    let rows = "select count(*) from churn.scored_event";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(rows).await? == 7_043)).await?;
    let env = stack.env();
    let reset = ["offsets", "reset", "--consumer", "sink", "--to", "beginning"];
    let refused = run_with(stack.folder.path(), &reset, &env);
    ensure!(!refused.status.success() && stderr(&refused).contains("is at work on"), "{}", stderr(&refused));
    stop(sink, "sink").await?;
    let moved = stack.command(&reset);
    ensure!(moved.as_array().is_some_and(|all| all.len() == 8), "{moved}");
    let sink = stack.part("sink", &[])?;
    let caught_up = async || {
        let shown = stack.command(&["offsets", "show"]);
        let sinks = |line: &&serde_json::Value| {
            line["consumer"] == "churn-sink" && line["topic"].to_string().contains("scores")
        };
        // The last offset of a partition is a transaction's marker, which is no record.
        shown.as_array().is_some_and(|all| all.iter().filter(sinks).all(|line| line["behind"].as_i64() <= Some(1)))
    };
    poll_until(PATIENCE, caught_up).await.with_context(|| sink.stderr())?;
    ensure!(stack.count(rows).await? == 7_043);
    let moved = "select count(*) from churn.consumer_offset where epoch >= 3 and next_offset > 0";
    ensure!(stack.count(moved).await? == 4);
    stop(sink, "sink").await?;

    // The same database with another cluster: the same offsets would be other records.
    let mut connection = PgConnection::connect(&stack.database.url).await?;
    sqlx::query("update churn.consumer_offset set cluster_id = 'another'").execute(&mut connection).await?;
    let refused = run_with(stack.folder.path(), &["run", "sink"], &env);
    ensure!(refused.status.code() == Some(1), "{:?}", refused.status);
    ensure!(stderr(&refused).contains("churn offsets forget --cluster another"), "{}", stderr(&refused));
    stack.command(&["offsets", "forget", "--cluster", "another"]);
    let sink = stack.part("sink", &[])?;
    let owned = "select count(*) from churn.consumer_offset where backend_pid is not null";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(owned).await? > 0)).await?;
    stop(sink, "sink").await?;
    stop(scorer, "scorer").await
}

/// Writes bytes that are no event.
async fn poison(topic: &str, count: usize) -> Result<()> {
    for number in 0..count {
        let value: Vec<u8> = match number % 4 {
            0 => Vec::new(),
            1 => b"no event at all".to_vec(),
            2 => [&[0][..], &i32::MAX.to_be_bytes(), b"unknown schema"].concat(),
            _ => vec![0; number],
        };
        send(topic, &number.to_string(), &value).await?;
    }
    Ok(())
}

async fn send(topic: &str, key: &str, value: &[u8]) -> Result<()> {
    use rdkafka::producer::{FutureProducer, FutureRecord};
    let producer: FutureProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", kafka().bootstrap)
        .set("message.max.bytes", "2000000")
        .create()?;
    producer.send(FutureRecord::to(topic).key(key).payload(value), PATIENCE).await.map_err(|(error, _)| error)?;
    Ok(())
}

/// Committed records of a topic, without transaction markers.
fn records(topic: &str) -> Result<usize> {
    use rdkafka::Message;
    use rdkafka::consumer::{BaseConsumer, Consumer};
    let consumer: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", kafka().bootstrap)
        .set("group.id", fresh_name("count"))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut list = rdkafka::TopicPartitionList::new();
    for partition in 0..4 {
        list.add_partition_offset(topic, partition, rdkafka::Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let (mut ends, mut count) = (0, 0);
    while ends < 4 {
        match consumer.poll(PATIENCE) {
            None => anyhow::bail!("{topic} does not answer"),
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ends += 1,
            Some(Ok(message)) => count += usize::from(message.topic() == topic),
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Ok(count)
}
