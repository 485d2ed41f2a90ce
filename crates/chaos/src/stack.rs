//! The whole platform as separate processes on servers of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use churn_registry::Registry;
use churn_testkit::{OwnKafka, OwnPostgres, fresh_name, poll_until, schema_registry};
use churn_wire::{SchemaRegistry, WireConfig};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::part::{Ended, Part, Recipe};
use crate::plan::{PoisonedTopic, Server, Target};

/// Name of the stream.
pub(crate) const STREAM: &str = "chaos";
/// The broker's smallest: dead and paused members are noticed within seconds.
const SESSION_TIMEOUT: &str = "6s";
/// Longer than a killed broker is ever away: its controller lets it back no sooner than after the 18 s that it bears with a silent one. What
/// Kafka does to transactions that time out just then is a fault of its own (docs/guarantees.md), and would be taken for ours.
const TRANSACTION_TIMEOUT: &str = "60s";
/// Partitions of each topic.
pub(crate) const PARTITIONS: usize = 6;
/// How often scorers look for a champion by themselves: so seldom that a model which is announced is theirs because they heard of it.
pub(crate) const MODEL_POLL: Duration = Duration::from_secs(60);
/// How long an outcome waits: long enough that some always wait when the synthesizer is killed.
const OUTCOME_DELAY: &str = "2s";
/// Trainings that are short, begin at once, only when they are asked for, and are taken up soon by the successor of a trainer that died.
const TRAINER: [(&str, &str); 5] = [
    ("CHURN__TRAINER__BUDGET", "1s"),
    ("CHURN__TRAINER__SCHEDULE", ""),
    ("CHURN__TRAINER__DEBOUNCE", "100ms"),
    ("CHURN__TRAINER__COOLDOWN", "0s"),
    ("CHURN__TRAINER__LEASE", "5s"),
];
/// Connections that end all others name themselves so, to spare themselves.
const OPERATOR: &str = "chaos-operator";
/// A database that recovers from a crash on a busy machine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// How long a broker may take to name itself.
const LOOK: Duration = Duration::from_secs(2);

/// Servers, parts and where they keep things.
#[derive(Debug)]
pub(crate) struct Stack {
    program: PathBuf,
    folder: TempDir,
    kafka: OwnKafka,
    postgres: OwnPostgres,
    prefix: String,
    rate: u32,
    parts: Vec<Part>,
    started: usize,
}

impl Stack {
    /// Starts the servers, sets them up and starts the parts: one synthesizer, two scorers, two sinks, and one each of the monitor, the
    /// trainer (where the program has one) and the api.
    ///
    /// # Errors
    /// A server or a part cannot be started; `churn setup` fails.
    pub(crate) async fn start(program: &Path, rate: u32) -> Result<Self> {
        let (kafka, postgres) = tokio::try_join!(OwnKafka::start_patient(), OwnPostgres::start())?;
        let folder = TempDir::new()?;
        let prefix = format!("{}-", fresh_name("chaos"));
        let program = program.to_owned();
        let mut stack = Self { program, folder, kafka, postgres, prefix, rate, parts: Vec::new(), started: 0 };
        stack.command(&["setup"]).await?;
        for target in
            [Target::Sink(0), Target::Sink(1), Target::Scorer(0), Target::Scorer(1), Target::Monitor, Target::Api]
        {
            stack.add(target)?;
        }
        if stack.knows(Target::Trainer).await? {
            stack.add(Target::Trainer)?;
        }
        stack.add(Target::Synthesizer)?;
        Ok(stack)
    }

    /// What parts and commands run from now on; those that run already go on.
    pub(crate) fn use_program(&mut self, program: &Path) {
        program.clone_into(&mut self.program);
    }

    /// Whether the program has such a part.
    pub(crate) async fn knows(&self, target: Target) -> Result<bool> {
        let mut asked = tokio::process::Command::new(&self.program);
        asked.args(["run", &target.to_string(), "--help"]).stdin(Stdio::null());
        let asked = asked.output().await.with_context(|| format!("run {}", self.program.display()))?;
        Ok(asked.status.success())
    }

    /// Runs a command of the program to its end; what it printed.
    pub(crate) async fn command(&self, args: &[&str]) -> Result<String> {
        let done = tokio::process::Command::new(&self.program)
            .args(args)
            .current_dir(self.folder.path())
            .envs(self.env())
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("run {}", self.program.display()))?;
        ensure!(done.status.success(), "churn {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// A folder of this run's own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("CHURN__KAFKA__BROKERS", self.bootstrap().to_owned()),
            ("CHURN__KAFKA__TOPIC_PREFIX", self.prefix.clone()),
            ("CHURN__KAFKA__PARTITIONS", PARTITIONS.to_string()),
            ("CHURN__KAFKA__SESSION_TIMEOUT", SESSION_TIMEOUT.into()),
            ("CHURN__KAFKA__TRANSACTION_TIMEOUT", TRANSACTION_TIMEOUT.into()),
            ("CHURN__SCHEMA_REGISTRY__URL", schema_registry()),
            ("CHURN__POSTGRES__URL", self.postgres.url().to_owned()),
            ("CHURN__REGISTRY__PATH", self.registry_path().display().to_string()),
            ("CHURN__HTTP__LISTEN", "127.0.0.1:0".into()),
            ("CHURN__SYNTHESIZER__STREAM", STREAM.into()),
            ("CHURN__SYNTHESIZER__RATE", self.rate.to_string()),
            ("CHURN__SYNTHESIZER__OUTCOME_DELAY", OUTCOME_DELAY.into()),
            ("CHURN__SCORER__MODEL_POLL", format!("{}s", MODEL_POLL.as_secs())),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn registry_path(&self) -> PathBuf {
        self.folder.path().join("registry")
    }

    pub(crate) fn registry(&self) -> Result<Registry> {
        Ok(Registry::folder(self.registry_path())?)
    }

    pub(crate) fn schemas(&self) -> Result<SchemaRegistry> {
        Ok(SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })?)
    }

    pub(crate) fn bootstrap(&self) -> &str {
        &self.kafka.kafka().bootstrap
    }

    pub(crate) fn postgres(&self) -> &str {
        self.postgres.url()
    }

    /// Events, scores and outcomes.
    pub(crate) fn topics(&self) -> (String, String, String) {
        let name = |topic| format!("{}{topic}", self.prefix);
        (name("customer-events.v1"), name("customer-scores.v1"), name("customer-outcomes.v1"))
    }

    /// Requests for a new model.
    pub(crate) fn requests(&self) -> String {
        format!("{}retrain-requests.v1", self.prefix)
    }

    pub(crate) fn poisoned(&self, topic: PoisonedTopic) -> String {
        let (events, scores, outcomes) = self.topics();
        match topic {
            PoisonedTopic::Events => events,
            PoisonedTopic::Scores => scores,
            PoisonedTopic::Outcomes => outcomes,
        }
    }

    pub(crate) fn parts(&mut self) -> &mut [Part] {
        &mut self.parts
    }

    /// The part that a target means at the moment.
    pub(crate) fn part(&mut self, target: Target) -> Option<&mut Part> {
        let mut same: Vec<&mut Part> = self.parts.iter_mut().filter(|part| part.is(target)).collect();
        let pick = match target {
            Target::Scorer(pick) | Target::Sink(pick) => pick % same.len().max(1),
            Target::Synthesizer | Target::Monitor | Target::Trainer | Target::Api => 0,
        };
        (pick < same.len()).then(|| same.swap_remove(pick))
    }

    pub(crate) fn add(&mut self, target: Target) -> Result<String> {
        let part = match target {
            Target::Synthesizer => "synthesizer",
            Target::Scorer(_) => "scorer",
            Target::Sink(_) => "sink",
            Target::Monitor => "monitor",
            Target::Trainer => "trainer",
            Target::Api => "api",
        };
        let number = self.started;
        self.started += 1;
        let mut env = self.env();
        // A part that is started again keeps its id, another one never has it.
        env.push(("CHURN__SCORER__TRANSACTIONAL_ID".into(), format!("scorer-{number}")));
        if target == Target::Trainer {
            env.extend(TRAINER.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
        let part = Part::start(Recipe { program: self.program.clone(), part, env }, number)?;
        let name = part.name();
        self.parts.push(part);
        Ok(name)
    }

    /// The part of a kind that was added last.
    pub(crate) fn youngest(&mut self, target: Target) -> Option<&mut Part> {
        match target {
            Target::Api => self.parts.iter_mut().filter(|part| part.is(target)).max_by_key(|part| part.number()),
            _ => self.part(target),
        }
    }

    /// Ends the part of this number for good.
    pub(crate) async fn end(&mut self, number: usize) -> Result<Ended> {
        match self.parts.iter().position(|part| part.number() == number) {
            Some(place) => self.parts.remove(place).stop().await,
            None => Ok(Ended::InTime),
        }
    }

    /// One part less, unless it is the last of its kind.
    pub(crate) async fn remove(&mut self, target: Target) -> Result<Ended> {
        if self.parts.iter().filter(|part| part.is(target)).count() < 2 {
            return Ok(Ended::InTime);
        }
        let Some(number) = self.part(target).map(|part| part.number()) else { return Ok(Ended::InTime) };
        let Some(place) = self.parts.iter().position(|part| part.number() == number) else { return Ok(Ended::InTime) };
        self.parts.swap_remove(place).stop().await
    }

    /// Ends all parts of a kind in order; the others go on.
    pub(crate) async fn stop_all(&mut self, target: Target) -> Result<Vec<Ended>> {
        let mut ended = Vec::new();
        for part in self.parts.iter_mut().filter(|part| part.is(target)) {
            ended.push(part.finish().await?);
        }
        self.parts.retain(|part| !part.is(target));
        Ok(ended)
    }

    pub(crate) async fn kill_server(&self, server: Server) -> Result<()> {
        match server {
            Server::Kafka => self.kafka.kill9().await,
            Server::Postgres => self.postgres.kill9().await,
        }
    }

    pub(crate) fn stall_broker(&self) -> Result<()> {
        self.kafka.pause()
    }

    /// Returns when the broker names itself to new clients again.
    pub(crate) async fn resume_broker(&self) -> Result<()> {
        self.kafka.resume()?;
        poll_until(CONNECT_PATIENCE, || names_brokers(self.bootstrap().to_owned())).await.context("wake the broker up")
    }

    /// Returns when it accepts connections again.
    pub(crate) async fn restart_server(&self, server: Server) -> Result<()> {
        match server {
            Server::Kafka => self.kafka.restart().await,
            Server::Postgres => self.postgres.restart().await,
        }
    }

    /// Connections to it are those that [`Self::end_backends`] spares.
    pub(crate) fn operator_url(&self) -> String {
        format!("{}?application_name={OPERATOR}", self.postgres())
    }

    /// A connection that [`Self::end_backends`] spares.
    pub(crate) async fn connect(&self) -> Result<PgConnection> {
        let url = self.operator_url();
        poll_until(CONNECT_PATIENCE, || async { PgConnection::connect(&url).await.map(Some) }).await
    }

    /// Ends every connection of the parts.
    pub(crate) async fn end_backends(&self) -> Result<()> {
        let mut connection = self.connect().await?;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where backend_type = 'client backend' and application_name <> $1",
        )
        .bind(OPERATOR)
        .execute(&mut connection)
        .await
        .context("end the parts' connections")?;
        Ok(())
    }
}

/// Whether a broker there tells a client that was never there of a broker.
async fn names_brokers(bootstrap: String) -> Result<bool> {
    let look = move || -> Result<bool> {
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
        Ok(!client.fetch_metadata(None, LOOK)?.brokers().is_empty())
    };
    tokio::task::spawn_blocking(look).await?
}
