//! Postgres away, or its disk full, for minutes under load: what the parts' memory does, what they say, and how they catch up.
//!
//! The disk is a real one: a tablespace on a small tmpfs, which is made larger in the end. Mounting takes root.

mod disk;
mod findings;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use sqlx::PgConnection;

use self::disk::Disk;
pub use self::findings::{Findings, Memory};
use self::watch::Watch;
use crate::plan::{Server, Target};
use crate::stack::Stack;
use crate::topics::read_all;

/// The flow before the outage: caches are warm, memory is what it is at that load.
const WARM: Duration = Duration::from_secs(20);
/// How long the parts may take to catch up.
const PATIENCE: Duration = Duration::from_secs(600);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The server is killed, and comes back.
    Away,
    /// Its disk is full, and gets more room.
    DiskFull,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Outage {
    /// The program under test.
    pub program: PathBuf,
    /// What goes wrong.
    pub kind: Kind,
    /// For how long.
    pub time: Duration,
    /// Events a second.
    pub rate: u32,
}

/// Carries an outage out. `log` gets one line for everything that happens.
///
/// # Errors
/// A server or part does not start, the small disk cannot be mounted, or the parts do not catch up.
pub async fn outage(options: &Outage, log: &mut dyn FnMut(&str)) -> Result<Findings> {
    log("starting servers and parts");
    let stack = Stack::start(&options.program, options.rate).await?;
    let disk = match options.kind {
        Kind::Away => None,
        Kind::DiskFull => Some(Disk::mount()?),
    };
    let mut scene = Scene { stack, disk, watch: Watch::default() };
    scene.warm_up().await?;
    log("the outage begins");
    scene.begin().await?;
    let began = Instant::now();
    let over = async |_: &mut Stack| Ok(began.elapsed() >= options.time);
    scene.watch.until(&mut scene.stack, options.time * 2, "the end", over).await?;
    let seconds = began.elapsed().as_secs_f64();
    log("the outage ends");
    scene.end().await?;
    let ended = Instant::now();
    let late = scene.catch_up().await?;
    let caught_up_seconds = ended.elapsed().as_secs_f64();
    log("caught up; draining");
    let complete = scene.drain().await?;
    let Watch { memory, said, endings, .. } = scene.watch;
    let Outage { kind, rate, .. } = *options;
    Ok(Findings { kind, seconds, rate, memory, said, endings, late, caught_up_seconds, complete })
}

/// The stack, and what is broken about it.
struct Scene {
    stack: Stack,
    disk: Option<Disk>,
    watch: Watch,
}

impl Scene {
    async fn warm_up(&mut self) -> Result<()> {
        let mut connection = self.stack.connect().await?;
        let first = async |_: &mut Stack| Ok(stored(&mut connection).await? > 0);
        self.watch.until(&mut self.stack, PATIENCE, "the first rows", first).await?;
        let warm = Instant::now();
        let flowed = async |_: &mut Stack| Ok(warm.elapsed() > WARM);
        self.watch.until(&mut self.stack, PATIENCE, "the flow", flowed).await?;
        self.watch.begin();
        Ok(())
    }

    /// Returns when nothing is stored any more.
    async fn begin(&mut self) -> Result<()> {
        let Some(disk) = &self.disk else { return self.stack.kill_server(Server::Postgres).await };
        let mut connection = self.stack.connect().await?;
        disk.move_tables(&mut connection).await?;
        let mut before = -1;
        let full = async |_: &mut Stack| {
            let now = stored(&mut connection).await?;
            Ok::<_, anyhow::Error>(now == std::mem::replace(&mut before, now))
        };
        self.watch.until(&mut self.stack, PATIENCE, "the full disk", full).await
    }

    async fn end(&mut self) -> Result<()> {
        match &self.disk {
            Some(disk) => disk.grow(),
            None => self.stack.restart_server(Server::Postgres).await,
        }
    }

    /// Returns when everything is stored that was emitted until now; how much of it was missing.
    async fn catch_up(&mut self) -> Result<i64> {
        let mut connection = self.stack.connect().await?;
        let late = emitted(&self.stack)? - stored(&mut connection).await?;
        let target = emitted(&self.stack)?;
        let done = async |_: &mut Stack| Ok(stored(&mut connection).await? >= target);
        self.watch.until(&mut self.stack, PATIENCE, "what was missed", done).await?;
        Ok(late)
    }

    /// Lets the stream run out and ends the parts; whether everything was stored once.
    async fn drain(&mut self) -> Result<bool> {
        self.stack.stop_all(Target::Synthesizer).await?;
        let mut connection = self.stack.connect().await?;
        let all = emitted(&self.stack)?;
        let done = async |_: &mut Stack| Ok(stored(&mut connection).await? >= all);
        self.watch.until(&mut self.stack, PATIENCE, "the last rows", done).await?;
        let complete = stored(&mut connection).await? == all;
        for target in [Target::Scorer(0), Target::Sink(0), Target::Monitor, Target::Trainer, Target::Api] {
            self.stack.stop_all(target).await?;
        }
        Ok(complete)
    }
}

/// Rows and outcomes that are stored.
async fn stored(connection: &mut PgConnection) -> Result<i64> {
    let query = "select (select count(*) from churn.scored_event) + (select count(*) from churn.outcome)";
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}

/// Events and outcomes that are committed.
fn emitted(stack: &Stack) -> Result<i64> {
    let (events, _, outcomes) = stack.topics();
    let count = |topic: &String| -> Result<usize> { Ok(read_all(stack.bootstrap(), topic)?.len()) };
    Ok(i64::try_from(count(&events)? + count(&outcomes)?)?)
}
