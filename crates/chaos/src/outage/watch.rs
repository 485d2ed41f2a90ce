//! Looks at the parts once a second: what they hold in memory, and what the sinks say of themselves.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use churn_testkit::http_client;

use super::findings::{Memory, blames_postgres};
use crate::part::Part;
use crate::plan::Target;
use crate::soak::memory;
use crate::stack::Stack;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) memory: Vec<Memory>,
    /// What a sink that was not ready said of it.
    pub(super) said: String,
    pub(super) endings: usize,
    begun: bool,
}

impl Watch {
    /// From here on the parts' memory counts.
    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    /// Looks until something has come.
    pub(super) async fn until(
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
    let answer = http_client().get(format!("http://{}/readyz", part.address()?)).send().await.ok()?;
    if answer.status().as_u16() == 200 { None } else { answer.text().await.ok() }
}
