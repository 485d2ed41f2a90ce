//! A run from start to verdict.

mod callers;
mod restore;
mod rollout;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use churn_domain::csv::{ReadOptions, read};
use churn_registry::{Draft, Kind, Promotion, Registry, Version};
use serde::Serialize;
use serde_json::Map;
use sqlx::PgConnection;

use self::callers::Callers;
use crate::collect::collect;
use crate::history::LetterFact;
use crate::models::Recomputed;
use crate::oracle::{Verdict, judge};
use crate::part::Ended;
use crate::plan::{Fault, Plan, Server, Target};
use crate::stack::{STREAM, Stack};
use crate::topics::{poison, read_all};
use crate::watch::Watch;

/// Time between two looks at parts, pauses and positions.
const TICK: Duration = Duration::from_millis(200);
/// The flow must be seen before the first fault, and its end may take so long without any progress.
const STILL: Duration = Duration::from_secs(90);
/// Models beside the first one, to be promoted in turns.
const MORE_MODELS: usize = 2;
/// The configuration's default, which the parts use.
const RETURNING_SHARE: f64 = 0.2;
const SEED_OF_STREAM: u64 = 7;

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program under test.
    pub program: PathBuf,
    /// Real customers with their label, as CSV: what the further models are trained on.
    pub customers: PathBuf,
    /// Seed of the faults.
    pub seed: u64,
    /// Their number.
    pub faults: usize,
    /// Events a second.
    pub rate: u32,
    /// Programs that take the running one's place after the faults, one rollout each.
    pub roll: Vec<PathBuf>,
    /// Whether one of the programs is of a version that gave no reasons.
    pub reasonless: bool,
    /// Whether the database is lost and restored from a backup, last of all.
    pub restore: bool,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Seed of the faults.
    pub seed: u64,
    /// Faults carried out.
    pub faults: usize,
    /// Parts replaced by rollouts.
    pub rolled: usize,
    /// Requests that the api answered meanwhile.
    pub answered: u64,
    /// Times that a part ended by itself and was started again.
    pub endings: usize,
    /// Records of nonsense that were put into topics.
    pub poisoned: usize,
    /// Longest time without progress although nothing was broken, seconds.
    pub longest_still_seconds: f64,
    /// Seconds that the run took.
    pub seconds: f64,
    /// The judgement.
    pub verdict: Verdict,
}

/// Carries out a plan and judges what is left. `log` gets one line for everything that happens.
///
/// # Errors
/// The run cannot be judged: a server or part does not start, the flow never begins or never ends.
pub async fn run(options: &Options, log: &mut dyn FnMut(&str)) -> Result<Report> {
    let plan = Plan::draw(options.seed, options.faults);
    let started = Instant::now();
    log("starting servers and parts");
    let stack = Stack::start(&options.program, options.rate).await?;
    let versions = more_models(options, &stack.registry()?).await?;
    let mut run = Run {
        stack,
        versions,
        promotions: 0,
        watch: Watch::new(),
        away: Vec::new(),
        poison: Vec::new(),
        endings: 0,
        hung: 0,
        rolled: 0,
        callers: None,
        answered: 0,
        refused: 0,
        started,
        log,
    };
    run.await_flow().await?;
    for step in &plan.steps {
        run.pass(step.after).await?;
        run.say(&step.fault.to_string());
        run.inject(step.fault).await.with_context(|| step.fault.to_string())?;
    }
    run.rollouts(options).await?;
    if options.restore {
        run.lose_and_restore().await.context("restore the database")?;
    }
    run.drain().await?;
    run.judge(options).await
}

struct Run<'a> {
    stack: Stack,
    versions: Vec<Version>,
    promotions: usize,
    watch: Watch,
    /// Servers that are away, and until when.
    away: Vec<Away>,
    poison: Vec<LetterFact>,
    endings: usize,
    hung: u64,
    rolled: usize,
    callers: Option<Callers>,
    answered: u64,
    refused: u64,
    started: Instant,
    log: &'a mut dyn FnMut(&str),
}

/// A server that is away.
#[derive(Debug, Clone, Copy)]
struct Away {
    server: Server,
    until: Instant,
    /// It was stopped in its tracks, not killed.
    stalled: bool,
}

impl Run<'_> {
    fn say(&mut self, what: &str) {
        (self.log)(&format!("{:7.1} s  {what}", self.started.elapsed().as_secs_f64()));
    }

    /// Lets time go by, and does what an orchestrator does meanwhile.
    async fn pass(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            self.tick().await?;
            if Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(TICK.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }

    async fn tick(&mut self) -> Result<()> {
        let mut said = Vec::new();
        for part in self.stack.parts() {
            said.extend(part.tend()?);
        }
        self.endings += said.len();
        said.iter().for_each(|line| self.say(line));
        let now = Instant::now();
        let back: Vec<Away> = self.away.iter().filter(|away| away.until <= now).copied().collect();
        for Away { server, stalled, .. } in back {
            if stalled {
                self.stack.resume_broker().await?;
            } else {
                self.stack.restart_server(server).await?;
            }
            self.away.retain(|away| away.server != server);
            self.say(&format!("{server:?} is back"));
        }
        let broken = !self.away.is_empty() || self.stack.parts().iter().any(|part| part.is_held());
        self.watch.look(&self.stack, broken).await;
        Ok(())
    }

    async fn await_flow(&mut self) -> Result<()> {
        let mut first = None;
        while first.is_none() {
            self.pass(TICK).await?;
            let rows = self.count("select count(*) from churn.scored_event").await?;
            first = (rows > 0).then_some(rows);
            if first.is_none() && self.started.elapsed() > STILL * 2 {
                bail!("no row was stored within {} s", (STILL * 2).as_secs());
            }
        }
        self.say("events flow");
        Ok(())
    }

    /// Each program of the options takes its turn, when nothing is broken any more.
    async fn rollouts(&mut self, options: &Options) -> Result<()> {
        if options.roll.is_empty() {
            return Ok(());
        }
        self.mend().await?;
        self.complete().await?;
        let mut seen = vec![&options.program];
        for program in &options.roll {
            let new = !seen.contains(&program);
            self.roll(program, new).await.with_context(|| format!("roll out {}", program.display()))?;
            seen.push(program);
        }
        Ok(())
    }

    async fn inject(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill(target) => {
                if let Some(part) = self.stack.part(target) {
                    part.kill()?;
                }
            }
            Fault::Restart(target) => {
                if let Some(part) = self.stack.part(target) {
                    let ended = part.restart().await?;
                    self.note(ended);
                }
            }
            Fault::Pause(target, time) => {
                if let Some(part) = self.stack.part(target) {
                    part.pause(time)?;
                }
            }
            Fault::Add(target) => {
                self.stack.add(target)?;
            }
            Fault::Remove(target) => {
                let ended = self.stack.remove(target).await?;
                self.note(ended);
            }
            Fault::KillServer(server, time) => self.kill_server(server, time).await?,
            Fault::StallBroker(time) => self.stall_broker(time)?,
            // A server that is away has no connections.
            Fault::EndBackends if self.is_away(Server::Postgres) => {}
            Fault::EndBackends => self.stack.end_backends().await?,
            Fault::FullQueue(time) => {
                for part in self.stack.parts().iter_mut().filter(|part| part.is(Target::Sink(0))) {
                    part.pause(time)?;
                }
            }
            Fault::Poison(topic, records) => {
                self.bring_back(Server::Kafka).await?;
                let (topic, salt) = (self.stack.poisoned(topic), self.poison.len());
                self.poison.extend(poison(self.stack.bootstrap(), &topic, records, salt).await?);
            }
            Fault::Promote => self.promote().await?,
        }
        Ok(())
    }

    async fn stop_all(&mut self, target: Target) -> Result<()> {
        let ended = self.stack.stop_all(target).await?;
        ended.into_iter().for_each(|ended| self.note(ended));
        Ok(())
    }

    fn note(&mut self, ended: Ended) {
        if let Ended::Hung(what) = ended {
            self.hung += 1;
            self.say(&what);
        }
    }

    fn is_away(&self, server: Server) -> bool {
        self.away.iter().any(|away| away.server == server)
    }

    async fn kill_server(&mut self, server: Server, time: Duration) -> Result<()> {
        if !self.is_away(server) {
            self.stack.kill_server(server).await?;
            self.away.push(Away { server, until: Instant::now() + time, stalled: false });
        }
        Ok(())
    }

    fn stall_broker(&mut self, time: Duration) -> Result<()> {
        if !self.is_away(Server::Kafka) {
            self.stack.stall_broker()?;
            self.away.push(Away { server: Server::Kafka, until: Instant::now() + time, stalled: true });
        }
        Ok(())
    }

    async fn bring_back(&mut self, server: Server) -> Result<()> {
        while self.is_away(server) {
            self.pass(TICK).await?;
        }
        Ok(())
    }

    async fn promote(&mut self) -> Result<()> {
        let registry = self.stack.registry()?;
        let champion = registry.champion(Kind::Model).await?.context("there is no champion")?;
        self.promotions += 1;
        let others: Vec<Version> = self.versions.iter().copied().filter(|v| *v != champion.version).collect();
        let version = others[self.promotions % others.len()];
        registry.promote(&promotion(version), Some(&champion)).await?;
        Ok(())
    }

    /// Lets every fault end.
    async fn mend(&mut self) -> Result<()> {
        while !self.away.is_empty() || self.stack.parts().iter().any(|part| part.is_held()) {
            self.pass(TICK).await?;
        }
        Ok(())
    }

    /// Lets every fault end, stops the source, and waits until everything that was emitted is stored.
    async fn drain(&mut self) -> Result<()> {
        self.mend().await?;
        self.pass(Duration::from_secs(2)).await?;
        let (answered, refused) = self.callers.take().map_or((0, 0), Callers::end);
        (self.answered, self.refused) = (answered, refused);
        self.say("draining");
        self.stop_all(Target::Synthesizer).await?;
        let (events, _, outcomes) = self.stack.topics();
        let good = |topic: &String| -> Result<usize> {
            let poison = self.poison.iter().filter(|letter| letter.topic == *topic).count();
            Ok(read_all(self.stack.bootstrap(), topic)?.len() - poison)
        };
        let emitted = i64::try_from(good(&events)? + good(&outcomes)?)?;
        let stored = "select (select count(*) from churn.scored_event) + (select count(*) from churn.outcome)";
        while self.count(stored).await? < emitted {
            self.pass(TICK).await?;
            if self.watch.still() > STILL {
                // What is missing is for the oracle to name.
                self.say("no progress any more");
                break;
            }
        }
        // What would be stored twice, or late dead letters, must have had the time to.
        self.pass(Duration::from_secs(3)).await?;
        for target in [Target::Scorer(0), Target::Sink(0), Target::Monitor, Target::Trainer, Target::Api] {
            self.stop_all(target).await?;
        }
        self.say("all parts have ended");
        Ok(())
    }

    async fn judge(mut self, options: &Options) -> Result<Report> {
        let (mut history, events) = collect(&self.stack, std::mem::take(&mut self.poison)).await?;
        history.reasonless = options.reasonless;
        let registry = self.stack.registry()?;
        let truth = Recomputed::new(&registry, STREAM, SEED_OF_STREAM, RETURNING_SHARE, &events).await?;
        let mut verdict = judge(&history, &truth);
        verdict.stalled = self.watch.stalls;
        verdict.hung = self.hung;
        verdict.refused = self.refused;
        Ok(Report {
            seed: options.seed,
            faults: options.faults,
            rolled: self.rolled,
            answered: self.answered,
            endings: self.endings,
            poisoned: history.poison.len(),
            longest_still_seconds: self.watch.longest.as_secs_f64(),
            seconds: self.started.elapsed().as_secs_f64(),
            verdict,
        })
    }

    async fn count(&self, query: &'static str) -> Result<i64> {
        let mut connection: PgConnection = self.stack.connect().await?;
        Ok(sqlx::query_scalar(query).fetch_one(&mut connection).await?)
    }
}

/// Publishes models that differ from the first one, each trained on another part of the customers.
async fn more_models(options: &Options, registry: &Registry) -> Result<Vec<Version>> {
    let first = registry.champion(Kind::Model).await?.context("setup left no champion")?;
    let text =
        std::fs::read_to_string(&options.customers).with_context(|| format!("read {}", options.customers.display()))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut versions = vec![first.version];
    for number in 1..=MORE_MODELS {
        let part = lines.iter().enumerate().filter(|(line, _)| *line == 0 || line % (MORE_MODELS + 1) != number);
        let part: String = part.map(|(_, line)| format!("{line}\n")).collect();
        let customers = read(part.as_bytes(), ReadOptions::default())?;
        let trained = churn_learn::train(&customers, &churn_learn::TrainParams::default(), &mut |_| {})?;
        let draft = Draft {
            kind: Kind::Model,
            created_at_ms: now_ms(),
            created_by: "chaos".into(),
            params: Map::new(),
            lineage: Map::new(),
            metrics: Map::new(),
            decision: None,
            files: trained.artifact.to_files()?,
        };
        versions.push(registry.publish(draft).await?.manifest.version);
    }
    Ok(versions)
}

fn promotion(version: Version) -> Promotion {
    Promotion {
        kind: Kind::Model,
        version,
        by: "chaos".into(),
        reason: "a fault of the plan".into(),
        overridden: Some("a fault asks no gate".into()),
        at_ms: now_ms(),
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Report {
    /// One line: the verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = &self.verdict;
        write!(
            f,
            "{}: seed {}, {} faults, {} parts replaced, {} events, {} rows: lost {}, doubled {}, invented {}, changed {}, reordered {}, hung {}, refused {} of {} requests, stalled {} (longest {:.1} s)",
            if v.is_good() { "exactly once" } else { "VIOLATED" },
            self.seed,
            self.faults,
            self.rolled,
            v.events,
            v.rows,
            v.lost,
            v.doubled,
            v.invented,
            v.changed,
            v.reordered,
            v.hung,
            v.refused,
            v.refused + self.answered,
            v.stalled,
            self.longest_still_seconds
        )
    }
}
