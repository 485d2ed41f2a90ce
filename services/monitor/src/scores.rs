//! Detectors on the scores of one model version.
//!
//! They watch means of the probability, in the order in which rows came: ADWIN and Page-Hinkley those of every hundred
//! rows, KSWIN, which costs most, those of every thousand. So all rows count, at a fraction of the cost, and a mean is
//! steady enough for a detector to speak up seldom. They are shown and raise no alarm.

use std::mem;

use churn_drift::defaults::{KSWIN_ALPHA, KSWIN_SEED, MEAN_ROWS, MEANS};
use churn_drift::detectors::{Adwin, Kswin, PageHinkley, Signal};
use serde::{Deserialize, Serialize};

/// Rows of one mean, and means of one mean for KSWIN.
const BLOCK_ROWS: u64 = MEAN_ROWS as u64;
const BLOCKS: u64 = MEANS as u64;

/// What a detector has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreDetection {
    /// How many drifts.
    pub drifts: u64,
    /// Rows that the version had scored at the last one.
    pub last_row: Option<u64>,
}

/// What each detector has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreDetections {
    /// ADWIN, of River's parameters.
    pub adwin: ScoreDetection,
    /// Page-Hinkley, of River's parameters: scores that grow.
    pub page_hinkley: ScoreDetection,
    /// KSWIN, at a p-value of 1e-9.
    pub kswin: ScoreDetection,
}

/// The detectors and the mean that fills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScoreDetectors {
    rows: u64,
    sum: f64,
    sum_of_means: f64,
    adwin: Adwin,
    page_hinkley: PageHinkley,
    kswin: Kswin,
    found: ScoreDetections,
}

impl Default for ScoreDetectors {
    fn default() -> Self {
        Self {
            rows: 0,
            sum: 0.0,
            sum_of_means: 0.0,
            adwin: Adwin::default(),
            page_hinkley: PageHinkley::default(),
            kswin: Kswin::with_alpha(KSWIN_ALPHA, KSWIN_SEED),
            found: ScoreDetections::default(),
        }
    }
}

impl ScoreDetectors {
    /// Takes the probabilities of the next rows.
    pub(crate) fn add(&mut self, mut probability: &[f64]) {
        while !probability.is_empty() {
            let room = (BLOCK_ROWS - self.rows % BLOCK_ROWS) as usize;
            let (block, rest) = probability.split_at(room.min(probability.len()));
            self.sum += block.iter().sum::<f64>();
            self.rows += block.len() as u64;
            probability = rest;
            if self.rows.is_multiple_of(BLOCK_ROWS) {
                self.update();
            }
        }
    }

    pub(crate) fn found(&self) -> ScoreDetections {
        self.found
    }

    fn update(&mut self) {
        let mean = mem::take(&mut self.sum) / BLOCK_ROWS as f64;
        let (found, rows) = (&mut self.found, self.rows);
        found.adwin.note(self.adwin.update(mean), rows);
        found.page_hinkley.note(self.page_hinkley.update(mean), rows);
        self.sum_of_means += mean;
        if rows.is_multiple_of(BLOCK_ROWS * BLOCKS) {
            let mean = mem::take(&mut self.sum_of_means) / BLOCKS as f64;
            found.kswin.note(self.kswin.update(mean), rows);
        }
    }
}

impl ScoreDetection {
    fn note(&mut self, signal: Signal, rows: u64) {
        if signal == Signal::Drift {
            self.drifts += 1;
            self.last_row = Some(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities that lean to the low end, as churn's do, times `factor`.
    fn scores(rows: std::ops::Range<u64>, factor: f64) -> Vec<f64> {
        let uniform = |row: u64| (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64;
        rows.map(|row| (uniform(row ^ (row << 7)).powi(2) * factor).min(1.0)).collect()
    }

    #[test]
    fn calm_scores_are_no_drift_and_those_that_move_are_one_with_its_place() {
        let mut detectors = ScoreDetectors::default();
        detectors.add(&scores(0..300_000, 0.8));
        assert_eq!(detectors.found(), ScoreDetections::default());
        detectors.add(&scores(300_000..400_000, 1.0));
        let found = detectors.found();
        assert!(found.adwin.drifts > 0 && found.page_hinkley.drifts > 0 && found.kswin.drifts > 0, "{found:?}");
        assert!(found.kswin.last_row.is_some_and(|row| (320_000..=400_000).contains(&row)), "{found:?}");
    }

    #[test]
    fn scores_that_grow_for_long_are_a_drift_to_page_and_hinkley() {
        let mut detectors = ScoreDetectors::default();
        (0..100).for_each(|_| detectors.add(&[0.1; 1_000]));
        assert_eq!(detectors.found().page_hinkley.drifts, 0);
        (0..100).for_each(|_| detectors.add(&[0.9; 1_000]));
        assert_eq!(detectors.found().page_hinkley.drifts, 1);
        assert!(detectors.found().page_hinkley.last_row.is_some_and(|row| (105_000..110_000).contains(&row)));
    }

    #[test]
    fn batches_and_restarts_change_nothing() {
        let all = [scores(0..150_000, 0.8), scores(150_000..250_500, 1.0)].concat();
        let mut whole = ScoreDetectors::default();
        whole.add(&all);
        let mut parts = ScoreDetectors::default();
        for part in all.chunks(1_337) {
            parts.add(part);
            parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
        }
        assert!(whole.found().adwin.drifts > 0);
        assert_eq!(parts.found(), whole.found());
    }
}
