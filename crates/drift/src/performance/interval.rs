//! How far the figures of some labelled rows may be from the model's true ones, by chance alone.

use serde::{Deserialize, Serialize};

use super::{Confusion, Performance, Sum};

/// One thing of each figure that scatters from sample to sample. `None` where the figure is not defined or too few rows tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures<T> {
    /// Of the share of right labels.
    pub accuracy: Option<T>,
    /// Of the precision.
    pub precision: Option<T>,
    /// Of the recall.
    pub recall: Option<T>,
    /// Of F1.
    pub f1: Option<T>,
    /// Of the area under the ROC curve.
    pub auc: Option<T>,
    /// Of the average precision, the area under the precision-recall curve.
    pub average_precision: Option<T>,
    /// Of the mean log-loss.
    pub log_loss: Option<T>,
    /// Of the Brier score.
    pub brier: Option<T>,
    /// Of the expected calibration error.
    pub calibration_error: Option<T>,
}

/// Standard errors; that of the area is DeLong's. The calibration error has none: what moves it is not alike to both sides.
pub type Errors = Figures<f64>;

/// Where the true figures lie.
pub type Intervals = Figures<Interval>;

impl<T> Default for Figures<T> {
    fn default() -> Self {
        Self {
            accuracy: None,
            precision: None,
            recall: None,
            f1: None,
            auc: None,
            average_precision: None,
            log_loss: None,
            brier: None,
            calibration_error: None,
        }
    }
}

impl<T> Figures<T> {
    /// Those that are shares and scores from 0 to 1, by name.
    pub fn ratios(self) -> [(&'static str, Option<T>); 8] {
        [
            ("accuracy", self.accuracy),
            ("precision", self.precision),
            ("recall", self.recall),
            ("f1", self.f1),
            ("auc", self.auc),
            ("brier", self.brier),
            ("average_precision", self.average_precision),
            ("calibration_error", self.calibration_error),
        ]
    }
}

/// Where a figure's true value lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// So many of so many rows.
#[derive(Clone, Copy)]
struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    fn value(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }

    fn error(self) -> Option<f64> {
        self.value().map(|p| (p * (1.0 - p) / self.whole as f64).sqrt())
    }

    /// Wilson's (1927) score interval, which is right for few rows and for shares next to 0 or 1 as well.
    fn interval(self, z: f64) -> Option<Interval> {
        let (p, n) = (self.value()?, self.whole as f64);
        let scale = 1.0 / (1.0 + z * z / n);
        let middle = (p + z * z / (2.0 * n)) * scale;
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() * scale;
        Some(Interval { lower: (middle - half).max(0.0), upper: (middle + half).min(1.0) })
    }
}

struct Shares {
    accuracy: Share,
    precision: Share,
    recall: Share,
    /// Jaccard's share of true positives among all rows that are positive or labelled so: F1 is 2 s / (1 + s) of it.
    jaccard: Share,
}

impl Shares {
    fn of(counts: &Confusion) -> Self {
        let part = counts.true_positives;
        let labelled = part + counts.false_positives;
        let positive = part + counts.false_negatives;
        Self {
            accuracy: Share { part: part + counts.true_negatives, whole: counts.rows() },
            precision: Share { part, whole: labelled },
            recall: Share { part, whole: positive },
            jaccard: Share { part, whole: labelled + counts.false_negatives },
        }
    }
}

fn f1(jaccard: f64) -> f64 {
    2.0 * jaccard / (1.0 + jaccard)
}

impl Performance {
    /// Standard errors of the figures.
    pub fn errors(&self) -> Errors {
        let shares = Shares::of(&self.confusion);
        // The delta method: the slope of 2 s / (1 + s).
        let f1 = shares.jaccard.value().zip(shares.jaccard.error()).map(|(s, error)| error * 2.0 / (1.0 + s).powi(2));
        Errors {
            accuracy: shares.accuracy.error(),
            precision: shares.precision.error(),
            recall: shares.recall.error(),
            f1,
            auc: self.ranking.auc_standard_error(),
            average_precision: self.ranking.average_precision_standard_error(),
            log_loss: self.mean_error(&self.log_loss, &self.log_loss_squares),
            brier: self.mean_error(&self.squared_error, &self.squared_error_squares),
            calibration_error: None,
        }
    }

    /// Intervals that hold the true figure with the confidence of `z` standard errors (1.96 for 95 %), were the rows
    /// drawn again and again: Wilson's for shares, the normal one for areas and means, and
    /// [`Calibration`](super::Calibration)'s own.
    pub fn intervals(&self, z: f64) -> Intervals {
        let (shares, errors, figures) = (Shares::of(&self.confusion), self.errors(), self.summary());
        let normal = |value: Option<f64>, error: Option<f64>, highest: f64| {
            let (value, error) = value.zip(error)?;
            Some(Interval { lower: (value - z * error).max(0.0), upper: (value + z * error).min(highest) })
        };
        Intervals {
            accuracy: shares.accuracy.interval(z),
            precision: shares.precision.interval(z),
            recall: shares.recall.interval(z),
            f1: shares.jaccard.interval(z).map(|s| Interval { lower: f1(s.lower), upper: f1(s.upper) }),
            auc: normal(figures.auc, errors.auc, 1.0),
            average_precision: normal(figures.average_precision, errors.average_precision, 1.0),
            log_loss: normal(figures.log_loss, errors.log_loss, f64::INFINITY),
            brier: normal(figures.brier, errors.brier, 1.0),
            calibration_error: self.calibration.expected_error_interval(z),
        }
    }

    /// Standard error of a mean, from the sums of the values and of their squares.
    fn mean_error(&self, sum: &Sum, squares: &Sum) -> Option<f64> {
        let n = self.rows() as f64;
        let mean = sum.get() / n;
        let variance = (squares.get() / n - mean * mean).max(0.0) * n / (n - 1.0);
        (n > 1.0).then(|| (variance / n).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use churn_domain::Probability;

    use super::*;

    /// Rows of a calibrated model whose probabilities lean to the low end (numbers by splitmix64).
    fn rows(count: u64, seed: u64) -> Performance {
        let mut state = seed << 32;
        let mut next = || {
            state += 1;
            chance(state)
        };
        let mut performance = Performance::new();
        for _ in 0..count {
            let p = next().powi(2);
            performance.add(Probability::new(p).unwrap(), p >= 0.4, next() < p);
        }
        performance
    }

    #[test]
    fn a_share_has_wilsons_interval() {
        // statsmodels.stats.proportion.proportion_confint(8, 10, method="wilson").
        let found = Share { part: 8, whole: 10 }.interval(1.959_963_984_540_054).unwrap();
        assert!((found.lower - 0.490_162_47).abs() < 1e-7 && (found.upper - 0.943_317_85).abs() < 1e-7, "{found:?}");
        assert_eq!(Share { part: 0, whole: 0 }.interval(1.96), None);
        assert!(Share { part: 5, whole: 5 }.interval(1.96).unwrap().lower < 0.6);
    }

    #[test]
    fn figures_of_other_rows_scatter_as_their_errors_say() {
        let samples: Vec<Performance> = (0..200).map(|seed| rows(2_000, seed)).collect();
        type Of = (fn(&Performance) -> Option<f64>, fn(&Errors) -> Option<f64>);
        let figures: [(&str, Of); 8] = [
            ("accuracy", (|p| p.summary().accuracy, |e| e.accuracy)),
            ("precision", (|p| p.summary().precision, |e| e.precision)),
            ("recall", (|p| p.summary().recall, |e| e.recall)),
            ("f1", (|p| p.summary().f1, |e| e.f1)),
            ("auc", (|p| p.summary().auc, |e| e.auc)),
            ("average precision", (|p| p.summary().average_precision, |e| e.average_precision)),
            ("log-loss", (|p| p.summary().log_loss, |e| e.log_loss)),
            ("brier", (|p| p.summary().brier, |e| e.brier)),
        ];
        for (name, (figure, error)) in figures {
            let values: Vec<f64> = samples.iter().map(|sample| figure(sample).unwrap()).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let scatter = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
            let claimed = samples.iter().map(|s| error(&s.errors()).unwrap()).sum::<f64>() / samples.len() as f64;
            assert!((claimed / scatter - 1.0).abs() < 0.25, "{name}: {claimed} claimed, {scatter} found");
        }
    }

    #[test]
    fn the_interval_of_the_calibration_error_holds_the_true_one_of_calibrated_and_other_models() {
        // `rows` are calibrated: the true error is 0.
        let holds_0 =
            (0..200).filter(|&seed| rows(2_000, seed).intervals(1.96).calibration_error.unwrap().lower == 0.0);
        let calibrated = holds_0.count();
        assert!(calibrated >= 190, "{calibrated} of 200");
        let mut held = 0;
        for seed in 0..200 {
            // A tenth above what is true, throughout.
            let mut off = Performance::new();
            let mut state = seed << 20;
            for _ in 0..2_000 {
                state += 1;
                let (p, u) = (chance(state) * 0.9 + 0.1, chance(state ^ (1 << 50)));
                off.add(Probability::new(p).unwrap(), p >= 0.5, u < p - 0.1);
            }
            let found = off.intervals(1.96).calibration_error.unwrap();
            held += usize::from(found.lower <= 0.1 && 0.1 <= found.upper);
            assert!(found.upper - found.lower < 0.12 && found.lower > 0.0, "{found:?}");
        }
        assert!(held >= 188, "{held} of 200");
    }

    /// A number from 0 to 1 by splitmix64.
    fn chance(of: u64) -> f64 {
        let mut z = of.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[test]
    fn intervals_hold_their_figure_and_few_rows_have_none() {
        let performance = rows(2_000, 3);
        let (found, figures) = (performance.intervals(1.96), performance.summary());
        for (interval, figure) in [
            (found.accuracy, figures.accuracy),
            (found.precision, figures.precision),
            (found.recall, figures.recall),
            (found.f1, figures.f1),
            (found.auc, figures.auc),
            (found.average_precision, figures.average_precision),
            (found.log_loss, figures.log_loss),
            (found.brier, figures.brier),
        ] {
            let (interval, figure) = (interval.unwrap(), figure.unwrap());
            assert!(interval.lower < figure && figure < interval.upper, "{interval:?} {figure}");
        }
        assert_eq!(Performance::new().intervals(1.96), Intervals::default());
        let mut one = Performance::new();
        one.add(Probability::new(0.3).unwrap(), false, false);
        assert_eq!((one.errors().auc, one.errors().log_loss, one.intervals(1.96).precision), (None, None, None));
    }
}
