//! Postgres away, or its disk full, for minutes under load: what the parts' memory does, what they say, and how they catch up.
//!
//! The disk is a real one: a tablespace on a small tmpfs, which is made larger in the end. Mounting takes root.

mod disk;
mod findings;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use churn_testkit::http_client;
use serde::Serialize;
use sqlx::PgConnection;

use self::disk::Disk;
use self::findings::blames_postgres;
pub use self::findings::{Findings, Memory};
use crate::part::Part;
use crate::plan::{Server, Target};
use crate::soak::memory;
use crate::stack::Stack;
use crate::topics::read_all;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
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
    let mut stack = Stack::start(&options.program, options.rate).await?;
    let disk = match options.kind {
        Kind::Away => None,
        Kind::DiskFull => Some(Disk::mount()?),
    };
    let mut watch = Watch::default();
    let mut connection = stack.connect().await?;
    watch.until(&mut stack, PATIENCE, "the first rows", async |_| Ok(stored(&mut connection).await? > 0)).await?;
    let warm = Instant::now();
    watch.until(&mut stack, PATIENCE, "the flow", async |_| Ok(warm.elapsed() > WARM)).await?;
    watch.begin();
    log("the outage begins");
    if let Some(disk) = &disk {
        disk.move_tables(&mut connection).await?;
        let mut before = -1;
        let full = async |_: &mut Stack| {
            let now = stored(&mut connection).await?;
            Ok::<_, anyhow::Error>(now == std::mem::replace(&mut before, now))
        };
        watch.until(&mut stack, PATIENCE, "the full disk", full).await?;
    } else {
        stack.kill_server(Server::Postgres).await?;
    }
    let began = Instant::now();
    watch.until(&mut stack, options.time * 2, "the end", async |_| Ok(began.elapsed() >= options.time)).await?;
    let seconds = began.elapsed().as_secs_f64();
    log("the outage ends");
    match &disk {
        Some(disk) => disk.grow()?,
        None => stack.restart_server(Server::Postgres).await?,
    }
    let ended = Instant::now();
    let mut connection = stack.connect().await?;
    let missing = emitted(&stack)? - stored(&mut connection).await?;
    let target = emitted(&stack)?;
    watch
        .until(&mut stack, PATIENCE, "what was missed", async |_| Ok(stored(&mut connection).await? >= target))
        .await?;
    let caught_up_seconds = ended.elapsed().as_secs_f64();
    log("caught up; draining");
    stack.stop_all(Target::Synthesizer).await?;
    let all = emitted(&stack)?;
    watch.until(&mut stack, PATIENCE, "the last rows", async |_| Ok(stored(&mut connection).await? >= all)).await?;
    let complete = stored(&mut connection).await? == all;
    for target in [Target::Scorer(0), Target::Sink(0), Target::Monitor, Target::Trainer, Target::Api] {
        stack.stop_all(target).await?;
    }
    drop(stack);
    Ok(Findings {
        kind: options.kind,
        seconds,
        rate: options.rate,
        memory: watch.memory,
        said: watch.said,
        endings: watch.endings,
        late: missing,
        caught_up_seconds,
        complete,
    })
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

/// Looks at the parts once a second.
#[derive(Debug, Default)]
struct Watch {
    memory: Vec<Memory>,
    said: String,
    endings: usize,
    begun: bool,
}

impl Watch {
    /// From here on the parts' memory counts.
    fn begin(&mut self) {
        self.begun = true;
    }

    async fn until(
        &mut self,
        stack: &mut Stack,
        patience: Duration,
        what: &str,
        mut done: impl AsyncFnMut(&mut Stack) -> Result<bool>,
    ) -> Result<()> {
        let start = Instant::now();
        while !done(stack).await.with_context(|| format!("wait for {what}"))? {
            ensure!(start.elapsed() < patience, "{what} did not come within {} s", patience.as_secs());
            for part in stack.parts() {
                self.endings += usize::from(part.tend()?.is_some());
                self.look(part).await;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn look(&mut self, part: &Part) {
        // One that has just ended holds nothing.
        let looked = part.process().and_then(|process| memory::of(process.id()).ok());
        let Some(resident) = looked.map(|resident| resident.all) else { return };
        let name = part.name();
        match self.memory.iter_mut().find(|memory| memory.part == name) {
            Some(memory) if self.begun => memory.most = memory.most.max(resident),
            Some(memory) => (memory.before, memory.most) = (resident, resident),
            None => self.memory.push(Memory { part: name, before: resident, most: resident }),
        }
        if self.begun
            && !blames_postgres(&self.said)
            && part.is(Target::Sink(0))
            && let Some(said) = readiness(part).await
        {
            self.said = said;
        }
    }
}

/// What a part that is not ready says of it.
async fn readiness(part: &Part) -> Option<String> {
    let said = part.process()?.stderr();
    let line = said.lines().find(|line| line.contains("admin server listens"))?;
    let port: String = line.split("127.0.0.1:").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    let answer = http_client().get(format!("http://127.0.0.1:{port}/readyz")).send().await.ok()?;
    if answer.status().as_u16() == 200 { None } else { answer.text().await.ok() }
}
