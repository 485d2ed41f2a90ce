//! What happens to a stream from one event on, so that it can be seen whether a monitor notices.
//!
//! A scenario is a function of seed, stream name and sequence number: drawn again, a stream is the same with its scenarios.
//! No scenario makes an impossible customer. Covariate drift and label shift choose between whole customers of the
//! generator (sampling importance resampling, Rubin 1987), so each chosen one is as possible as ever, and what the weights
//! do not look at keeps its conditional distribution. Concept drift draws the outcome anew. Missing values and the new
//! category touch only features that no rule ties to another one. When events come is the caller's: burst and silence
//! change nothing here.

mod kind;
mod people;
mod values;

pub use kind::{ScenarioKind, UnknownScenario};
pub use values::NEW_CATEGORY;

use std::ops::Range;

use churn_domain::Table;

use crate::fitted::Fitted;
use crate::random::{Purpose, RowRandom};
use crate::row::Row;

/// A scenario from its first event on. A later one of the same kind takes its place, so one of strength 0 ends it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// What happens.
    pub kind: ScenarioKind,
    /// The first event that it may touch.
    pub first: u64,
    /// From 0, nothing, to 1, the full effect.
    pub strength: f64,
}

/// Customers that a shifted stream chooses each newcomer from. More make a cleaner shift and cost a draw each.
const CANDIDATES: usize = 4;

/// The scenarios of one stream, and the random numbers that they alone use.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    scenarios: Vec<Scenario>,
    others: Vec<RowRandom>,
    decisions: RowRandom,
}

impl Plan {
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        let random = |use_: &str| RowRandom::new(seed, &format!("{use_}\0{stream}"), Purpose::Scenario);
        Self {
            scenarios: Vec::new(),
            others: (1..CANDIDATES).map(|at| random(&format!("candidate {at}"))).collect(),
            decisions: random("decision"),
        }
    }

    pub(crate) fn set(&mut self, scenarios: &[Scenario]) {
        self.scenarios = scenarios.to_vec();
    }

    /// How strong a kind is at an event.
    fn strength(&self, kind: ScenarioKind, event: u64) -> f64 {
        let begun = self.scenarios.iter().filter(|scenario| scenario.kind == kind && scenario.first <= event);
        begun.max_by_key(|scenario| scenario.first).map_or(0.0, |scenario| scenario.strength)
    }

    /// The newcomer of an event: `row`, or one of the others that `draw` draws.
    pub(crate) fn newcomer(&mut self, event: u64, row: Row, draw: impl Fn(u64, &mut RowRandom) -> Row) -> Row {
        if self.scenarios.is_empty() {
            return row;
        }
        let covariate = self.strength(ScenarioKind::CovariateDrift, event);
        let label = self.strength(ScenarioKind::LabelShift, event);
        if covariate == 0.0 && label == 0.0 {
            return row;
        }
        let mut rows = [row; CANDIDATES];
        for (row, random) in rows[1..].iter_mut().zip(&mut self.others) {
            *row = draw(event, random);
        }
        let weights = rows.map(|row| people::weight(&row, covariate, label));
        self.decisions.seek(event);
        let mut place = self.decisions.unit() * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|weight| {
            place -= weight;
            place < 0.0
        });
        rows[chosen.unwrap_or(0)]
    }

    /// The outcome of a customer at an event, where it is no longer the one that was drawn.
    pub(crate) fn churned(&mut self, event: u64, row: &Row, fitted: &Fitted) -> bool {
        let strength = match self.scenarios.is_empty() {
            true => 0.0,
            false => self.strength(ScenarioKind::ConceptDrift, event),
        };
        if strength == 0.0 {
            return row.churned;
        }
        let probability = people::changed(fitted.outcome.probability(row), row, strength);
        self.decisions.seek(event);
        self.decisions.unit(); // the choice of the newcomer
        self.decisions.chance(probability)
    }

    /// Touches the features of these events, which begin at `offset` in the table.
    pub(crate) fn features(&mut self, events: Range<u64>, offset: usize, table: &mut Table) {
        for kind in [ScenarioKind::MissingValues, ScenarioKind::NewCategory] {
            if self.scenarios.iter().any(|scenario| scenario.kind == kind) {
                let strengths: Vec<f64> = events.clone().map(|event| self.strength(kind, event)).collect();
                values::touch(kind, events.start, &strengths, offset, table, &mut self.decisions);
            }
        }
    }
}
