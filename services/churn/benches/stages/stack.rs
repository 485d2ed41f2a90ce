//! The parts as processes, on the test servers' Kafka and a Postgres that waits for its disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use churn_registry::Registry;
use churn_store::private::PrivatePostgres;
use churn_store::{PostgresConfig, PrivateConfig};
use churn_testkit::{Program, fresh_name, kafka, schema_registry};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};
use tempfile::TempDir;

use crate::cpu;

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 4;
/// Nothing here takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// Time between two looks at a stage: looking costs its servers something too.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A stage counts from the time it is under way to its end: joining a group is no part of its speed.
const WARM_UP: f64 = 0.1;

/// How fast something was, and what it cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) cpu_per_million: f64,
}

impl Measured {
    pub(crate) fn new(count: usize, took: Duration, cpu: f64) -> Self {
        let count = count as f64;
        Self { per_second: count / took.as_secs_f64(), cpu_per_million: cpu / count * 1e6 }
    }

    /// With what a server spent on a million of them.
    pub(crate) fn and(self, cpu_per_million: f64) -> Self {
        Self { cpu_per_million: self.cpu_per_million + cpu_per_million, ..self }
    }
}

pub(crate) struct Stack {
    folder: TempDir,
    postgres: PrivatePostgres,
    pub(crate) url: String,
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    pub(crate) schemas: String,
    pub(crate) postgres_pid: u32,
    env: Vec<(String, String)>,
    ask: BaseConsumer,
}

impl Stack {
    pub(crate) async fn start() -> Result<Self> {
        let postgres =
            PrivatePostgres::start(&PrivateConfig::default()).await.context("start a Postgres with fsync")?;
        let url = postgres.configure(&PostgresConfig::default()).url.expose().to_owned();
        let pid_file = find_pid_file(postgres.folder())?;
        let first = std::fs::read_to_string(pid_file)?.lines().next().unwrap_or_default().to_owned();
        let (brokers, prefix) = (kafka().bootstrap, format!("{}-", fresh_name("bench")));
        let folder = TempDir::new()?;
        let env = [
            ("CHURN__KAFKA__BROKERS", brokers.clone()),
            ("CHURN__KAFKA__TOPIC_PREFIX", prefix.clone()),
            ("CHURN__KAFKA__PARTITIONS", PARTITIONS.to_string()),
            ("CHURN__SCHEMA_REGISTRY__URL", schema_registry()),
            ("CHURN__POSTGRES__URL", url.clone()),
            ("CHURN__HTTP__LISTEN", "127.0.0.1:0".into()),
            ("CHURN__REGISTRY__PATH", folder.path().join("registry").display().to_string()),
            ("CHURN__SYNTHESIZER__RATE", "max".into()),
            // Scores only: outcomes are a sixth of their size.
            ("CHURN__SYNTHESIZER__OUTCOME_DELAY", "1h".into()),
            // More than any run emits: none waits for an outcome.
            ("CHURN__SYNTHESIZER__MAX_PENDING_OUTCOMES", "20000000".into()),
            // How far the monitor is, is told by what it commits.
            ("CHURN__MONITOR__PUBLISH_EVERY", "100ms".into()),
            ("CHURN__MONITOR__COMMIT_EVERY", "100ms".into()),
        ];
        let env = env.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let ask = ClientConfig::new().set("bootstrap.servers", &brokers).set("group.id", "bench").create()?;
        let schemas = schema_registry();
        let stack =
            Self { folder, postgres, url, brokers, prefix, schemas, postgres_pid: first.trim().parse()?, env, ask };
        stack.command(&["setup"], &[]).await?;
        Ok(stack)
    }

    pub(crate) fn registry(&self) -> Result<Registry> {
        Ok(Registry::folder(self.folder.path().join("registry"))?)
    }

    pub(crate) fn topic(&self, base: &str) -> String {
        format!("{}{base}", self.prefix)
    }

    pub(crate) fn run(&self, args: &[&str], more: &[(&str, String)]) -> Result<Program> {
        ensure!(self.folder.path().is_dir());
        let more = more.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        Program::spawn(env!("CARGO_BIN_EXE_churn"), args, self.env.iter().cloned().chain(more))
    }

    /// Records of a topic, transaction markers included.
    pub(crate) fn end(&self, topic: &str) -> Result<i64> {
        Ok(self.ends(topic)?.into_iter().sum())
    }

    /// The same of each partition.
    pub(crate) fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        (0..PARTITIONS).map(|p| Ok(self.ask.fetch_watermarks(topic, p, Duration::from_secs(10))?.1)).collect()
    }

    /// Records of a topic that a group has committed, transaction markers included.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> Result<i64> {
        Ok(self.positions(group, topic)?.into_iter().sum())
    }

    /// The same of each partition.
    pub(crate) fn positions(&self, group: &str, topic: &str) -> Result<Vec<i64>> {
        let group = format!("{}{group}", self.prefix);
        let ask: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).set("group.id", group).create()?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range(topic, 0, PARTITIONS - 1);
        let found = ask.committed_offsets(partitions, Duration::from_secs(10))?;
        // Nothing committed is a position before the first record.
        let position = |partition: i32| {
            let found = found.find_partition(topic, partition);
            found.and_then(|found| found.offset().to_raw()).unwrap_or_default().max(0)
        };
        Ok((0..PARTITIONS).map(position).collect())
    }

    /// Lets a synthesizer run until the topic has so many events more, those of a stream of its own.
    pub(crate) async fn synthesize(&self, count: i64, stream: &str) -> Result<Measured> {
        let events = self.topic("customer-events.v1");
        let before = self.end(&events)?;
        let env = [("CHURN__SYNTHESIZER__STREAM", stream.to_owned())];
        let done = async |stack: &Self| Ok(stack.end(&events)? - before);
        Ok(self.part("synthesizer", &env, count, None, done).await?.0)
    }

    /// Lets another command run to its end.
    pub(crate) async fn command(&self, args: &[&str], more: &[(&str, String)]) -> Result<()> {
        let mut command = self.run(args, more)?;
        let status = command.wait(PATIENCE).await?;
        ensure!(status.success(), "{args:?}: {}", command.stderr());
        Ok(())
    }

    /// Runs a part until `done` reaches `count`. Processor time is the part's own, and that of the process with id `beside`.
    pub(crate) async fn part(
        &self,
        name: &str,
        env: &[(&str, String)],
        count: i64,
        beside: Option<u32>,
        mut done: impl AsyncFnMut(&Self) -> Result<i64>,
    ) -> Result<(Measured, f64)> {
        let mut part = self.run(&["run", name], env)?;
        let deadline = Instant::now() + PATIENCE;
        let mut begun = None;
        let beside_cpu = || beside.map_or(0.0, cpu::seconds_of_tree);
        loop {
            let now = done(self).await?;
            if begun.is_none() && now as f64 >= count as f64 * WARM_UP {
                begun = Some((now, Instant::now(), cpu::seconds_of_tree(part.id()), beside_cpu()));
            }
            if now >= count {
                let Some((from, start, own, other)) = begun else { bail!("the {name} was done at once") };
                let rows = usize::try_from(now - from)?;
                let measured = Measured::new(rows, start.elapsed(), cpu::seconds_of_tree(part.id()) - own);
                let other = (beside_cpu() - other) / rows as f64 * 1e6;
                part.terminate()?;
                part.wait(PATIENCE).await?;
                return Ok((measured, other));
            }
            ensure!(Instant::now() < deadline && part.is_running(), "the {name} stands still: {}", part.stderr());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) async fn stop(self) -> Result<()> {
        Ok(self.postgres.stop().await?)
    }
}

fn find_pid_file(folder: &std::path::Path) -> Result<PathBuf> {
    let inside = |path: PathBuf| Some(path.join("postmaster.pid")).filter(|file| file.exists());
    let below = std::fs::read_dir(folder)?.flatten().find_map(|entry| inside(entry.path()));
    inside(folder.to_owned()).or(below).context("the server's pid file is not there")
}
