//! The parts beside the flow: the api, with callers that never stop asking it, and the trainer, with models to be made.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::callers::Callers;
use super::rollout::READY;
use super::{Run, TICK};
use crate::plan::{Server, Target};
use crate::topics::read_all;

/// From the request for a model to the fault, which so hits a training rather than a trainer that waits.
const BEGIN: Duration = Duration::from_secs(2);
/// How long trainers may take to answer every request, once nothing is broken any more: trainings of a second, each begun three times at
/// most, behind everything else on a busy machine.
const ANSWER: Duration = Duration::from_secs(180);

impl Run<'_> {
    /// Callers begin to ask the api.
    pub(super) async fn call(&mut self) -> Result<()> {
        let address = self.ready(Target::Api).await?;
        self.callers = Some(Callers::start(address));
        Ok(())
    }

    /// What comes before a fault that hits this part.
    pub(super) async fn prepare(&mut self, target: Target) -> Result<()> {
        match target {
            Target::Api => {
                if let Some(callers) = &self.callers {
                    callers.excuse();
                    self.api_hit = Some(Instant::now());
                }
            }
            // A broker that is away takes no request.
            Target::Trainer if !self.is_away(Server::Kafka) && self.stack.part(target).is_some() => {
                self.stack.command(&["retrain", "--reason", "a fault of the plan"]).await?;
                self.pass(BEGIN).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends callers to the api again that a fault had hit, once it is there.
    pub(super) async fn call_again(&mut self) -> Result<()> {
        let (Some(since), Some(callers)) = (self.api_hit, &self.callers) else { return Ok(()) };
        let api = self.stack.part(Target::Api).context("there is no api")?;
        if api.is_held() {
            return Ok(());
        }
        match api.address() {
            Some(address) if Callers::is_ready(&address).await => {
                callers.go_to(address);
                self.api_hit = None;
            }
            _ if since.elapsed() > READY => {
                bail!("the api is not ready {} s after a fault; it said: {}", READY.as_secs(), api.last_words());
            }
            _ => {}
        }
        Ok(())
    }

    /// Waits until trainers have said of every request what became of it.
    pub(super) async fn await_answers(&mut self) -> Result<()> {
        self.mend().await?;
        if self.stack.part(Target::Trainer).is_none() {
            return Ok(());
        }
        let answers = "select count(*) from churn.retrain_audit \
                       where status not in ('requested', 'running') and reason not in ('schedule', 'rollback')";
        let began = Instant::now();
        loop {
            // The monitor may ask as well.
            self.trainings = read_all(self.stack.bootstrap(), &self.stack.requests())?.len() as u64;
            let answered = u64::try_from(self.count(answers).await?)?;
            self.unanswered = self.trainings.saturating_sub(answered);
            if self.unanswered == 0 || began.elapsed() > ANSWER {
                break;
            }
            self.pass(TICK).await?;
        }
        self.say(&format!(
            "{} of {} requests for a model are answered",
            self.trainings - self.unanswered,
            self.trainings
        ));
        Ok(())
    }
}
