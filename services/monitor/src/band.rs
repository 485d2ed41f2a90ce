//! Where a model version's figures lie while nothing is wrong: the band around those of its first labelled rows.
//!
//! The band is wide enough that chance leaves it less than once in a month of windows, and never so narrow that a
//! difference without meaning leaves it. It is the version's own live rows that it is drawn around, for the reason that
//! drift has a live reference: the figures of the training are of other customers.

use churn_domain::Probability;
use churn_drift::Performance;
use churn_drift::performance::{Errors, Figures};
use serde::{Deserialize, Serialize};

/// Standard errors, of reference and window together, that reach from the reference to the band's end. A normal figure
/// lies farther away once in 3.5 million times: seven figures every four seconds do so once in 23 days.
const ERRORS: f64 = 5.0;
/// Narrowest half of a band.
const MIN_HALF: f64 = 0.01;

/// The band of one model version: the end on the bad side of each figure, the upper one of log-loss and Brier score, the lower one of
/// the others. Better figures need no limit.
pub type Band = Figures<f64>;

/// Collects the first labelled rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum BandWatch {
    Filling(Box<Performance>),
    Drawn(Band),
}

impl BandWatch {
    pub(crate) fn new() -> Self {
        Self::Filling(Box::default())
    }

    /// Takes the truth about a row. The band is for windows of `window_rows` rows.
    pub(crate) fn add(
        &mut self,
        (probability, predicted, actual): (Probability, bool, bool),
        reference_rows: u64,
        window_rows: usize,
    ) {
        if let Self::Filling(first) = self {
            first.add(probability, predicted, actual);
            if first.rows() >= reference_rows {
                *self = Self::Drawn(draw(first, window_rows));
            }
        }
    }

    /// The band; `None` while the first rows are collected.
    pub(crate) fn band(&self) -> Option<&Band> {
        match self {
            Self::Filling(_) => None,
            Self::Drawn(band) => Some(band),
        }
    }
}

fn draw(reference: &Performance, window_rows: usize) -> Band {
    let (figures, errors): (_, Errors) = (reference.summary(), reference.errors());
    // The variances of reference and window add up; that of the window is as much larger as it has fewer rows.
    let both = (1.0 + reference.rows() as f64 / window_rows.max(1) as f64).sqrt();
    let half = |error: f64| (ERRORS * error * both).max(MIN_HALF);
    let below = |figure: Option<f64>, error: Option<f64>| figure.zip(error).map(|(f, e)| (f - half(e)).max(0.0));
    let above = |figure: Option<f64>, error: Option<f64>| figure.zip(error).map(|(f, e)| f + half(e));
    Band {
        accuracy: below(figures.accuracy, errors.accuracy),
        precision: below(figures.precision, errors.precision),
        recall: below(figures.recall, errors.recall),
        f1: below(figures.f1, errors.f1),
        auc: below(figures.auc, errors.auc),
        average_precision: below(figures.average_precision, errors.average_precision),
        log_loss: above(figures.log_loss, errors.log_loss),
        brier: above(figures.brier, errors.brier).map(|end| end.min(1.0)),
        // Its alarm has a limit of its own (ChurnCalibration).
        calibration_error: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_lies_around_the_first_rows_and_stays_there() {
        let mut watch = BandWatch::new();
        let row = |row: u64| {
            let p = (row * 7_919 % 10_007) as f64 / 10_007.0;
            (Probability::new(p).unwrap(), p >= 0.5, (row * 104_729 % 99_991) as f64 / 99_991.0 < p)
        };
        (0..9_999).for_each(|at| watch.add(row(at), 10_000, 10_000));
        assert_eq!(watch.band(), None);
        watch.add(row(9_999), 10_000, 10_000);
        let band = *watch.band().unwrap();
        // Accuracy 3/4 of 10,000 rows: five times sqrt(2 * 0.1875 / 10,000) below.
        assert!((band.accuracy.unwrap() - (0.75 - 0.0306)).abs() < 0.01, "{band:?}");
        assert!(band.auc.unwrap() < 5.0 / 6.0 && band.auc.unwrap() > 0.79, "{band:?}");
        assert!(band.log_loss.unwrap() > 0.5, "{band:?}");
        (0..5_000).for_each(|at| watch.add((row(at).0, true, false), 10_000, 10_000));
        assert_eq!(watch.band(), Some(&band));
    }

    #[test]
    fn one_class_has_no_area_and_no_band_of_it() {
        let mut watch = BandWatch::new();
        (0..100).for_each(|_| watch.add((Probability::new(0.1).unwrap(), false, false), 100, 100));
        let band = watch.band().unwrap();
        assert_eq!((band.auc, band.precision, band.f1), (None, None, None));
        assert!(band.accuracy.is_some_and(|end| (end - 0.99).abs() < 1e-12), "{band:?}");
    }
}
