//! A run from start to verdict.

mod beside;
mod callers;
mod faults;
mod promotions;
mod report;
mod restore;
mod rollout;
mod versions;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use churn_registry::Version;
use sqlx::PgConnection;

use self::callers::Callers;
pub use self::report::{Options, Report};
use self::versions::more_models;
use crate::collect::collect;
use crate::flow::FaultId;
use crate::history::LetterFact;
use crate::models::Recomputed;
use crate::oracle::judge;
use crate::part::Ended;
use crate::plan::{Plan, Server, Target};
use crate::stack::{STREAM, Stack};
use crate::topics::read_all;
use crate::watch::Watch;

/// Time between two looks at parts, pauses and positions.
const TICK: Duration = Duration::from_millis(200);
/// The flow must be seen before the first fault, and its end may take so long without any progress.
const STILL: Duration = Duration::from_secs(90);
/// The configuration's default, which the parts use.
const RETURNING_SHARE: f64 = 0.2;
const SEED_OF_STREAM: u64 = 7;

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
    let watch = Watch::new(&stack);
    let mut run = Run {
        stack,
        versions,
        promotions: 0,
        unheard: 0,
        watch,
        away: Vec::new(),
        poison: Vec::new(),
        endings: 0,
        hung: 0,
        rolled: 0,
        callers: None,
        api_hit: None,
        trainings: 0,
        unanswered: 0,
        answered: 0,
        refused: 0,
        started,
        log,
    };
    run.await_flow().await?;
    run.call().await?;
    for step in &plan.steps {
        run.pass(step.after).await?;
        run.say(&step.fault.to_string());
        run.inject(step.fault).await.with_context(|| step.fault.to_string())?;
    }
    run.await_answers().await?;
    run.await_resumption().await?;
    if !plan.steps.is_empty() {
        run.announce().await.context("promote a model when the faults are over")?;
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
    /// Promotions that were announced when nothing was broken, and not taken up in time.
    unheard: u64,
    watch: Watch,
    /// Servers that are away, and until when.
    away: Vec<Away>,
    poison: Vec<LetterFact>,
    endings: usize,
    hung: u64,
    rolled: usize,
    callers: Option<Callers>,
    /// Since when a fault holds the api.
    api_hit: Option<Instant>,
    /// Requests for a new model, and those without an answer.
    trainings: u64,
    unanswered: u64,
    answered: u64,
    refused: u64,
    started: Instant,
    log: &'a mut dyn FnMut(&str),
}

/// A server that is away.
#[derive(Debug, Clone, Copy)]
struct Away {
    server: Server,
    fault: FaultId,
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
        for line in said {
            self.say(&line);
            let what = line.split(':').next().unwrap_or_default();
            let fault = self.watch.begin(what, false);
            self.watch.end(fault);
        }
        let now = Instant::now();
        let back: Vec<Away> = self.away.iter().filter(|away| away.until <= now).copied().collect();
        for Away { server, fault, stalled, .. } in back {
            if stalled {
                self.stack.resume_broker().await?;
            } else {
                self.stack.restart_server(server).await?;
            }
            self.away.retain(|away| away.server != server);
            self.watch.end(fault);
            self.say(&format!("{server:?} is back"));
        }
        self.call_again().await?;
        for resumption in self.watch.follow(self.stack.parts()) {
            self.say(&resumption.to_string());
        }
        Ok(())
    }

    /// Lets every fault end, and waits until the flow has resumed after each, or did not in time.
    async fn await_resumption(&mut self) -> Result<()> {
        self.mend().await?;
        self.pass(TICK).await?;
        while self.watch.is_awaited() {
            self.pass(TICK).await?;
        }
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
        let mut seen = vec![&options.program];
        for program in &options.roll {
            let new = !seen.contains(&program);
            self.roll(program, new).await.with_context(|| format!("roll out {}", program.display()))?;
            seen.push(program);
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

    /// Lets every fault end.
    async fn mend(&mut self) -> Result<()> {
        while !self.away.is_empty() || self.api_hit.is_some() || self.stack.parts().iter().any(|part| part.is_held()) {
            self.pass(TICK).await?;
        }
        Ok(())
    }

    /// Lets every fault end, stops the source, and waits until everything that was emitted is stored.
    async fn drain(&mut self) -> Result<()> {
        self.await_resumption().await?;
        self.pass(Duration::from_secs(2)).await?;
        for left in self.watch.finish() {
            self.say(&left.to_string());
        }
        let (answered, refused, heard) = self.callers.take().map_or((0, 0, Vec::new()), Callers::end);
        (self.answered, self.refused) = (answered, refused);
        heard.iter().for_each(|what| self.say(&format!("refused: {what}")));
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
        history.mixed = options.roll.iter().any(|program| *program != options.program);
        let registry = self.stack.registry()?;
        let truth = Recomputed::new(&registry, STREAM, SEED_OF_STREAM, RETURNING_SHARE, &events).await?;
        let mut verdict = judge(&history, &truth);
        verdict.stalled = self.watch.stalls();
        verdict.unheard = self.unheard;
        verdict.hung = self.hung;
        verdict.refused = self.refused;
        verdict.unanswered = self.unanswered;
        if !verdict.is_good() {
            self.keep_broker_log(options.seed)?;
        }
        Ok(Report {
            seed: options.seed,
            faults: options.faults,
            rolled: self.rolled,
            answered: self.answered,
            trainings: self.trainings,
            endings: self.endings,
            poisoned: history.poison.len(),
            slowest: self.watch.slowest(),
            seconds: self.started.elapsed().as_secs_f64(),
            verdict,
        })
    }

    /// A violation may be the broker's own, of which nothing is left but what it said.
    fn keep_broker_log(&mut self, seed: u64) -> Result<()> {
        let file = std::env::temp_dir().join(format!("churn-chaos-{seed}-kafka.log"));
        std::fs::write(&file, self.stack.broker_log()?).with_context(|| format!("write {}", file.display()))?;
        self.say(&format!("what the broker said is in {}", file.display()));
        Ok(())
    }

    async fn count(&self, query: &'static str) -> Result<i64> {
        let mut connection: PgConnection = self.stack.connect().await?;
        Ok(sqlx::query_scalar(query).fetch_one(&mut connection).await?)
    }
}
