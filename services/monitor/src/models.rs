//! What is known of each model version.

use std::ops::Range;

use churn_domain::{Probability, Table};
use churn_drift::{InvalidReference, Performance, Sliding};
use serde::{Deserialize, Serialize};

use crate::drift::{DriftSettings, DriftWatch};
use crate::performance::{PerformanceSettings, PerformanceWatch};
use crate::training::Training;

/// Panes of the recent performance. More panes slide more smoothly; each costs 160 KiB a model.
const PANES: usize = 10;

/// One model version.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Model {
    pub(crate) version: String,
    pub(crate) scored: u64,
    pub(crate) labelled: u64,
    pub(crate) recent: Sliding<Performance>,
    pub(crate) total: Performance,
    pub(crate) drift: DriftWatch,
    pub(crate) performance: PerformanceWatch,
    pub(crate) knows_training: bool,
    id: u32,
    last_scored: u64,
}

impl Model {
    /// Takes scored rows.
    pub(crate) fn score(&mut self, features: &Table, probability: &[f64], rows: Range<usize>) {
        self.scored += rows.len() as u64;
        self.drift.add(features, probability, rows);
    }

    /// Takes the truth about a scored row.
    pub(crate) fn label(&mut self, probability: Probability, predicted: bool, actual: bool) {
        self.labelled += 1;
        self.total.add(probability, predicted, actual);
        self.recent.next_row().add(probability, predicted, actual);
        self.performance.add(probability, predicted, actual);
    }

    /// Takes the final answer to what the model was trained on.
    pub(crate) fn compare_with_training(&mut self, answer: Result<Training, InvalidReference>) {
        self.knows_training = true;
        match answer {
            Ok(training) => self.drift.compare_with_training(training),
            Err(error) => {
                tracing::warn!(model_version = self.version, %error, "the training reference cannot be shown");
            }
        }
    }
}

/// What each version is watched by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) max_models: usize,
    pub(crate) drift: DriftSettings,
    pub(crate) performance: PerformanceSettings,
    /// Rows of the recent figures.
    pub(crate) recent_rows: usize,
}

/// The versions that are watched. Their number is bounded: a new one takes the place of the one not scored with for
/// longest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Models {
    models: Vec<Model>,
    settings: Settings,
    next_id: u32,
    clock: u64,
}

impl Models {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { models: Vec::new(), settings, next_id: 0, clock: 0 }
    }

    /// Versions watched.
    pub(crate) fn len(&self) -> usize {
        self.models.len()
    }

    /// What the versions are watched by.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The id of the version, which takes a place if it has none. Also returns the version that had to make way.
    pub(crate) fn enter(&mut self, version: &str) -> (u32, Option<String>) {
        self.clock += 1;
        if let Some(model) = self.models.iter_mut().find(|model| model.version == version) {
            model.last_scored = self.clock;
            return (model.id, None);
        }
        let oldest = (0..self.models.len()).min_by_key(|&at| self.models[at].last_scored);
        let forgotten = match oldest {
            Some(at) if self.models.len() >= self.settings.max_models.max(1) => {
                Some(self.models.swap_remove(at).version)
            }
            _ => None,
        };
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let empty = Performance::new();
        self.models.push(Model {
            version: version.to_owned(),
            scored: 0,
            labelled: 0,
            recent: Sliding::new(&empty, PANES, self.settings.recent_rows.div_ceil(PANES)),
            total: empty,
            drift: DriftWatch::new(self.settings.drift),
            performance: PerformanceWatch::new(self.settings.performance),
            knows_training: false,
            id,
            last_scored: self.clock,
        });
        (id, forgotten)
    }

    /// The model of an id; `None` once it had to make way.
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Model> {
        self.models.iter_mut().find(|model| model.id == id)
    }

    /// All models, the one last scored with first.
    pub(crate) fn latest_first(&mut self) -> &mut [Model] {
        self.models.sort_unstable_by_key(|model| std::cmp::Reverse(model.last_scored));
        &mut self.models
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_not_scored_with_for_longest_makes_way() {
        let rule = churn_drift::DriftRule::default();
        let settings = Settings {
            max_models: 2,
            drift: DriftSettings { reference_rows: 100, window_rows: 100, rule, alarm_windows: 2 },
            performance: PerformanceSettings { reference_rows: 100, block_rows: 100, min_increase: 0.1 },
            recent_rows: 100,
        };
        let mut models = Models::new(settings);
        let (first, _) = models.enter("v1");
        models.enter("v2");
        assert_eq!(models.enter("v1"), (first, None));
        let (third, forgotten) = models.enter("v3");
        assert_eq!(forgotten.as_deref(), Some("v2"));
        assert!(models.get_mut(first).is_some() && models.get_mut(third).is_some());
        let order: Vec<_> = models.latest_first().iter().map(|model| model.version.clone()).collect();
        assert_eq!(order, ["v3", "v1"]);
    }
}
