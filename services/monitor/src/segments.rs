//! The figures of each segment's labelled rows: the last full window of them, or the first one while it fills.

use churn_domain::Probability;
use churn_drift::{Accumulator, Performance, Segmentation, Summary};
use serde::{Deserialize, Serialize};

/// Bins behind a segment's AUC: a tenth of the whole's, because there are many segments.
const BINS: usize = 1_000;

/// All segments of one model version.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SegmentFigures {
    filling: Vec<Performance>,
    last: Option<Vec<Performance>>,
    rows: usize,
}

impl SegmentFigures {
    pub(crate) fn new(segmentation: &Segmentation) -> Self {
        let filling = segmentation.segments().map(|_| Performance::with_bins(BINS)).collect();
        Self { filling, last: None, rows: 0 }
    }

    /// Takes the truth about a row of this cell. A window ends with `window_rows` rows of all segments.
    pub(crate) fn add(
        &mut self,
        segmentation: &Segmentation,
        cell: u16,
        (probability, predicted, actual): (Probability, bool, bool),
        window_rows: usize,
    ) {
        if self.rows >= window_rows {
            let mut last = self.last.take().unwrap_or_else(|| self.filling.clone());
            std::mem::swap(&mut last, &mut self.filling);
            self.filling.iter_mut().for_each(Accumulator::reset);
            self.last = Some(last);
            self.rows = 0;
        }
        self.rows += 1;
        for at in segmentation.segments_of(cell) {
            if let Some(segment) = self.filling.get_mut(at) {
                segment.add(probability, predicted, actual);
            }
        }
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
        let p = Probability::new(0.7).unwrap();
        let mut add = |count: usize, cell: u16, actual: bool| {
            (0..count).for_each(|_| figures.add(&segmentation, cell, (p, true, actual), 10));
            figures.summaries().iter().map(|summary| summary.rows).collect::<Vec<_>>()
        };
        assert_eq!(add(4, 0, true), [4, 0, 0, 0]);
        assert_eq!(add(6, 1, false), [4, 6, 0, 0]);
        assert_eq!(add(9, 1, false), [4, 6, 0, 0]);
        assert_eq!(add(2, 0, true), [1, 9, 0, 0]);
        assert_eq!(figures.summaries()[1].accuracy, Some(0.0));
    }
}
