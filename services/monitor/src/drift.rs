//! One model version's live rows against its two references.
//!
//! The live reference is the version's first live rows: alarms compare with it, for all customers and shown for each
//! segment of them. The training reference is shown beside it and never alarmed on, because a synthetic stream differs
//! from the rows it was fitted on for ever.

use std::ops::Range;
use std::sync::Arc;

use churn_domain::Table;
use churn_drift::{
    Accumulator, ColumnReference, ColumnWindow, DriftRule, Edges, Length, Panes, QualityRule, Segmentation, Window,
    Windowing,
};
use serde::{Deserialize, Serialize};

use crate::comparison::{Comparison, LiveComparison, count_labels};
use crate::live::LiveWatch;
use crate::scores::{ScoreDetections, ScoreDetectors};
use crate::training::Training;

/// Bins of the probability in the live reference, each as wide as the others.
const PROBABILITY_BINS: usize = 20;

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
mod tests {
    use churn_domain::{Column, FEATURES};
    use churn_drift::{Drift, FeatureQuality, Reference, drifted};

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
            windowing: None,
        }
    }

    /// Whoever is more likely to leave than not is predicted to.
    fn add(watch: &mut DriftWatch, features: &Table, probability: &[f64], range: Range<usize>) {
        let mut cells = Vec::new();
        watch.settings.segmentation.clone().cells_into(features, 0..features.len(), &mut cells);
        let predicted: Vec<bool> = probability.iter().map(|p| *p >= 0.5).collect();
        let time_ms = vec![0; probability.len()];
        watch.add(Rows { features, probability, predicted: &predicted, time_ms: &time_ms, cells: &cells, range });
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
            let (time_ms, range) = (&[0; 1_000], 0..1_000);
            watch.add(Rows { features, probability, predicted: &predicted, time_ms, cells: &cells, range });
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
    fn a_window_that_a_version_without_panes_had_begun_is_gone_on_with() {
        let mut watch = DriftWatch::new(settings());
        let (table, probability) = rows(1_000, 0.0);
        add(&mut watch, &table, &probability, 0..1_000);
        add(&mut watch, &table, &probability, 0..300);
        let mut stored = serde_json::to_value(&watch).unwrap();
        stored.as_object_mut().unwrap().remove("scores").expect("watched now");
        stored["settings"].as_object_mut().unwrap().remove("windowing").expect("configured now");
        let live = stored.pointer_mut("/live/Watching").unwrap();
        let begun = live["panes"]["panes"][0]["counted"].clone();
        live["window"] = begun["window"].clone();
        live["labels"]["now"] = begun["labels"].clone();
        for now in ["panes", "components", "seen"] {
            live.as_object_mut().unwrap().remove(now).expect("stored now");
        }
        let mut restored: DriftWatch = serde_json::from_value(stored).unwrap();
        assert_eq!(restored.settings(), watch.settings());
        let (shifted, _) = rows(1_000, 60.0);
        for watch in [&mut watch, &mut restored] {
            add(watch, &shifted, &probability, 0..199);
            assert!(watch.live().is_none());
            add(watch, &shifted, &probability, 199..700);
        }
        let (expected, found) = (watch.live().unwrap(), restored.live().unwrap());
        assert_eq!((&found.drift.features, found.labels), (&expected.drift.features, expected.labels));
        assert!(found.reconstructed.is_none() && expected.reconstructed.is_some());
        assert!(restored.drift_alarm(), "two windows have drifted");
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

    /// What `Window` says of the rows whose times lie in a window.
    fn by_definition(reference: &Table, table: &Table, time_ms: &[i64], window: Range<i64>) -> Vec<f64> {
        let mut expected = Window::new(Arc::new(Reference::from_table(reference)));
        (0..table.len())
            .filter(|&row| window.contains(&time_ms[row]))
            .for_each(|row| expected.add(table, row..row + 1));
        expected.compare().iter().map(|drift| drift.psi.get()).collect()
    }

    #[test]
    fn sliding_windows_by_time_say_what_their_rows_say_over_gaps_disorder_and_restarts() {
        let length = Length::Time { length_ms: 2_000, lateness_ms: 100 };
        let mut watch =
            DriftWatch::new(DriftSettings { windowing: Some(Windowing { length, panes: 4 }), ..settings() });
        let (first, probability) = rows(1_000, 0.0);
        add(&mut watch, &first, &probability, 0..1_000);
        // A row a millisecond, in no order within 100 ms; nothing for 1.7 s after 4 s and for an hour after 9.8 s; and from
        // 7 s on they change.
        let count = 14_000;
        let mut time_ms: Vec<i64> = (0..count).map(|row| row + if row < 3_960 { 0 } else { 1_700 }).collect();
        time_ms[8_100..].iter_mut().for_each(|time| *time += 3_600_000);
        time_ms.chunks_mut(90).for_each(<[i64]>::reverse);
        let (mut table, probability) = rows(count as usize, 0.0);
        if let Column::Number(values) = &mut table.columns_mut()[churn_domain::feature_index("tenure").unwrap()] {
            values.iter_mut().zip(&time_ms).filter(|(_, time)| **time >= 7_000).for_each(|(value, _)| *value += 30.0);
        }
        let cells = vec![0; count as usize];
        let predicted: Vec<bool> = probability.iter().map(|p| *p >= 0.5).collect();
        let (mut seen, mut alarm) = (0, None);
        for start in (0..count as usize).step_by(130) {
            let range = start..(start + 130).min(count as usize);
            let (end, time_ms) = (range.end, time_ms.as_slice());
            watch.add(Rows {
                features: &table,
                probability: &probability,
                predicted: &predicted,
                time_ms,
                cells: &cells,
                range,
            });
            watch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
            let newest = time_ms[..end].iter().max().unwrap();
            // The last window that is complete and has enough rows.
            let ends = (0..=(newest - 100) / 500).rev().map(|pane| pane * 500);
            let enough =
                |window: &Range<i64>| time_ms[..end].iter().filter(|time| window.contains(time)).count() >= 1_000;
            let Some(window) = ends.map(|end| end - 2_000..end).take(30).find(enough) else { continue };
            let live = watch.live().expect("a window");
            let found: Vec<f64> = live.drift.features.iter().map(|drift| drift.psi.get()).collect();
            let expected = by_definition(&first, &table, time_ms, window.clone());
            assert_eq!(found, expected, "{window:?} at {newest}");
            seen += 1;
            if watch.drift_alarm() {
                alarm.get_or_insert(window);
            }
        }
        assert!(seen > 60, "{seen}");
        assert_eq!(watch.late_rows(), 0);
        // The first to drift is that up to 7.5 s; two that share no row have to, and all between.
        assert_eq!(alarm, Some(7_500..9_500));
    }

    #[test]
    fn a_window_by_time_of_few_rows_says_nothing() {
        let length = Length::Time { length_ms: 1_000, lateness_ms: 0 };
        let windowing = Some(Windowing { length, panes: 1 });
        let mut watch = DriftWatch::new(DriftSettings { windowing, ..settings() });
        let (table, probability) = rows(3_000, 0.0);
        let time_ms: Vec<i64> = (0..3_000).map(|row| if row < 1_999 { row } else { row - 1_000 }).collect();
        let (cells, predicted) = (vec![0; 3_000], vec![false; 3_000]);
        let rows = |range| Rows {
            features: &table,
            probability: &probability,
            predicted: &predicted,
            time_ms: &time_ms,
            cells: &cells,
            range,
        };
        // The first 1,000 are the reference, 999 the window, and one too late begins the next.
        watch.add(rows(0..1_999));
        assert!(watch.live().is_none());
        let late: Vec<i64> = vec![5_000; 3_000];
        watch.add(Rows { time_ms: &late, ..rows(1_999..2_000) });
        assert!(watch.live().is_none(), "999 rows");
        assert_eq!(watch.late_rows(), 0);
        watch.add(rows(2_000..3_000));
        assert_eq!((watch.late_rows(), watch.live().is_none()), (1_000, true));
    }

    #[test]
    fn columns_that_no_longer_go_together_are_seen_though_each_is_as_before() {
        let settings = DriftSettings { reference_rows: 20_000, window_rows: 10_000, ..settings() };
        let mut watch = DriftWatch::new(settings);
        let (table, probability) = rows(20_000, 0.0);
        add(&mut watch, &table, &probability, 0..20_000);
        add(&mut watch, &table, &probability, 0..20_000);
        let calm = watch.live().expect("two windows");
        assert!(!calm.apart && !watch.drift_alarm(), "{:?}", calm.reconstructed);
        // The same values, but the charges are another customer's.
        let mut mixed = table.clone();
        for (step, name) in [(7_003, "monthly_charges"), (3_007, "total_charges")] {
            if let Column::Number(values) = &mut mixed.columns_mut()[churn_domain::feature_index(name).unwrap()] {
                let before = values.clone();
                values.iter_mut().enumerate().for_each(|(row, value)| *value = before[row * step % before.len()]);
            }
        }
        add(&mut watch, &mixed, &probability, 0..20_000);
        let live = watch.live().expect("windows");
        assert_eq!(live.drift.drifted(&RULE), 0, "no column has drifted");
        assert!(live.drift.features.iter().all(|drift| drift.psi.get() < 0.01));
        assert!(live.apart && watch.drift_alarm(), "{:?}", live.reconstructed);
    }
}
