//! Memory of the parts as processes: idle, and under full load for minutes.
//!
//! Each part is started on a private Kafka and Postgres and left alone for a while; then the synthesizer emits as fast as it can,
//! the api is asked without a pause, and every second the system is asked what each process holds. A part grows when it holds
//! more in the last fifth of the load than in the fifth after its warm-up.

mod judgement;
mod load;
pub(crate) mod memory;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use churn_testkit::{OwnKafka, OwnPostgres, Program, free_port, fresh_name, poll_until, schema_registry};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

pub use judgement::{Judgement, Limits};
use memory::Resident;

/// The parts, each as a process of its own.
const PARTS: [&str; 6] = ["sink", "scorer", "monitor", "trainer", "api", "synthesizer"];
/// One event in 1,000 s.
const IDLE_RATE: &str = "0.001";
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Parts that start all at once on a small machine.
const START: Duration = Duration::from_secs(90);

/// What to do.
#[derive(Debug, Clone)]
pub struct SoakOptions {
    /// The program under test.
    pub program: PathBuf,
    /// How long the parts are left alone first.
    pub idle: Duration,
    /// How long the load lasts.
    pub load: Duration,
    /// Events a second, or `max`.
    pub rate: String,
}

/// What came out.
#[derive(Debug)]
pub struct SoakReport {
    /// One judgement a part.
    pub parts: Vec<(String, Judgement)>,
    /// Rows stored a second under load.
    pub rows_per_second: f64,
}

/// Runs the parts, first idle and then under load. `log` gets one line for everything that happens.
///
/// # Errors
/// A server or part does not start, or a part ends before it is asked to.
pub async fn soak(options: &SoakOptions, log: &mut dyn FnMut(&str)) -> Result<SoakReport> {
    log("starting servers and parts");
    let mut stack = Stack::start(options).await?;
    log("idle");
    let idle = stack.watch(options.idle).await?;
    log("full load");
    stack.replace("synthesizer", &options.rate)?;
    let (asking, before) = (load::ask(stack.api_port), stack.rows().await?);
    let started = Instant::now();
    let load = stack.watch(options.load).await;
    let rows = stack.rows().await? - before;
    let took = started.elapsed().as_secs_f64();
    asking.abort();
    let parts = PARTS.iter().zip(idle).zip(load?);
    Ok(SoakReport {
        parts: parts.map(|((part, idle), load)| ((*part).to_owned(), Judgement::of(&idle, &load))).collect(),
        rows_per_second: rows as f64 / took,
    })
}

struct Stack {
    program: PathBuf,
    parts: Vec<Program>,
    api_port: u16,
    folder: TempDir,
    prefix: String,
    // Last, so that the parts are gone before their servers.
    kafka: OwnKafka,
    postgres: OwnPostgres,
}

impl Stack {
    async fn start(options: &SoakOptions) -> Result<Self> {
        let (kafka, postgres) = tokio::try_join!(OwnKafka::start(), OwnPostgres::start())?;
        let (folder, prefix) = (TempDir::new()?, format!("{}-", fresh_name("soak")));
        let api_port = free_port();
        let program = options.program.clone();
        let mut stack = Self { program, parts: Vec::new(), api_port, folder, prefix, kafka, postgres };
        stack.setup().await?;
        for part in PARTS {
            let process = stack.spawn(part, IDLE_RATE)?;
            stack.parts.push(process);
        }
        stack.await_members().await?;
        Ok(stack)
    }

    fn env(&self, rate: &str) -> Vec<(String, String)> {
        let pairs = [
            ("CHURN__KAFKA__BROKERS", self.kafka.kafka().bootstrap.clone()),
            ("CHURN__KAFKA__TOPIC_PREFIX", self.prefix.clone()),
            ("CHURN__SCHEMA_REGISTRY__URL", schema_registry()),
            ("CHURN__POSTGRES__URL", self.postgres.url().to_owned()),
            ("CHURN__REGISTRY__PATH", self.folder.path().join("registry").display().to_string()),
            ("CHURN__SYNTHESIZER__RATE", rate.to_owned()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    async fn setup(&self) -> Result<()> {
        let done = tokio::process::Command::new(&self.program)
            .arg("setup")
            .current_dir(self.folder.path())
            .envs(self.env(IDLE_RATE))
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("run {}", self.program.display()))?;
        ensure!(done.status.success(), "churn setup: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    fn spawn(&self, part: &str, rate: &str) -> Result<Program> {
        let port = if part == "api" { self.api_port } else { 0 };
        let mut env = self.env(rate);
        env.push(("CHURN__HTTP__LISTEN".into(), format!("127.0.0.1:{port}")));
        Program::spawn(&self.program, ["run", part], env)
    }

    /// The same part in a new process.
    fn replace(&mut self, part: &str, rate: &str) -> Result<()> {
        let place = PARTS.iter().position(|other| *other == part).context("no such part")?;
        self.parts[place].kill9()?;
        self.parts[place] = self.spawn(part, rate)?;
        Ok(())
    }

    /// Until the sink has been given its partitions, which is when the slowest part is up.
    async fn await_members(&self) -> Result<()> {
        let given = "select count(*) from churn.consumer_offset";
        let up = async || anyhow::Ok((self.count(given).await? > 0).then_some(()));
        poll_until(START, up).await.context("the sink got no partitions")
    }

    async fn rows(&self) -> Result<i64> {
        self.count("select count(*) from churn.scored_event").await
    }

    async fn count(&self, query: &'static str) -> Result<i64> {
        let mut connection = PgConnection::connect(self.postgres.url()).await?;
        let count = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(count)
    }

    /// What each part holds, second by second.
    async fn watch(&mut self, time: Duration) -> Result<Vec<Vec<Resident>>> {
        let until = Instant::now() + time;
        let mut looks = vec![Vec::new(); PARTS.len()];
        while Instant::now() < until {
            tokio::time::sleep(LOOK_EVERY).await;
            for ((part, name), looks) in self.parts.iter_mut().zip(PARTS).zip(&mut looks) {
                ensure!(part.is_running(), "the {name} has ended: {}", part.stderr());
                looks.push(memory::of(part.id()).with_context(|| format!("ask what the {name} holds"))?);
            }
        }
        Ok(looks)
    }
}
