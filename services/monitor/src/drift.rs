//! One model version's live rows against its two references.
//!
//! The live reference is the version's first live rows: alarms compare with it. The training reference is shown beside
//! it and never alarmed on, because a synthetic stream differs from the rows it was fitted on for ever.

use std::ops::Range;
use std::sync::Arc;

use churn_domain::Table;
use churn_drift::{ColumnReference, ColumnWindow, Distance, Drift, DriftRule, Edges, Reference, Window, drifted};
use serde::{Deserialize, Serialize};

use crate::training::Training;

/// Bins of the probability in the live reference, each as wide as the others.
const PROBABILITY_BINS: usize = 20;

/// How live rows are compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DriftSettings {
    pub(crate) reference_rows: usize,
    pub(crate) window_rows: usize,
    pub(crate) rule: DriftRule,
    /// Windows in a row with a drifted feature that are an alarm.
    pub(crate) alarm_windows: usize,
}

/// What the last full window said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) features: Vec<Drift>,
    pub(crate) probability: Option<Distance>,
}

/// The live rows of one model version.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DriftWatch {
    settings: DriftSettings,
    live: Live,
    training: Option<Compared>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Live {
    /// The first rows are collected. Becomes `Watching` with the last of them.
    /// Not stored: after a restart they are collected anew.
    Filling {
        #[serde(skip)]
        features: Table,
        #[serde(skip)]
        probability: Vec<f64>,
    },
    /// The reference stands; later rows are compared with it.
    Watching(Compared),
}

/// A reference, the window that fills, and what the last one said.
#[derive(Debug, Serialize, Deserialize)]
struct Compared {
    window: Window,
    probability: ProbabilityWindow,
    latest: Option<Comparison>,
    /// Windows in a row with a drifted feature.
    streak: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct ProbabilityWindow {
    reference: ColumnReference,
    window: ColumnWindow,
}

impl DriftWatch {
    pub(crate) fn new(settings: DriftSettings) -> Self {
        let live = Live::Filling { features: Table::default(), probability: Vec::new() };
        Self { settings, live, training: None }
    }

    /// Shows the training reference from now on.
    pub(crate) fn compare_with_training(&mut self, training: Training) {
        self.training = Some(Compared::new(Arc::new(training.features), training.probability));
    }

    /// Takes the live rows `rows`.
    pub(crate) fn add(&mut self, features: &Table, probability: &[f64], rows: Range<usize>) {
        if let Some(training) = &mut self.training {
            training.add(features, probability, rows.clone(), &self.settings);
        }
        let rest = self.fill(features, probability, rows);
        if let Live::Watching(live) = &mut self.live {
            live.add(features, probability, rest, &self.settings);
        }
    }

    /// Rows of the live reference so far.
    pub(crate) fn reference_rows(&self) -> usize {
        match &self.live {
            Live::Filling { probability, .. } => probability.len(),
            Live::Watching(_) => self.settings.reference_rows,
        }
    }

    /// The last full window against the live reference.
    pub(crate) fn live(&self) -> Option<&Comparison> {
        match &self.live {
            Live::Filling { .. } => None,
            Live::Watching(live) => live.latest.as_ref(),
        }
    }

    /// Whether enough windows in a row have drifted from the live reference.
    pub(crate) fn alarm(&self) -> bool {
        matches!(&self.live, Live::Watching(live) if live.streak >= self.settings.alarm_windows)
    }

    /// The last full window against the training reference.
    pub(crate) fn training(&self) -> Option<&Comparison> {
        self.training.as_ref().and_then(|training| training.latest.as_ref())
    }

    /// Puts rows into the reference that is being collected; returns those that come after it.
    fn fill(&mut self, table: &Table, scores: &[f64], rows: Range<usize>) -> Range<usize> {
        let Live::Filling { features, probability } = &mut self.live else { return rows };
        let room = self.settings.reference_rows - probability.len();
        let end = rows.end.min(rows.start + room);
        for row in rows.start..end {
            features.push_from(table, row);
        }
        probability.extend_from_slice(&scores[rows.start..end]);
        if probability.len() == self.settings.reference_rows {
            let of_scores = probability_reference(probability);
            self.live = Live::Watching(Compared::new(Arc::new(Reference::from_table(features)), of_scores));
        }
        end..rows.end
    }
}

impl Compared {
    fn new(reference: Arc<Reference>, probability: ColumnReference) -> Self {
        let window = ColumnWindow::new(Arc::clone(probability.bins()));
        let probability = ProbabilityWindow { reference: probability, window };
        Self { window: Window::new(reference), probability, latest: None, streak: 0 }
    }

    fn add(&mut self, features: &Table, probability: &[f64], mut rows: Range<usize>, settings: &DriftSettings) {
        while !rows.is_empty() {
            let room = settings.window_rows.saturating_sub(self.window.rows() as usize).max(1);
            let end = rows.end.min(rows.start + room);
            self.window.add(features, rows.start..end);
            self.probability.window.add_numbers(&probability[rows.start..end]);
            rows.start = end;
            if self.window.rows() as usize >= settings.window_rows {
                self.close(&settings.rule);
            }
        }
    }

    fn close(&mut self, rule: &DriftRule) {
        let ProbabilityWindow { reference, window } = &mut self.probability;
        let distance = reference.distance(window).map(|(distance, _)| distance);
        let features = self.window.compare();
        self.streak = if drifted(&features, rule).next().is_some() { self.streak + 1 } else { 0 };
        self.latest = Some(Comparison { features, probability: distance });
        self.window.reset();
        window.reset();
    }
}

fn probability_reference(probability: &[f64]) -> ColumnReference {
    match Edges::uniform(0.0, 1.0, PROBABILITY_BINS) {
        Ok(edges) => ColumnReference::of_numbers_on("probability", edges, probability),
        Err(_) => ColumnReference::of_numbers("probability", probability),
    }
}

#[cfg(test)]
mod tests {
    use churn_domain::{Column, FEATURES};

    use super::*;

    const RULE: DriftRule = DriftRule { min_psi: 0.1, false_discovery_rate: 0.05 };
    const SETTINGS: DriftSettings =
        DriftSettings { reference_rows: 1_000, window_rows: 500, rule: RULE, alarm_windows: 2 };

    /// Customers that come round every hundred rows, their numbers moved by `shift`.
    fn rows(count: usize, shift: f64) -> (Table, Vec<f64>) {
        let mut table = Table::default();
        for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
            for row in 0..count {
                match column {
                    Column::Category(words) => words.push(Some(feature.categories()[row % feature.categories().len()])),
                    Column::Number(values) if feature.unit.is_some() => values.push((row % 100) as f64 + shift),
                    Column::Number(values) => values.push((row % 2) as f64),
                }
            }
        }
        (table, (0..count).map(|row| (row % 100) as f64 / 100.0).collect())
    }

    #[test]
    fn the_first_rows_become_the_reference_and_each_full_window_is_compared_with_it() {
        let mut watch = DriftWatch::new(SETTINGS);
        let (table, probability) = rows(1_499, 0.0);
        watch.add(&table, &probability, 0..700);
        assert_eq!(watch.reference_rows(), 700);
        watch.add(&table, &probability, 700..1_499);
        assert_eq!((watch.reference_rows(), watch.live().is_some()), (1_000, false));
        watch.add(&table, &probability, 0..1);
        let calm = watch.live().expect("a full window");
        assert_eq!(calm.features.len(), FEATURES.len());
        assert_eq!(drifted(&calm.features, &RULE).count(), 0);
        assert!(calm.probability.expect("scores on both sides").get() < 0.01);

        let (table, _) = rows(500, 60.0);
        watch.add(&table, &probability, 0..500);
        let shifted = watch.live().expect("a full window");
        let names: Vec<_> = drifted(&shifted.features, &RULE).map(Drift::name).collect();
        assert_eq!(names, ["tenure", "monthly_charges", "total_charges"]);
        assert!(!watch.alarm(), "one window is none yet");
        let mut restored: DriftWatch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        for watch in [&mut watch, &mut restored] {
            watch.add(&table, &probability, 0..499);
            assert!(!watch.alarm());
            watch.add(&table, &probability, 0..1);
            assert!(watch.alarm(), "a restart hides none");
        }
    }

    #[test]
    fn the_training_reference_is_shown_from_the_first_window_on() {
        let mut watch = DriftWatch::new(SETTINGS);
        let (table, probability) = rows(500, 60.0);
        let (training, _) = rows(500, 0.0);
        let reference = Reference::from_table(&training);
        watch.compare_with_training(Training { features: reference, probability: probability_reference(&probability) });
        watch.add(&table, &probability, 0..500);
        assert!(watch.live().is_none(), "the live reference is being collected");
        assert_eq!(drifted(&watch.training().expect("a full window").features, &RULE).count(), 3);
    }
}
