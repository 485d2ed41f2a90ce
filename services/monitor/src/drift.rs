//! One model version's live rows against its two references.
//!
//! The live reference is the version's first live rows: alarms compare with it, for all customers and shown for each
//! segment of them. The training reference is shown beside it and never alarmed on, because a synthetic stream differs
//! from the rows it was fitted on for ever.

use std::ops::Range;
use std::sync::Arc;

use churn_domain::Table;
use churn_drift::{
    ColumnReference, ColumnWindow, DriftRule, Edges, PartReference, QualityRule, Reference, Segmentation,
    SegmentedWindow, Window,
};
use serde::{Deserialize, Serialize};

use crate::comparison::{Comparison, Labels, LiveComparison, SegmentComparison, count_labels, score};
use crate::training::Training;

/// Bins of the probability in the live reference, each as wide as the others.
const PROBABILITY_BINS: usize = 20;

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
}

/// Scored rows of one batch.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) features: &'a Table,
    pub(crate) probability: &'a [f64],
    pub(crate) predicted: &'a [bool],
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

/// The live reference, the window that fills, and what the last one said.
#[derive(Debug, Serialize, Deserialize)]
struct LiveWatch {
    window: SegmentedWindow,
    /// One a segment.
    references: Vec<PartReference>,
    latest: Option<LiveComparison>,
    /// None where the reference is of a former version, which did not count them: they are not tested then.
    #[serde(default)]
    labels: Option<Labels>,
    /// Windows in a row with a drifted column.
    drifting: usize,
    /// Windows in a row with a feature of worse quality.
    worse: usize,
}

/// The training reference, the window that fills, and what the last one said.
#[derive(Debug, Serialize, Deserialize)]
struct TrainingWatch {
    window: Window,
    score: ColumnReference,
    scores: ColumnWindow,
    latest: Option<Comparison>,
}

impl DriftWatch {
    pub(crate) fn new(settings: DriftSettings) -> Self {
        let live = Live::Filling { features: Table::default(), probability: Vec::new(), labels: [0; 2] };
        Self { settings, live, training: None }
    }

    /// Shows the training reference from now on.
    pub(crate) fn compare_with_training(&mut self, training: Training) {
        self.training = Some(TrainingWatch::new(training));
    }

    /// Takes live rows.
    pub(crate) fn add(&mut self, mut rows: Rows<'_>) {
        if let Some(training) = &mut self.training {
            training.add(rows.clone(), self.settings.window_rows);
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
            live.add(rows, &self.settings);
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
        self.watching().is_some_and(|live| live.drifting >= self.settings.alarm_windows)
    }

    /// Whether a feature's values have been worse than the live reference's for enough windows in a row.
    pub(crate) fn quality_alarm(&self) -> bool {
        self.watching().is_some_and(|live| live.worse >= self.settings.alarm_windows)
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

impl LiveWatch {
    fn new(features: &Table, probability: &[f64], labels: [u64; 2], segmentation: &Arc<Segmentation>) -> Self {
        let score = probability_reference(probability);
        let mut window = SegmentedWindow::new(&Reference::from_table(features), &score, Arc::clone(segmentation));
        let mut cells = Vec::new();
        segmentation.cells_into(features, 0..features.len(), &mut cells);
        window.add(features, probability, 0..features.len(), &cells);
        let references = window.references();
        window.reset();
        let labels = Some(Labels { then: labels, now: [0; 2] });
        Self { window, references, latest: None, labels, drifting: 0, worse: 0 }
    }

    fn add(&mut self, mut rows: Rows<'_>, settings: &DriftSettings) {
        while !rows.range.is_empty() {
            let part = rows.split(settings.window_rows.saturating_sub(self.window.rows() as usize).max(1));
            if let Some(labels) = &mut self.labels {
                count_labels(&mut labels.now, &part.predicted[part.range.clone()]);
            }
            self.window.add(part.features, part.probability, part.range.clone(), &part.cells[part.range]);
            if self.window.rows() as usize >= settings.window_rows {
                self.close(settings);
            }
        }
    }

    fn close(&mut self, settings: &DriftSettings) {
        let whole = self.window.whole();
        let labels = self.labels;
        let score = score(&self.window.reference().score, &whole);
        let drift = Comparison::new(&whole.features, score, labels.and_then(|labels| labels.effect()));
        let quality = whole.features.quality();
        let in_a_row = |before: usize, again: bool| if again { before + 1 } else { 0 };
        self.drifting = in_a_row(self.drifting, drift.drifted(&settings.rule) > 0);
        self.worse = in_a_row(self.worse, quality.iter().any(|feature| settings.quality.is_worse(feature)));
        let parts = self.window.by_segment(&self.references);
        let segments = parts.iter().zip(&self.references);
        let segments = segments.map(|(part, reference)| SegmentComparison::of(part, reference, &settings.rule));
        let segments = segments.collect();
        self.latest = Some(LiveComparison { drift, quality, window: whole.features, labels, segments });
        self.window.reset();
        if let Some(labels) = &mut self.labels {
            labels.now = [0; 2];
        }
    }
}

impl TrainingWatch {
    fn new(training: Training) -> Self {
        let scores = ColumnWindow::new(Arc::clone(training.probability.bins()));
        Self { window: Window::new(Arc::new(training.features)), score: training.probability, scores, latest: None }
    }

    fn add(&mut self, mut rows: Rows<'_>, window_rows: usize) {
        while !rows.range.is_empty() {
            let part = rows.split(window_rows.saturating_sub(self.window.rows() as usize).max(1));
            self.window.add(part.features, part.range.clone());
            self.scores.add_numbers(&part.probability[part.range]);
            if self.window.rows() as usize >= window_rows {
                // What the model would have predicted of its training is not known.
                self.latest = Some(Comparison::new(&self.window, self.score.effect(&self.scores), None));
                self.window.reset();
                self.scores.reset();
            }
        }
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
    use churn_drift::{Drift, FeatureQuality, drifted};

    use super::*;

    const RULE: DriftRule = DriftRule { min_psi: 0.1, false_discovery_rate: 0.05 };

    fn settings() -> DriftSettings {
        let segments = ["contract".to_owned(), "senior_citizen".to_owned()];
        DriftSettings {
            reference_rows: 1_000,
            window_rows: 500,
            rule: RULE,
            quality: QualityRule::default(),
            alarm_windows: 2,
            segmentation: Arc::new(Segmentation::new(&segments).unwrap()),
        }
    }

    /// Whoever is more likely to leave than not is predicted to.
    fn add(watch: &mut DriftWatch, features: &Table, probability: &[f64], range: Range<usize>) {
        let mut cells = Vec::new();
        watch.settings.segmentation.clone().cells_into(features, 0..features.len(), &mut cells);
        let predicted: Vec<bool> = probability.iter().map(|p| *p >= 0.5).collect();
        watch.add(Rows { features, probability, predicted: &predicted, cells: &cells, range });
    }

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
        let mut watch = DriftWatch::new(settings());
        let (table, probability) = rows(1_499, 0.0);
        add(&mut watch, &table, &probability, 0..700);
        assert_eq!(watch.reference_rows(), 700);
        add(&mut watch, &table, &probability, 700..1_499);
        assert_eq!((watch.reference_rows(), watch.live().is_some()), (1_000, false));
        add(&mut watch, &table, &probability, 0..1);
        let calm = watch.live().expect("a full window");
        assert_eq!(calm.drift.features.len(), FEATURES.len());
        assert_eq!(drifted(&calm.drift.features, &RULE).count(), 0);
        assert_eq!(calm.drift.drifted(&RULE), 0);
        assert!(calm.drift.score.expect("scores on both sides").psi.get() < 0.01);
        assert!(calm.drift.label.expect("predictions on both sides").psi.get() < 0.01);
        assert!(calm.segments.iter().all(|segment| segment.drifted.unwrap_or(0) == 0), "{:?}", calm.segments);

        let (table, _) = rows(500, 60.0);
        add(&mut watch, &table, &probability, 0..500);
        let shifted = watch.live().expect("a full window");
        let names: Vec<_> = drifted(&shifted.drift.features, &RULE).map(Drift::name).collect();
        assert_eq!(names, ["tenure", "monthly_charges", "total_charges"]);
        assert!(!watch.drift_alarm(), "one window is none yet");
        let mut restored: DriftWatch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        for watch in [&mut watch, &mut restored] {
            add(watch, &table, &probability, 0..499);
            assert!(!watch.drift_alarm());
            add(watch, &table, &probability, 0..1);
            assert!(watch.drift_alarm(), "a restart hides none");
        }
    }

    /// Two windows, their scores changed by `change`: how many drifted columns the last had, the score and the share of
    /// leavers among them, and whether that is an alarm.
    fn with_scores(change: impl Fn(f64) -> f64) -> (usize, bool, bool, bool) {
        let mut watch = DriftWatch::new(settings());
        let (table, probability) = rows(1_000, 0.0);
        add(&mut watch, &table, &probability, 0..1_000);
        let changed: Vec<f64> = probability.iter().map(|p| change(*p)).collect();
        add(&mut watch, &table, &changed, 0..1_000);
        let drift = &watch.live().expect("two windows").drift;
        assert_eq!(drifted(&drift.features, &RULE).count(), 0, "the features are the same");
        let moved = |effect: Option<churn_drift::Effect>| RULE.is_effect(&effect.expect("rows on both sides"));
        (drift.drifted(&RULE), moved(drift.score), moved(drift.label), watch.drift_alarm())
    }

    #[test]
    fn scores_that_move_alone_are_an_alarm_and_calm_ones_are_none() {
        assert_eq!(with_scores(|p| p), (0, false, false, false));
        assert_eq!(with_scores(|p| (p + 0.01).min(1.0)), (0, false, false, false), "chance would do as much");
        assert_eq!(with_scores(|p| if p < 0.5 { p / 2.0 } else { p }), (1, true, false, true), "as many leave");
        assert_eq!(with_scores(|p| p / 2.0), (2, true, true, true), "nobody is predicted to leave");
    }

    #[test]
    fn predictions_that_move_are_an_alarm_by_themselves() {
        let mut watch = DriftWatch::new(settings());
        let (table, probability) = rows(1_000, 0.0);
        let cells = vec![0; 1_000];
        let mut predict = |leaves: fn(usize) -> bool| {
            let predicted: Vec<bool> = (0..1_000).map(leaves).collect();
            let (features, probability) = (&table, probability.as_slice());
            watch.add(Rows { features, probability, predicted: &predicted, cells: &cells, range: 0..1_000 });
            watch.drift_alarm()
        };
        assert!(!predict(|row| row % 4 == 0));
        assert!(!predict(|row| row % 100 < 27), "27 of 100 are no more than 25");
        assert!(predict(|row| row % 2 == 0));
        assert!(!predict(|row| row % 4 == 0), "it ends when they are as before");
    }

    #[test]
    fn the_memory_of_a_version_that_did_not_test_scores_and_predictions_is_gone_on_with() {
        let mut watch = DriftWatch::new(settings());
        let (table, probability) = rows(1_000, 0.0);
        add(&mut watch, &table, &probability, 0..1_000);
        add(&mut watch, &table, &probability, 0..500);
        let mut stored = serde_json::to_value(&watch).unwrap();
        let live = stored.pointer_mut("/live/Watching").unwrap();
        live.as_object_mut().unwrap().remove("labels").expect("counted now");
        let latest = live["latest"].as_object_mut().unwrap();
        latest.remove("labels").expect("counted now");
        let drift = latest["drift"].as_object_mut().unwrap();
        for now in ["score", "label"] {
            drift.remove(now).expect("tested now");
        }
        drift.insert("probability".into(), serde_json::json!(0.02));
        let mut restored: DriftWatch = serde_json::from_value(stored).unwrap();
        let half: Vec<f64> = probability.iter().map(|p| p / 2.0).collect();
        add(&mut restored, &table, &half, 0..1_000);
        let drift = &restored.live().expect("two windows").drift;
        assert!(RULE.is_effect(&drift.score.unwrap()) && drift.label.is_none() && restored.drift_alarm());
    }

    #[test]
    fn values_that_go_missing_are_a_quality_alarm_and_segments_say_whose() {
        let mut watch = DriftWatch::new(settings());
        let (mut table, probability) = rows(1_000, 0.0);
        add(&mut watch, &table, &probability, 0..1_000);
        let contract = churn_domain::feature_index("contract").unwrap();
        let tenure = churn_domain::feature_index("tenure").unwrap();
        let two_years: Vec<usize> =
            (0..1_000).filter(|&row| table.words(contract).get(row) == Some("Two year")).collect();
        if let Column::Number(values) = &mut table.columns_mut()[tenure] {
            two_years.iter().for_each(|&row| values[row] = f64::NAN);
        }
        add(&mut watch, &table, &probability, 0..500);
        assert!(!watch.quality_alarm());
        add(&mut watch, &table, &probability, 500..1_000);
        assert!(watch.quality_alarm() && !watch.drift_alarm());
        let live = watch.live().unwrap();
        let names = watch.settings().segmentation.segments();
        let missing: Vec<_> = names
            .zip(&live.segments)
            .filter(|(name, found)| name.feature == "contract" && found.rows > 0)
            .map(|(name, found)| (name.value, found.missing.unwrap()))
            .collect();
        assert_eq!(missing, [("Month-to-month", 0.0), ("One year", 0.0), ("Two year", 1.0)]);
        let worse: Vec<_> = live
            .quality
            .iter()
            .filter(|found| watch.settings.quality.is_worse(found))
            .map(FeatureQuality::name)
            .collect();
        assert_eq!(worse, ["tenure"]);
    }

    #[test]
    fn the_training_reference_is_shown_from_the_first_window_on() {
        let mut watch = DriftWatch::new(settings());
        let (table, probability) = rows(500, 60.0);
        let (training, _) = rows(500, 0.0);
        let reference = Reference::from_table(&training);
        watch.compare_with_training(Training { features: reference, probability: probability_reference(&probability) });
        add(&mut watch, &table, &probability, 0..500);
        assert!(watch.live().is_none(), "the live reference is being collected");
        assert_eq!(drifted(&watch.training().expect("a full window").features, &RULE).count(), 3);
    }
}
