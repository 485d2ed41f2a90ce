//! One part as a process, started again when it ends, as an orchestrator would.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use churn_testkit::Program;

use crate::plan::Target;

/// A part that ends by itself comes back after this time.
const RESTART_AFTER: Duration = Duration::from_millis(500);
/// How long a part may take to end when it is asked to; its own grace time is 30 s.
const GRACE: Duration = Duration::from_secs(45);
/// How often a part may be started to finish what is left, and the time that it gets each time.
const FINISHES: u32 = 5;
const SETTLE: Duration = Duration::from_secs(5);
/// A part that ends by itself so often in a row does not recover.
const MOST_ENDINGS: u32 = 60;

/// How a part ended that was asked to.
#[derive(Debug)]
pub(crate) enum Ended {
    InTime,
    /// In time, but not with everything done: what is left is for its successor.
    Unfinished,
    /// Too late, with its last words.
    Hung(String),
}

/// How a part is started.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) part: &'static str,
    pub(crate) env: Vec<(String, String)>,
}

/// A part that should be running.
#[derive(Debug)]
pub(crate) struct Part {
    recipe: Recipe,
    number: usize,
    process: Option<Program>,
    paused_until: Option<Instant>,
    ended: Option<Instant>,
    endings: u32,
}

impl Part {
    pub(crate) fn start(recipe: Recipe, number: usize) -> Result<Self> {
        let mut part = Self { recipe, number, process: None, paused_until: None, ended: None, endings: 0 };
        part.spawn()?;
        Ok(part)
    }

    /// SIGTERM until it ends with everything done, each time to a successor of the one before.
    pub(crate) async fn finish(&mut self) -> Result<Ended> {
        for _ in 0..FINISHES {
            match self.stop().await? {
                Ended::Unfinished => self.spawn()?,
                ended => return Ok(ended),
            }
            tokio::time::sleep(SETTLE).await;
        }
        Ok(Ended::Hung(format!("{} did not finish its work in {FINISHES} starts", self.name())))
    }

    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.recipe.part, self.number)
    }

    pub(crate) fn is(&self, target: Target) -> bool {
        self.recipe.part == target.to_string()
    }

    /// None when it has ended.
    pub(crate) fn process(&self) -> Option<&Program> {
        self.process.as_ref()
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Whether a fault holds it at the moment.
    pub(crate) fn is_held(&self) -> bool {
        self.paused_until.is_some()
    }

    fn spawn(&mut self) -> Result<()> {
        let env = self.recipe.env.iter().cloned();
        self.process = Some(Program::spawn(&self.recipe.program, ["run", self.recipe.part], env)?);
        (self.paused_until, self.ended) = (None, None);
        Ok(())
    }

    /// `kill -9` and a new process.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill9()?;
        }
        self.spawn()
    }

    /// SIGTERM; says what was wrong with the end, if something was. What does not end in time is killed.
    pub(crate) async fn stop(&mut self) -> Result<Ended> {
        let Some(mut process) = self.process.take() else { return Ok(Ended::InTime) };
        if self.paused_until.take().is_some() {
            process.resume()?;
        }
        if process.is_running() {
            process.terminate()?;
        }
        if let Ok(status) = process.wait(GRACE).await {
            return Ok(if status.success() { Ended::InTime } else { Ended::Unfinished });
        }
        let said = tail(&process.stderr()).to_owned();
        process.kill9()?;
        Ok(Ended::Hung(format!("{} did not end on SIGTERM within {} s: {said}", self.name(), GRACE.as_secs())))
    }

    pub(crate) async fn restart(&mut self) -> Result<Ended> {
        let ended = self.stop().await?;
        self.spawn()?;
        Ok(ended)
    }

    /// As [`Self::restart`], with another program in its place.
    pub(crate) async fn replace(&mut self, program: &Path) -> Result<Ended> {
        let ended = self.stop().await?;
        program.clone_into(&mut self.recipe.program);
        self.spawn()?;
        Ok(ended)
    }

    /// Where it listens, as it says in its log, which is JSON where it goes to a file.
    pub(crate) fn address(&self) -> Option<String> {
        let said = self.process.as_ref()?.stderr();
        let line = said.lines().find(|line| line.contains("admin server listens"))?;
        let (_, after) = line.split_once(r#""local":""#)?;
        after.split('"').next().map(str::to_owned)
    }

    pub(crate) fn last_words(&self) -> String {
        self.process.as_ref().map(Program::stderr).map_or_else(String::new, |said| tail(&said).to_owned())
    }

    /// Stops it in its tracks for so long.
    pub(crate) fn pause(&mut self, time: Duration) -> Result<()> {
        if let Some(process) = &mut self.process
            && process.is_running()
        {
            process.pause()?;
            self.paused_until = Some(Instant::now() + time);
        }
        Ok(())
    }

    /// Lets it go on when its pause is over, and starts it again when it has ended by itself. Says what happened.
    pub(crate) fn tend(&mut self) -> Result<Option<String>> {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            if let Some(process) = &mut self.process
                && process.is_running()
            {
                process.resume()?;
            }
        }
        if self.process.as_mut().is_some_and(Program::is_running) {
            return Ok(None);
        }
        let ended = *self.ended.get_or_insert(now);
        if ended.elapsed() < RESTART_AFTER {
            return Ok(None);
        }
        let said = self.process.as_ref().map(Program::stderr).unwrap_or_default();
        self.endings += 1;
        if self.endings > MOST_ENDINGS {
            bail!("{} ended {} times; the last words were: {}", self.name(), self.endings, tail(&said));
        }
        self.spawn()?;
        Ok(Some(format!("{} ended by itself: {}", self.name(), tail(&said))))
    }
}

/// The last line that was said.
fn tail(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}
