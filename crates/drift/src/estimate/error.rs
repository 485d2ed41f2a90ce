//! How much figures scatter from sample to sample, learnt from labelled rows (NannyML, `sampling_error`).

use serde::{Deserialize, Serialize};

use super::{Labelled, brier, log_loss};

/// Standard deviation of what one relevant row adds to a figure, and the share of rows that are relevant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Component {
    deviation: f64,
    share: f64,
}

impl Component {
    fn new(deviation: Option<f64>, share: f64) -> Option<Self> {
        let deviation = deviation?;
        (share > 0.0).then_some(Self { deviation, share })
    }

    fn for_rows(self, rows: usize) -> f64 {
        self.deviation / (rows as f64 * self.share).sqrt()
    }
}

/// The scatter of every figure; by default it is not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SamplingErrors {
    roc_auc: Option<Component>,
    f1: Option<Component>,
    precision: Option<Component>,
    recall: Option<Component>,
    specificity: Option<Component>,
    accuracy: Option<Component>,
    log_loss: Option<Component>,
    brier: Option<Component>,
}

/// Standard errors of the figures of a given number of rows; `None` where the reference does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    /// Of the area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Of F1.
    pub f1: Option<f64>,
    /// Of the precision.
    pub precision: Option<f64>,
    /// Of the recall.
    pub recall: Option<f64>,
    /// Of the specificity.
    pub specificity: Option<f64>,
    /// Of the accuracy.
    pub accuracy: Option<f64>,
    /// Of the mean log-loss.
    pub log_loss: Option<f64>,
    /// Of the Brier score.
    pub brier: Option<f64>,
}

impl SamplingErrors {
    /// Learns from labelled rows.
    pub fn of(rows: Labelled<'_>) -> Self {
        let count = |predicted: bool, actual: bool| {
            let pairs = rows.predicted.iter().zip(rows.actual);
            pairs.filter(|&(&p, &a)| p == predicted && a == actual).count() as f64
        };
        let (tp, fp, tn, fn_) = (count(true, true), count(true, false), count(false, false), count(false, true));
        let all = tp + fp + tn + fn_;
        let f1_rows = tp + fp + fn_;
        let f1 = deviation_of_share(tp, fp + fn_).map(|d| d * f1_rows / (tp + 0.5 * (fp + fn_)));
        let losses = |of: fn(f64, f64) -> f64| {
            let each = rows.probability.iter().zip(rows.actual).map(|(&p, &a)| of(f64::from(u8::from(a)), p));
            Component::new(deviation(&each.collect::<Vec<_>>()), 1.0)
        };
        Self {
            roc_auc: auc_component(rows),
            f1: Component::new(f1, f1_rows / all),
            precision: Component::new(deviation_of_share(tp, fp), (tp + fp) / all),
            recall: Component::new(deviation_of_share(tp, fn_), (tp + fn_) / all),
            specificity: Component::new(deviation_of_share(tn, fp), (tn + fp) / all),
            accuracy: Component::new(deviation_of_share(tp + tn, fp + fn_), 1.0),
            log_loss: losses(log_loss),
            brier: losses(brier),
        }
    }

    /// The standard errors of the figures of so many rows.
    pub fn for_rows(&self, rows: usize) -> Errors {
        let of = |component: Option<Component>| component.map(|component| component.for_rows(rows));
        Errors {
            roc_auc: of(self.roc_auc),
            f1: of(self.f1),
            precision: of(self.precision),
            recall: of(self.recall),
            specificity: of(self.specificity),
            accuracy: of(self.accuracy),
            log_loss: of(self.log_loss),
            brier: of(self.brier),
        }
    }
}

/// Standard deviation of so many ones among so many zeros.
fn deviation_of_share(ones: f64, zeros: f64) -> Option<f64> {
    let share = ones / (ones + zeros);
    share.is_finite().then(|| (share * (1.0 - share)).sqrt())
}

fn deviation(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let found = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    found.is_finite().then_some(found)
}

/// The area is the mean over the positives of the share of negatives ranked below each; the rarer class is taken for
/// the positives. As NannyML does, a positive on the lowest rank is left out.
fn auc_component(rows: Labelled<'_>) -> Option<Component> {
    let positives = rows.actual.iter().filter(|&&a| a).count();
    let flip = positives as f64 / rows.actual.len() as f64 > 0.5;
    let mut order: Vec<(f64, bool)> =
        rows.probability.iter().zip(rows.actual).map(|(&p, &a)| if flip { (1.0 - p, !a) } else { (p, a) }).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = order.iter().filter(|row| row.1).count() as f64;
    let negatives = order.len() as f64 - positives;
    let ranks = order.iter().enumerate().skip(1).filter(|(_, row)| row.1).map(|(rank, _)| rank as f64);
    let shares: Vec<f64> = ranks.enumerate().map(|(at, rank)| (rank - at as f64) / negatives).collect();
    Component::new(deviation(&shares), positives / order.len() as f64)
}
