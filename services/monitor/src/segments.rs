//! The figures of each segment's labelled rows: the last full window of them, or the first one while it fills; and whether
//! a segment's errors have grown.

use churn_domain::Probability;
use churn_drift::performance::log_loss;
use churn_drift::{Accumulator, Performance, Segmentation, Summary};
use serde::{Deserialize, Serialize};

use crate::performance::PerformanceSettings;
use crate::segment_errors::SegmentErrors;

/// Bins behind a segment's AUC: a tenth of the whole's, because there are many segments.
const BINS: usize = 1_000;

/// All segments of one model version.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SegmentFigures {
    filling: Vec<Performance>,
    last: Option<Vec<Performance>>,
    rows: usize,
    /// One a segment. Memory of a former version has none: they begin with its next rows.
    #[serde(default)]
    errors: Vec<SegmentErrors>,
}

impl SegmentFigures {
    pub(crate) fn new(segmentation: &Segmentation) -> Self {
        let filling: Vec<_> = segmentation.segments().map(|_| Performance::with_bins(BINS)).collect();
        Self { errors: vec![SegmentErrors::default(); filling.len()], filling, last: None, rows: 0 }
    }

    /// Takes the truth about a row of this cell. A window ends with `window_rows` rows of all segments.
    pub(crate) fn add(
        &mut self,
        segmentation: &Segmentation,
        cell: u16,
        (probability, predicted, actual): (Probability, bool, bool),
        window_rows: usize,
        settings: &PerformanceSettings,
    ) {
        if self.rows >= window_rows {
            let mut last = self.last.take().unwrap_or_else(|| self.filling.clone());
            std::mem::swap(&mut last, &mut self.filling);
            self.filling.iter_mut().for_each(Accumulator::reset);
            self.last = Some(last);
            self.rows = 0;
        }
        self.rows += 1;
        self.errors.resize_with(self.filling.len(), SegmentErrors::default);
        let loss = log_loss(probability, actual);
        for at in segmentation.segments_of(cell) {
            if let (Some(segment), Some(errors)) = (self.filling.get_mut(at), self.errors.get_mut(at)) {
                segment.add(probability, predicted, actual);
                errors.add(loss, settings);
            }
        }
    }

    /// The errors of a segment, by its place.
    pub(crate) fn errors(&self, at: usize) -> Option<&SegmentErrors> {
        self.errors.get(at)
    }

    /// One entry a segment.
    pub(crate) fn summaries(&self) -> Vec<Summary> {
        self.last.as_ref().unwrap_or(&self.filling).iter().map(Performance::summary).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_is_shown_until_the_next_one_is_full() {
        let segmentation = Segmentation::new(&["senior_citizen".to_owned()]).unwrap();
        let mut figures = SegmentFigures::new(&segmentation);
        let settings = PerformanceSettings { reference_rows: 1_000, block_rows: 1_000, min_increase: 0.1 };
        let p = Probability::new(0.7).unwrap();
        let mut add = |count: usize, cell: u16, actual: bool| {
            (0..count).for_each(|_| figures.add(&segmentation, cell, (p, true, actual), 10, &settings));
            figures.summaries().iter().map(|summary| summary.rows).collect::<Vec<_>>()
        };
        assert_eq!(add(4, 0, true), [4, 0, 0, 0]);
        assert_eq!(add(6, 1, false), [4, 6, 0, 0]);
        assert_eq!(add(9, 1, false), [4, 6, 0, 0]);
        assert_eq!(add(2, 0, true), [1, 9, 0, 0]);
        assert_eq!(figures.summaries()[1].accuracy, Some(0.0));
    }

    #[test]
    fn a_segment_whose_customers_turn_is_an_alarm_and_the_others_are_none() {
        let segmentation = Segmentation::new(&["senior_citizen".to_owned()]).unwrap();
        let settings = PerformanceSettings { reference_rows: 2_000, block_rows: 1_000, min_increase: 0.1 };
        let mut figures = SegmentFigures::new(&segmentation);
        let mut feed = |turned: bool| {
            for row in 0..8_000_u32 {
                let (chance, senior) = (f64::from(row * 7_919 % 1_009) / 1_009.0, row % 4 == 0);
                let left = (f64::from(row * 104_729 % 997) / 997.0 < chance) != (turned && senior);
                let told = (Probability::new(chance).unwrap(), chance >= 0.5, left);
                figures.add(&segmentation, u16::from(senior), told, 10_000, &settings);
            }
            (0..4).map(|at| figures.errors(at).and_then(SegmentErrors::alarm)).collect::<Vec<_>>()
        };
        assert_eq!(feed(false), [Some(false), Some(false), None, None]);
        assert_eq!(feed(true), [Some(false), Some(true), None, None]);
        // What a former version stored.
        let mut stored = serde_json::to_value(&figures).unwrap();
        stored.as_object_mut().unwrap().remove("errors");
        let mut restored: SegmentFigures = serde_json::from_value(stored).unwrap();
        assert!(restored.errors(1).is_none());
        restored.add(&segmentation, 1, (Probability::new(0.5).unwrap(), true, true), 10_000, &settings);
        assert_eq!(restored.errors(1).unwrap().alarm(), None);
    }
}
