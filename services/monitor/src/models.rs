//! What is known of each model version.

use churn_drift::{InvalidReference, Performance, Sliding};
use serde::{Deserialize, Serialize};

use crate::band::BandWatch;
use crate::drift::{DriftSettings, DriftWatch, Rows};
use crate::estimate::EstimateWatch;
use crate::freshness::Freshness;
use crate::join::Scored;
use crate::performance::{PerformanceSettings, PerformanceWatch};
use crate::record::Record;
use crate::segments::SegmentFigures;
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
    pub(crate) band: BandWatch,
    pub(crate) estimate: EstimateWatch,
    pub(crate) segments: SegmentFigures,
    pub(crate) record: Record,
    /// Whether the figures of the training are recorded, or will never be.
    pub(crate) training_recorded: bool,
    pub(crate) knows_training: bool,
    /// Whether what it was trained on is of another version of the features, and cannot be compared with.
    #[serde(default)]
    pub(crate) training_refused: bool,
    #[serde(default)]
    pub(crate) freshness: Freshness,
    recent_rows: usize,
    id: u32,
    last_scored: u64,
}

impl Model {
    /// Takes scored rows.
    pub(crate) fn score(&mut self, rows: Rows<'_>) {
        self.scored += rows.range.len() as u64;
        self.freshness.add(rows.features, rows.time_ms, rows.range.clone());
        let said = (&rows.probability[rows.range.clone()], &rows.predicted[rows.range.clone()]);
        let settings = self.drift.settings();
        self.estimate.score(
            said,
            (settings.segmentation.as_ref(), &rows.cells[rows.range.clone()]),
            settings.window_rows,
        );
        self.drift.add(rows);
    }

    /// Takes the truth about a scored row, whose event happened then.
    pub(crate) fn label(&mut self, scored: &Scored, actual: bool, event_time_ms: i64) {
        let row = (scored.probability, scored.predicted, actual);
        let settings = self.drift.settings();
        let (segmentation, first_rows) = (settings.segmentation.as_ref(), settings.reference_rows);
        self.labelled += 1;
        self.total.add(row.0, row.1, row.2);
        self.recent.next_row().add(row.0, row.1, row.2);
        self.performance.add(row.0, row.1, row.2);
        self.record.add(row, event_time_ms);
        self.band.add(row, first_rows as u64, self.recent_rows);
        self.estimate.label(row, (segmentation, scored.cell), first_rows);
        self.segments.add(segmentation, scored.cell, row, self.recent_rows, self.performance.settings());
    }

    /// Takes the final answer to what the model was trained on.
    pub(crate) fn compare_with_training(&mut self, answer: Result<Training, InvalidReference>) {
        self.knows_training = true;
        match answer {
            Ok(training) => self.drift.compare_with_training(training),
            Err(error) => {
                self.training_refused = true;
                tracing::warn!(model_version = self.version, %error, "the training reference cannot be shown");
            }
        }
    }
}

/// What each version is watched by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
            drift: DriftWatch::new(self.settings.drift.clone()),
            performance: PerformanceWatch::new(self.settings.performance),
            band: BandWatch::new(),
            estimate: EstimateWatch::new(),
            segments: SegmentFigures::new(&self.settings.drift.segmentation),
            record: Record::new(),
            training_recorded: false,
            knows_training: false,
            training_refused: false,
            freshness: Freshness::default(),
            recent_rows: self.settings.recent_rows,
            id,
            last_scored: self.clock,
        });
        (id, forgotten)
    }

    /// The model of an id; `None` once it had to make way.
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Model> {
        self.models.iter_mut().find(|model| model.id == id)
    }

    /// The model of a version that is watched.
    pub(crate) fn find(&mut self, version: &str) -> Option<&mut Model> {
        self.models.iter_mut().find(|model| model.version == version)
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
        let settings = Settings {
            max_models: 2,
            drift: DriftSettings {
                reference_rows: 100,
                window_rows: 100,
                rule: churn_drift::DriftRule::default(),
                quality: churn_drift::QualityRule::default(),
                alarm_windows: 2,
                segmentation: std::sync::Arc::default(),
                windowing: None,
            },
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
