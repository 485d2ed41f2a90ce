//! What should have come out: the customers that the seed stands for, and the scores that the named models give.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use churn_domain::{EventBatch, ScoreBatch};
use churn_registry::{Kind, Registry};
use churn_serving::{Scored, Served};
use churn_synth::{EventSource, Generator, Recurrence};

use crate::collect::{customer, reasons};
use crate::history::Truth;

/// Reasons of each score: the scorer's default (`scorer.reasons`).
const REASONS: usize = 3;
/// Customers drawn at a time.
const CHUNK: u64 = 10_000;

/// The truth about a run.
#[derive(Debug)]
pub(crate) struct Recomputed {
    customers: Vec<(String, bool)>,
    scores: HashMap<String, ScoreBatch>,
}

/// How a model is named in rows.
pub(crate) fn model_name(version: &str, hash: &str) -> String {
    format!("{version} {hash}")
}

impl Recomputed {
    /// Draws the customers again, and scores the events that were read with every model of the registry.
    ///
    /// # Errors
    /// The registry's generator or a model cannot be loaded.
    pub(crate) async fn new(
        registry: &Registry,
        stream: &str,
        seed: u64,
        returning_share: f64,
        events: &EventBatch,
    ) -> Result<Self> {
        let last = events.sequence.iter().max().map_or(0, |last| last.unsigned_abs() + 1);
        let source = source(registry, stream, seed, returning_share).await?;
        let mut scores = HashMap::new();
        for version in registry.list(Kind::Model).await? {
            let model = Served::of_version(registry, version).await.with_context(|| format!("load model {version}"))?;
            let (mut scored, mut said) = (Scored::default(), ScoreBatch::default());
            model.score(&events.features, REASONS, 1, &mut scored);
            said.probability.extend(scored.probabilities());
            scored.stretches().iter().for_each(|stretch| said.reasons.append(&stretch.reasons));
            scores.insert(model_name(model.version(), model.hash()), said);
        }
        Ok(Self { customers: draw(&source, last), scores })
    }
}

impl Truth for Recomputed {
    fn event(&self, sequence: i64) -> Option<(&str, bool)> {
        let (content, churned) = self.customers.get(usize::try_from(sequence).ok()?)?;
        Some((content, *churned))
    }

    fn probability_bits(&self, model: &str, event: usize) -> Option<u64> {
        self.scores.get(model)?.probability.get(event).map(|probability| probability.to_bits())
    }

    fn reasons(&self, model: &str, event: usize) -> Option<Vec<(String, u32)>> {
        let said = &self.scores.get(model)?.reasons;
        (event < said.len()).then(|| reasons(said, event))
    }
}

async fn source(registry: &Registry, stream: &str, seed: u64, returning_share: f64) -> Result<EventSource> {
    let champion = registry.champion(Kind::Generator).await?.context("the registry has no generator")?;
    let artifact = registry.load_champion(&champion).await?;
    let bytes = artifact.files.get("generator.json").context("the generator has no generator.json")?;
    let recurrence = Recurrence { share: returning_share, ..Recurrence::default() };
    Ok(EventSource::new(Arc::new(Generator::from_json(bytes)?), seed, stream, recurrence)?)
}

fn draw(source: &EventSource, last: u64) -> Vec<(String, bool)> {
    let mut customers = Vec::new();
    for first in (0..last).step_by(CHUNK as usize) {
        let sample = source.events(first..last.min(first + CHUNK));
        let rows = sample.len();
        let batch = EventBatch {
            customer_id: sample.customer_id,
            features: sample.customers.features,
            location: sample.customers.location,
            ..EventBatch::default()
        };
        customers.extend((0..rows).map(|row| (customer(&batch, row), sample.customers.label[row])));
    }
    customers
}
