//! One model version's live rows against its two references.
//!
//! The live reference is the version's first live rows: alarms compare with it, for all customers and shown for each
//! segment of them. The training reference is shown beside it and never alarmed on, because a synthetic stream differs
//! from the rows it was fitted on for ever.

use std::ops::Range;
use std::sync::Arc;

use churn_domain::Table;
use churn_drift::defaults::PROBABILITY_BINS;
use churn_drift::{
    Accumulator, ColumnReference, ColumnWindow, DriftRule, Edges, Length, Panes, QualityRule, Segmentation, Window,
    Windowing,
};
use serde::{Deserialize, Serialize};

use crate::comparison::{Comparison, LiveComparison, count_labels};
use crate::live::LiveWatch;
use crate::scores::{ScoreDetections, ScoreDetectors};
use crate::training::Training;

/// Fewest rows of a window by time that is compared.
const MIN_ROWS: u64 = 1_000;

/// How live rows are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DriftSettings {
    pub(crate) reference_rows: usize,
    pub(crate) window_rows: usize,
    pub(crate) rule: DriftRule,
    pub(crate) quality: QualityRule,
    /// Windows in a row with a drifted column, or with a worse feature, that are an alarm.
    pub(crate) alarm_windows: usize,
    pub(crate) segmentation: Arc<Segmentation>,
    /// None: windows of `window_rows` that follow each other.
    #[serde(default)]
    pub(crate) windowing: Option<Windowing>,
}

impl DriftSettings {
    pub(crate) fn windowing(&self) -> Windowing {
        self.windowing.unwrap_or(Windowing { length: Length::Rows(self.window_rows as u64), panes: 1 })
    }

    /// Windows in a row that are an alarm: as many as hold `alarm_windows` that share no row.
    pub(crate) fn alarm_after(&self) -> usize {
        self.alarm_windows.saturating_sub(1).saturating_mul(self.windowing().panes) + 1
    }

    /// Fewer rows of a window say nothing: chance alone makes a handful look far off. A window by rows has those that
    /// were asked for.
    pub(crate) fn least_rows(&self) -> u64 {
        match self.windowing().length {
            Length::Rows(_) => 1,
            Length::Time { .. } => MIN_ROWS,
        }
    }
}

/// Scored rows of one batch.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) features: &'a Table,
    pub(crate) probability: &'a [f64],
    pub(crate) predicted: &'a [bool],
    /// When their events happened.
    pub(crate) time_ms: &'a [i64],
    /// The segments' cell of each row of the batch.
    pub(crate) cells: &'a [u16],
    /// Those of the batch that are meant.
    pub(crate) range: Range<usize>,
}

impl Rows<'_> {
    fn only(&self, range: Range<usize>) -> Self {
        Self { range, ..self.clone() }
    }

    /// Cuts off the first rows, `count` of them at most.
    fn split(&mut self, count: usize) -> Self {
        let end = self.range.end.min(self.range.start + count);
        let first = self.only(self.range.start..end);
        self.range.start = end;
        first
    }
}

/// The live rows of one model version.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DriftWatch {
    settings: DriftSettings,
    live: Live,
    training: Option<TrainingWatch>,
    #[serde(default)]
    scores: ScoreDetectors,
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
        /// Predicted stayers and leavers.
        #[serde(skip)]
        labels: [u64; 2],
    },
    /// The reference stands; later rows are compared with it.
    Watching(Box<LiveWatch>),
}

/// The training reference, the windows that fill, and what the last full one said.
#[derive(Debug, Serialize, Deserialize)]
struct TrainingWatch {
    /// What a pane begins with, as `scores`. In the memory of a former version, the window that filled.
    window: Window,
    score: ColumnReference,
    scores: ColumnWindow,
    latest: Option<Comparison>,
    #[serde(default)]
    panes: Panes<Shown>,
}

/// What is counted of the rows of a pane.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shown {
    features: Window,
    scores: ColumnWindow,
}

impl Accumulator for Shown {
    fn merge(&mut self, other: &Self) {
        // All panes of a watch are copies of one window.
        let merged = self.features.merge(&other.features).and_then(|()| self.scores.merge(&other.scores));
        if let Err(error) = merged {
            tracing::error!(%error, "a pane of the windows against the training is left out");
        }
    }

    fn reset(&mut self) {
        self.features.reset();
        self.scores.reset();
    }
}

impl DriftWatch {
    pub(crate) fn new(settings: DriftSettings) -> Self {
        let live = Live::Filling { features: Table::default(), probability: Vec::new(), labels: [0; 2] };
        Self { settings, live, training: None, scores: ScoreDetectors::default() }
    }

    /// Shows the training reference from now on.
    pub(crate) fn compare_with_training(&mut self, training: Training) {
        self.training = Some(TrainingWatch::new(training));
    }

    /// Takes live rows.
    pub(crate) fn add(&mut self, mut rows: Rows<'_>) {
        self.scores.add(&rows.probability[rows.range.clone()]);
        if let Some(training) = &mut self.training {
            training.add(&rows, &self.settings);
        }
        if let Live::Filling { features, probability, labels } = &mut self.live {
            let first = rows.split(self.settings.reference_rows.saturating_sub(probability.len()));
            first.range.clone().for_each(|row| features.push_from(first.features, row));
            count_labels(labels, &first.predicted[first.range.clone()]);
            probability.extend_from_slice(&first.probability[first.range]);
            if probability.len() >= self.settings.reference_rows {
                let watch = LiveWatch::new(features, probability, *labels, &self.settings.segmentation);
                self.live = Live::Watching(Box::new(watch));
            }
        }
        if let Live::Watching(live) = &mut self.live {
            live.add(&rows, &self.settings);
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
    pub(crate) fn live(&self) -> Option<&LiveComparison> {
        self.watching()?.latest.as_ref()
    }

    /// Whether enough windows in a row have drifted from the live reference.
    pub(crate) fn drift_alarm(&self) -> bool {
        self.watching().is_some_and(|live| live.drift_alarm(&self.settings))
    }

    /// Whether a feature's values have been worse than the live reference's for enough windows in a row.
    pub(crate) fn quality_alarm(&self) -> bool {
        self.watching().is_some_and(|live| live.quality_alarm(&self.settings))
    }

    /// What the detectors have found in the scores.
    pub(crate) fn score_detections(&self) -> ScoreDetections {
        self.scores.found()
    }

    /// Rows left out of the windows because they came too late.
    pub(crate) fn late_rows(&self) -> u64 {
        self.watching().map_or(0, LiveWatch::late)
    }

    /// The last full window against the training reference.
    pub(crate) fn training(&self) -> Option<&Comparison> {
        self.training.as_ref().and_then(|training| training.latest.as_ref())
    }

    pub(crate) fn settings(&self) -> &DriftSettings {
        &self.settings
    }

    fn watching(&self) -> Option<&LiveWatch> {
        match &self.live {
            Live::Filling { .. } => None,
            Live::Watching(live) => Some(live),
        }
    }
}

impl TrainingWatch {
    fn new(training: Training) -> Self {
        let scores = ColumnWindow::new(Arc::clone(training.probability.bins()));
        let window = Window::new(Arc::new(training.features));
        Self { window, score: training.probability, scores, latest: None, panes: Panes::default() }
    }

    fn add(&mut self, rows: &Rows<'_>, settings: &DriftSettings) {
        self.take_over();
        let windowing = settings.windowing();
        let mut range = rows.range.clone();
        loop {
            let empty = || Shown { features: self.window.clone(), scores: self.scores.clone() };
            let Some((pane, part)) = self.panes.place(&windowing, rows.time_ms, &mut range, empty) else { break };
            pane.features.add(rows.features, part.clone());
            pane.scores.add_numbers(&rows.probability[part]);
            while let Some(window) = self.panes.due(&windowing) {
                if window.features.rows() >= settings.least_rows() {
                    // What the model would have predicted of its training is not known.
                    let score = self.score.effect(&window.scores);
                    self.latest = Some(Comparison::new(&window.features, score, None));
                }
            }
        }
    }

    /// Goes on with the window that a former version had begun.
    fn take_over(&mut self) {
        let rows = self.window.rows();
        if rows > 0 {
            let counted = Shown { features: self.window.clone(), scores: self.scores.clone() };
            if self.panes.is_empty() {
                self.panes = Panes::begun(rows, counted);
            }
            self.window.reset();
            self.scores.reset();
        }
    }
}

pub(crate) fn probability_reference(probability: &[f64]) -> ColumnReference {
    match Edges::uniform(0.0, 1.0, PROBABILITY_BINS) {
        Ok(edges) => ColumnReference::of_numbers_on("probability", edges, probability),
        Err(_) => ColumnReference::of_numbers("probability", probability),
    }
}

#[cfg(test)]
mod tests;
