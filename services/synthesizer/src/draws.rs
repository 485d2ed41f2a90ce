//! What the stream's customers are drawn from: seed, generator and share of returning customers, which may change between two
//! runs. The outcomes that still wait are drawn from what their events were drawn from.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use churn_synth::{EventSource, Generator, Recurrence, StreamSample};
use serde::{Deserialize, Serialize};

use crate::config::SynthesizerConfig;
use crate::control::Scenarios;
use crate::position::StreamPosition;
use crate::scenario::Begun;

/// What a synthesizer draws its customers from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The generator.
    pub generator: Arc<Generator>,
    /// Its version in the registry, which every event carries.
    pub version: String,
    /// Where the generators of earlier runs are.
    pub generators: Arc<dyn Generators>,
    /// Where scenarios are asked for and told.
    pub scenarios: Scenarios,
}

/// A generator on its way.
pub type Loading<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Arc<Generator>>> + Send + 'a>>;

/// Generators by their version.
pub trait Generators: fmt::Debug + Send + Sync {
    /// The generator of that version.
    fn load<'a>(&'a self, version: &'a str) -> Loading<'a>;
}

/// What events from a number on are drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draw {
    first: i64,
    generator: String,
    seed: u64,
    returning_share: f64,
}

impl Draw {
    fn of(config: &SynthesizerConfig, source: &Source, first: i64) -> Self {
        Self { first, generator: source.version.clone(), seed: config.seed, returning_share: config.returning_share }
    }

    fn is_like(&self, other: &Self) -> bool {
        *self == Self { first: self.first, ..other.clone() }
    }
}

/// All draws that events or waiting outcomes need, in order.
#[derive(Debug)]
pub(crate) struct Draws(Vec<(Draw, EventSource)>);

impl Draws {
    /// The draws of a stored position, and the configured one from its end on.
    ///
    /// # Errors
    /// An earlier generator cannot be loaded, or the configuration is out of range.
    pub(crate) async fn open(
        config: &SynthesizerConfig,
        source: &Source,
        position: &StreamPosition,
    ) -> anyhow::Result<Self> {
        let mut wanted = if position.pending() > 0 { position.draws.clone() } else { Vec::new() };
        let current = Draw::of(config, source, position.next_sequence);
        if !wanted.last().is_some_and(|last| last.is_like(&current)) {
            wanted.push(current);
        }
        let mut generators = HashMap::from([(source.version.clone(), source.generator.clone())]);
        let mut draws = Vec::with_capacity(wanted.len());
        for draw in wanted {
            if !generators.contains_key(&draw.generator) {
                let loaded = source.generators.load(&draw.generator).await.with_context(|| {
                    format!("load generator {}, which outcomes that still wait depend on", draw.generator)
                })?;
                generators.insert(draw.generator.clone(), loaded);
            }
            let generator = generators[&draw.generator].clone();
            let recurrence = Recurrence { share: draw.returning_share, ..Recurrence::default() };
            let source = EventSource::new(generator, draw.seed, &config.stream, recurrence)
                .context("synthesizer.returning_share")?;
            draws.push((draw, source));
        }
        let mut draws = Self(draws);
        draws.go_through(&position.scenarios);
        Ok(draws)
    }

    /// What happens to the customers, all of it.
    pub(crate) fn go_through(&mut self, begun: &[Begun]) {
        let scenarios: Vec<_> = begun.iter().map(Begun::scenario).collect();
        self.0.iter_mut().for_each(|(_, source)| source.set_scenarios(&scenarios));
    }

    /// Appends the customers of these events.
    pub(crate) fn draw_into(&self, events: Range<i64>, sample: &mut StreamSample) {
        for (at, (draw, source)) in self.0.iter().enumerate() {
            let end = self.0.get(at + 1).map_or(i64::MAX, |(following, _)| following.first);
            let part = events.start.max(draw.first)..events.end.min(end);
            if part.start < part.end {
                source.events_into(part.start.cast_unsigned()..part.end.cast_unsigned(), sample);
            }
        }
    }

    /// Forgets the draws that lie wholly before `sequence`.
    pub(crate) fn forget_before(&mut self, sequence: i64) {
        let kept = self.0.partition_point(|(draw, _)| draw.first <= sequence).saturating_sub(1);
        self.0.drain(..kept);
    }

    pub(crate) fn list(&self) -> Vec<Draw> {
        self.0.iter().map(|(draw, _)| draw.clone()).collect()
    }
}
