//! The parts that run: started, picked and ended.

use anyhow::Result;

use super::Stack;
use crate::part::{Ended, Part, Recipe};
use crate::plan::Target;

/// Trainings that are short, begin at once, only when they are asked for, and are taken up soon by the successor of a trainer that died.
const TRAINER: [(&str, &str); 5] = [
    ("CHURN__TRAINER__BUDGET", "1s"),
    ("CHURN__TRAINER__SCHEDULE", ""),
    ("CHURN__TRAINER__DEBOUNCE", "100ms"),
    ("CHURN__TRAINER__COOLDOWN", "0s"),
    ("CHURN__TRAINER__LEASE", "5s"),
];

impl Stack {
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
}
