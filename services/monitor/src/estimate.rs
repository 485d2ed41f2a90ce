//! How well a model version probably does before the truth is known, beside what the truth then says: of all customers and
//! of each segment.
//!
//! The version's first labelled rows teach whether its probabilities have to be calibrated first and how much figures
//! scatter (CBPE, `churn_drift::estimate`). Until they are there, probabilities are taken as they are and figures have no
//! intervals. These first rows are not stored: after a restart they are collected anew.
//!
//! A segment learns from its own first rows: a model may be calibrated on the whole and off in a part. One with too few of
//! them is calibrated as the whole is, and has no intervals.

use churn_domain::Probability;
use churn_drift::estimate::{Estimates, Estimator, Labelled, Unlabelled, UnlabelledRow};
use churn_drift::{Accumulator, Segmentation};
use serde::{Deserialize, Serialize};

/// First labelled rows of a segment that are enough to learn from.
const SEGMENT_ROWS: usize = 500;
/// Rows of a segment in a window that are enough to expect anything of.
const MIN_SEGMENT_ROWS: u64 = 200;
/// Bins of a segment's window: an eighth of the whole's, because there are many segments.
const SEGMENT_BINS: usize = 250;

/// The expectation of one model version.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EstimateWatch {
    estimator: Estimator,
    #[serde(skip)]
    first: FirstRows,
    learnt: bool,
    window: Unlabelled,
    latest: Option<Estimates>,
    #[serde(default)]
    segments: SegmentEstimates,
}

/// The same of its segments, one entry a segment each. Windows are not stored: after a restart they fill anew.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct SegmentEstimates {
    /// Empty until something is learnt.
    estimators: Vec<Estimator>,
    #[serde(skip)]
    windows: Vec<Unlabelled>,
    latest: Vec<Option<Estimates>>,
}

#[derive(Debug, Default)]
struct FirstRows {
    probability: Vec<f64>,
    predicted: Vec<bool>,
    actual: Vec<bool>,
    cells: Vec<u16>,
}

impl EstimateWatch {
    pub(crate) fn new() -> Self {
        Self {
            estimator: Estimator::uncalibrated(),
            first: FirstRows::default(),
            learnt: false,
            window: Unlabelled::default(),
            latest: None,
            segments: SegmentEstimates::default(),
        }
    }

    /// Takes scored rows, each with its cell; a window ends with `window_rows` of them.
    pub(crate) fn score(
        &mut self,
        (probability, predicted): (&[f64], &[bool]),
        (segmentation, cells): (&Segmentation, &[u16]),
        window_rows: usize,
    ) {
        self.segments.open(segmentation);
        for ((&probability, &predicted), &cell) in probability.iter().zip(predicted).zip(cells) {
            let Some(row) = UnlabelledRow::new(probability, predicted) else { continue };
            self.window.add_row(&row);
            self.segments.add(segmentation, cell, &row);
            if self.window.rows() >= window_rows as u64 {
                self.latest = self.estimator.estimate_window(&self.window);
                self.window.reset();
                self.segments.close(&self.estimator);
            }
        }
    }

    /// Takes the truth about a row, until `reference_rows` are known.
    pub(crate) fn label(
        &mut self,
        (probability, predicted, actual): (Probability, bool, bool),
        (segmentation, cell): (&Segmentation, u16),
        reference_rows: usize,
    ) {
        if self.learnt {
            return;
        }
        let first = &mut self.first;
        first.probability.push(probability.get());
        first.predicted.push(predicted);
        first.actual.push(actual);
        first.cells.push(cell);
        if first.actual.len() < reference_rows {
            return;
        }
        let first = std::mem::take(first);
        match Estimator::fit(first.labelled()) {
            Ok(estimator) => self.estimator = estimator,
            // Probabilities are checked and columns filled together: there is nothing else to refuse.
            Err(error) => tracing::warn!(%error, "expected performance stays without intervals"),
        }
        self.segments.learn(&first, segmentation, &self.estimator);
        self.learnt = true;
    }

    /// Of the last full window.
    pub(crate) fn latest(&self) -> Option<&Estimates> {
        self.latest.as_ref()
    }

    /// The same of a segment, by its place; `None` as well where it had too few rows.
    pub(crate) fn of_segment(&self, at: usize) -> Option<&Estimates> {
        self.segments.latest.get(at)?.as_ref()
    }
}

impl FirstRows {
    fn labelled(&self) -> Labelled<'_> {
        Labelled { probability: &self.probability, predicted: &self.predicted, actual: &self.actual }
    }

    fn of_segment(&self, segmentation: &Segmentation, segment: usize) -> Self {
        let mut part = Self::default();
        for (row, &cell) in self.cells.iter().enumerate() {
            if segmentation.segments_of(cell).any(|at| at == segment) {
                part.probability.push(self.probability[row]);
                part.predicted.push(self.predicted[row]);
                part.actual.push(self.actual[row]);
            }
        }
        part
    }
}

impl SegmentEstimates {
    fn open(&mut self, segmentation: &Segmentation) {
        if self.windows.is_empty() {
            self.windows = segmentation.segments().map(|_| Unlabelled::with_bins(SEGMENT_BINS)).collect();
        }
    }

    fn add(&mut self, segmentation: &Segmentation, cell: u16, row: &UnlabelledRow) {
        for at in segmentation.segments_of(cell) {
            if let Some(window) = self.windows.get_mut(at) {
                window.add_row(row);
            }
        }
    }

    fn close(&mut self, of_all: &Estimator) {
        let unlearnt = of_all.without_errors();
        let estimate = |(at, window): (usize, &Unlabelled)| {
            let estimator = self.estimators.get(at).unwrap_or(&unlearnt);
            (window.rows() >= MIN_SEGMENT_ROWS).then(|| estimator.estimate_window(window)).flatten()
        };
        self.latest = self.windows.iter().enumerate().map(estimate).collect();
        self.windows.iter_mut().for_each(Accumulator::reset);
    }

    fn learn(&mut self, first: &FirstRows, segmentation: &Segmentation, of_all: &Estimator) {
        let learn = |at: usize| {
            let part = first.of_segment(segmentation, at);
            let enough = part.actual.len() >= SEGMENT_ROWS;
            let own = enough.then(|| Estimator::fit(part.labelled()).ok()).flatten();
            own.unwrap_or_else(|| of_all.without_errors())
        };
        self.estimators = (0..segmentation.segments().count()).map(learn).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(watch: &mut EstimateWatch, rows: std::ops::Range<u64>, labelled: bool) {
        for row in rows {
            let p = (row * 7_919 % 10_007) as f64 / 10_007.0;
            let segmentation = Segmentation::new(&["senior_citizen".to_owned()]).unwrap();
            // Every fourth is a senior, and seniors leave half as often as the model says.
            let cell = u16::from(row % 4 == 0);
            watch.score((&[p], &[p >= 0.5]), (&segmentation, &[cell]), 1_000);
            if labelled {
                let u = (row * 104_729 % 99_991) as f64 / 99_991.0;
                let left = u < if cell == 1 { p / 2.0 } else { p };
                watch.label((Probability::new(p).unwrap(), p >= 0.5, left), (&segmentation, cell), 2_000);
            }
        }
    }

    #[test]
    fn figures_are_there_with_the_first_window_and_intervals_with_the_first_labels() {
        let mut watch = EstimateWatch::new();
        feed(&mut watch, 0..999, false);
        assert_eq!(watch.latest(), None);
        feed(&mut watch, 999..1_000, false);
        // Evenly spread probabilities: the area is 5/6, the accuracy 3/4.
        let bare = *watch.latest().unwrap();
        assert!((bare.roc_auc.unwrap().value - 5.0 / 6.0).abs() < 0.01, "{bare:?}");
        assert!((bare.accuracy.unwrap().value - 0.75).abs() < 0.01 && bare.accuracy.unwrap().lower.is_none());
        feed(&mut watch, 1_000..3_000, true);
        let mut restored: EstimateWatch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        for watch in [&mut watch, &mut restored] {
            feed(watch, 3_000..4_000, false);
            let found = watch.latest().unwrap().accuracy.unwrap();
            let (lower, upper) = found.lower.zip(found.upper).unwrap();
            assert!(lower < found.value && found.value < upper && upper - lower < 0.1, "{found:?}");
        }
    }

    #[test]
    fn a_segment_is_expected_to_do_as_its_own_first_rows_did() {
        let mut watch = EstimateWatch::new();
        feed(&mut watch, 0..1_000, false);
        let of = |watch: &EstimateWatch, at: usize| watch.of_segment(at).and_then(|found| found.accuracy);
        let bare = of(&watch, 1).expect("250 seniors");
        assert!((bare.value - 0.75).abs() < 0.02 && bare.lower.is_none(), "{bare:?}");
        assert_eq!(of(&watch, 2), None, "nobody of another kind");
        feed(&mut watch, 1_000..3_000, true);
        let mut restored: EstimateWatch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        for watch in [&mut watch, &mut restored] {
            feed(watch, 3_000..4_000, false);
            // Of those who seem to leave, 3/8 do and 7/8 of the others stay.
            let seniors = of(watch, 1).unwrap();
            assert!((seniors.value - 0.625).abs() < 0.05 && seniors.lower.is_some(), "{seniors:?}");
            let others = of(watch, 0).unwrap();
            assert!((others.value - 0.75).abs() < 0.03, "{others:?}");
        }
    }
}
