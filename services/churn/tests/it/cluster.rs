//! The parts as separate processes on a real Kafka, schema registry and Postgres.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{Database, Program, fresh_database, fresh_name, kafka, poll_until, schema_registry};
use sqlx::{Connection, PgConnection, Row};
use tempfile::TempDir;

use crate::run::{churn, json, run_with, shipped_data, stderr};

/// Long enough for a busy machine; a part that is not there by then is not coming.
const PATIENCE: Duration = Duration::from_secs(120);

/// Several stacks at once would only measure how a broker behaves on a choking machine: tests take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A platform of its own: topics under a fresh prefix, a fresh database, a registry in a fresh folder.
struct Stack {
    _turn: tokio::sync::MutexGuard<'static, ()>,
    folder: TempDir,
    database: Database,
    env: Vec<(String, String)>,
}

impl Stack {
    async fn new() -> Result<Self> {
        let turn = TURN.lock().await;
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

    fn command(&self, args: &[&str]) -> serde_json::Value {
        let env: Vec<(&str, &str)> = self.env.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        json(&run_with(self.folder.path(), &[args, &["--json"]].concat(), &env))
    }

    fn part(&self, name: &str, more: &[(&str, &str)]) -> Result<Program> {
        let registry = registry_path(self.folder.path());
        let mut env = self.env.clone();
        env.push(("CHURN__REGISTRY__PATH".into(), registry));
        env.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Program::spawn(churn(), ["run", name], env)
    }

    async fn count(&self, sql: &'static str) -> Result<i64> {
        let mut connection = PgConnection::connect(&self.database.url).await?;
        Ok(sqlx::query(sql).fetch_one(&mut connection).await?.try_get(0)?)
    }
}

fn registry_path(folder: &Path) -> String {
    folder.join(".churn/registry").display().to_string()
}

async fn stop(mut program: Program, name: &str) -> Result<()> {
    program.terminate()?;
    let status = program.wait(PATIENCE).await?;
    ensure!(status.success(), "the {name} ended with {status}: {}", program.stderr());
    Ok(())
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
    let prefix = &stack.env.iter().find(|(key, _)| key == "CHURN__KAFKA__TOPIC_PREFIX").context("prefix")?.1;
    crate::cluster::poison(&format!("{prefix}customer-events.v1"), 50).await?;
    std::fs::copy(shipped_data(), stack.folder.path().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv"]);
    let parts = [("scorer", stack.part("scorer", &[])?), ("sink", stack.part("sink", &[])?)];
    let rows = "select count(*) from churn.scored_event";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(rows).await? == 7_043)).await?;
    let letters = format!("{prefix}customer-events.v1.dlq");
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(records(&letters)? >= 50)).await?;
    ensure!(records(&letters)? == 50);
    for (name, part) in parts {
        stop(part, name).await?;
    }
    let env: Vec<(&str, &str)> = stack.env.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let refused = run_with(
        stack.folder.path(),
        &["run", "sink", "--set", "postgres.url=postgres://nobody:wrong@127.0.0.1:1/x"],
        &env,
    );
    ensure!(refused.status.code() == Some(69) && !stderr(&refused).contains("wrong"), "{}", stderr(&refused));
    Ok(())
}

/// Writes bytes that are no event.
async fn poison(topic: &str, count: usize) -> Result<()> {
    use rdkafka::producer::{FutureProducer, FutureRecord};
    let producer: FutureProducer = rdkafka::ClientConfig::new().set("bootstrap.servers", kafka().bootstrap).create()?;
    for number in 0..count {
        let value: Vec<u8> = match number % 4 {
            0 => Vec::new(),
            1 => b"no event at all".to_vec(),
            2 => [&[0][..], &i32::MAX.to_be_bytes(), b"unknown schema"].concat(),
            _ => vec![0; number],
        };
        let key = number.to_string();
        let record = FutureRecord::to(topic).key(&key).payload(&value);
        producer.send(record, PATIENCE).await.map_err(|(error, _)| error)?;
    }
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
