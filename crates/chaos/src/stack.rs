//! The whole platform as separate processes on servers of its own.

mod parts;
mod servers;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use churn_registry::Registry;
use churn_testkit::{OwnKafka, OwnPostgres, fresh_name, schema_registry};
use churn_wire::{SchemaRegistry, WireConfig};
use tempfile::TempDir;

use crate::part::Part;
use crate::plan::{PoisonedTopic, Target};

/// Name of the stream.
pub(crate) const STREAM: &str = "chaos";
/// The broker's smallest: dead and paused members are noticed within seconds.
const SESSION_TIMEOUT: &str = "6s";
/// Partitions of each topic.
pub(crate) const PARTITIONS: usize = 6;
/// How often scorers look for a champion by themselves: so seldom that a model which is announced is theirs because they heard of it.
pub(crate) const MODEL_POLL: Duration = Duration::from_secs(60);
/// How long an outcome waits: long enough that some always wait when the synthesizer is killed.
const OUTCOME_DELAY: &str = "2s";

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
        let (kafka, postgres) = tokio::try_join!(OwnKafka::start(), OwnPostgres::start())?;
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

    /// All that the broker has said.
    pub(crate) fn broker_log(&self) -> Result<String> {
        self.kafka.log()
    }

    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("CHURN__KAFKA__BROKERS", self.bootstrap().to_owned()),
            ("CHURN__KAFKA__TOPIC_PREFIX", self.prefix.clone()),
            ("CHURN__KAFKA__PARTITIONS", PARTITIONS.to_string()),
            ("CHURN__KAFKA__SESSION_TIMEOUT", SESSION_TIMEOUT.into()),
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
}
