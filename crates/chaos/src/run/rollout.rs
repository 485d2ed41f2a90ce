//! Replaces every part by one of another program, or of the same, as Kubernetes rolls out a version: one part at a time, SIGTERM,
//! the grace time, the replacement, and the next only when that is ready. The api comes the other way round: first the replacement,
//! then, when callers have been sent there, SIGTERM.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use churn_testkit::{http_client, poll_until};

use super::Run;
use crate::plan::Target;

/// How long a replacement may take to be ready, on a busy machine.
pub(super) const READY: Duration = Duration::from_secs(90);
/// Between two parts, so that old and new ones work side by side for a while.
const BETWEEN: Duration = Duration::from_secs(1);
/// The `preStop` of the api's pod, here shorter: nobody but us has to hear of the new address.
const LEAVE: Duration = Duration::from_millis(300);
/// What StatefulSets do: the last pod first.
const ORDER: [Target; 7] = [
    Target::Scorer(1),
    Target::Scorer(0),
    Target::Sink(1),
    Target::Sink(0),
    Target::Monitor,
    Target::Trainer,
    Target::Synthesizer,
];

impl Run<'_> {
    /// One rollout. `new`: a version that was not here before, whose `churn setup` comes first, while the old parts go on.
    pub(super) async fn roll(&mut self, program: &Path, new: bool) -> Result<()> {
        let started = Instant::now();
        self.say(&format!("rolling out {}", program.display()));
        self.stack.use_program(program);
        if new {
            self.stack.command(&["setup"]).await?;
        }
        let trains = self.stack.knows(Target::Trainer).await?;
        for target in ORDER {
            if target == Target::Trainer && !trains {
                self.stop_all(target).await?;
            }
            let Some(part) = self.stack.part(target) else { continue };
            let fault = self.watch.begin(&format!("replace {}", part.name()), target.is_in_flow());
            let ended = part.replace(program).await?;
            self.watch.end(fault);
            self.note(ended);
            self.ready(target).await?;
            self.rolled += 1;
            self.pass(BETWEEN).await?;
        }
        self.add_trainer().await?;
        self.roll_api().await?;
        self.say(&format!("rolled out in {:.1} s", started.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Where there is none yet, and the program has such a part: the first versions had not.
    pub(super) async fn add_trainer(&mut self) -> Result<()> {
        if self.stack.part(Target::Trainer).is_none() && self.stack.knows(Target::Trainer).await? {
            self.stack.add(Target::Trainer)?;
            self.ready(Target::Trainer).await?;
        }
        Ok(())
    }

    async fn roll_api(&mut self) -> Result<()> {
        let Some(old) = self.stack.part(Target::Api).map(|part| part.number()) else { return Ok(()) };
        self.stack.add(Target::Api)?;
        let address = self.ready(Target::Api).await?;
        if let Some(callers) = &self.callers {
            callers.go_to(address);
        }
        self.pass(LEAVE).await?;
        let ended = self.stack.end(old).await?;
        self.note(ended);
        self.rolled += 1;
        Ok(())
    }

    /// Waits until the youngest process of a target says that it can do its work; where it listens.
    pub(super) async fn ready(&mut self, target: Target) -> Result<String> {
        let client = http_client();
        let part = self.stack.youngest(target).with_context(|| format!("there is no {target}"))?;
        let name = part.name();
        poll_until(READY, || async {
            let address = part.address().context("it has not said where it listens")?;
            let answer = client.get(format!("http://{address}/readyz")).send().await?;
            anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
            anyhow::Ok(Some(address))
        })
        .await
        .with_context(|| format!("{name} is not ready; it said: {}", part.last_words()))
    }
}
