//! What a model is good for, in curves: `evaluation.json` of the artifact, which the report draws.

use churn_domain::{Column, FEATURE_COUNT, FEATURES, Kind, Table};
use serde::{Deserialize, Serialize};

use crate::metrics::{
    Campaign, CampaignPoint, ECE_BINS, Interval, Resamples, Slice, auc, average_precision, brier, ece, gain, log_loss,
    precision_recall, roc, slices,
};
use crate::{CrossValidated, Examples, Explainer, Goal, Repeated, ScoringModel};

/// Points of a curve at most.
const POINTS: usize = 200;
/// Resamples of an interval.
const RESAMPLES: usize = 300;
/// Customers that importance and dependence are averaged over, at most.
const SAMPLED: usize = 1_000;
/// Values of a number that dependence is drawn at.
const DEPENDENCE_POINTS: usize = 15;

/// Figures and curves of customers that the model had not seen, and what moves it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What 95 % of the resamples lie within.
    pub intervals: Intervals,
    /// Figures on further splits into folds, where these were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated: Option<Repeated>,
    /// ROC curve: false-positive rate, true-positive rate.
    pub roc: Vec<(f64, f64)>,
    /// Precision-recall curve: recall, precision.
    pub precision_recall: Vec<(f64, f64)>,
    /// Gain curve: share of customers, share of leavers.
    pub gain: Vec<(f64, f64)>,
    /// Bins of equal count, from the lowest probabilities up.
    pub calibration: Vec<CalibrationBin>,
    /// What the campaign's offers cost and bring.
    pub campaign: Campaign,
    /// The campaign's profit by threshold.
    pub profit: Vec<CampaignPoint>,
    /// Figures of groups of customers.
    pub slices: Vec<Slice>,
    /// Mean absolute contribution of each feature to the log-odds, the largest first.
    pub importance: Vec<(String, f64)>,
    /// How the mean probability changes with one feature, the most important features first.
    pub dependence: Vec<Dependence>,
}

/// Bootstrap intervals of the main figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Area under the ROC curve.
    pub auc: Option<Interval>,
    /// Average precision.
    pub average_precision: Option<Interval>,
    /// Log-loss.
    pub log_loss: Option<Interval>,
    /// Brier score.
    pub brier: Option<Interval>,
    /// Expected calibration error.
    pub ece: Option<Interval>,
}

/// Customers next to each other by probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Number of customers.
    pub rows: usize,
    /// Their mean probability.
    pub probability: f64,
    /// Share of them that left.
    pub left: f64,
}

/// Partial dependence (Friedman 2001): the mean probability if everybody had this value of one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// The feature.
    pub feature: String,
    /// Each value, as text, and the mean probability.
    pub points: Vec<(String, f64)>,
    /// Whether the values are numbers.
    pub numeric: bool,
}

impl Evaluation {
    pub(crate) fn of(
        examples: Examples<'_>,
        model: &ScoringModel,
        validated: &CrossValidated,
        goal: Goal,
        seed: u64,
    ) -> Self {
        let CrossValidated { probability, decision, .. } = validated;
        let Examples { features, label, .. } = examples;
        let campaign = match goal {
            Goal::Profit(campaign) => campaign,
            _ => Campaign::default(),
        };
        let step = features.len().div_ceil(SAMPLED);
        let sampled = features.select((0..features.len()).step_by(step.max(1)));
        let importance = importance(model, &sampled);
        Self {
            intervals: Intervals::of(probability, label, seed),
            repeated: None,
            roc: thinned(&roc(probability, label)),
            precision_recall: thinned(&precision_recall(probability, label)),
            gain: thinned(&gain(probability, label)),
            calibration: calibration(probability, label),
            campaign,
            profit: thinned(&campaign.curve(probability, label)),
            slices: slices(features, probability, decision, label),
            dependence: importance.iter().map(|&(feature, _)| Dependence::of(model, &sampled, feature)).collect(),
            importance: importance.iter().map(|&(feature, size)| (FEATURES[feature].name.to_owned(), size)).collect(),
        }
    }
}

impl Intervals {
    fn of(probability: &[f64], label: &[bool], seed: u64) -> Self {
        let resamples = Resamples::new(label.len(), RESAMPLES, seed);
        let of = |figure: fn(&[f64], &[bool]) -> Option<f64>| resamples.of(figure, probability, label);
        Self {
            auc: of(auc),
            average_precision: of(average_precision),
            log_loss: of(|probability, label| Some(log_loss(probability, label))),
            brier: of(|probability, label| Some(brier(probability, label))),
            ece: of(|probability, label| Some(ece(probability, label))),
        }
    }
}

/// At most [`POINTS`] of the points, evenly spread, the first and the last among them.
fn thinned<T: Copy>(points: &[T]) -> Vec<T> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let last = points.len() - 1;
    (0..POINTS).map(|at| points[at * last / (POINTS - 1)]).collect()
}

fn calibration(probability: &[f64], label: &[bool]) -> Vec<CalibrationBin> {
    let mut order: Vec<usize> = (0..label.len()).collect();
    order.sort_by(|&a, &b| probability[a].total_cmp(&probability[b]));
    let bins = ECE_BINS.min(label.len());
    let bin = |at: usize| {
        let rows = &order[at * order.len() / bins..(at + 1) * order.len() / bins];
        let count = rows.len() as f64;
        CalibrationBin {
            rows: rows.len(),
            probability: rows.iter().map(|&row| probability[row]).sum::<f64>() / count,
            left: rows.iter().filter(|&&row| label[row]).count() as f64 / count,
        }
    };
    (0..bins).map(bin).collect()
}

/// Mean absolute contribution of each feature, the largest first.
fn importance(model: &ScoringModel, customers: &Table) -> Vec<(usize, f64)> {
    let contributions = Explainer::new(model).explain(model, customers, 0..customers.len());
    let mut sums = [0.0; FEATURE_COUNT];
    for row in &contributions {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(value.abs()));
    }
    let mut sizes: Vec<(usize, f64)> = sums.iter().map(|sum| sum / contributions.len() as f64).enumerate().collect();
    sizes.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    sizes
}

impl Dependence {
    fn of(model: &ScoringModel, customers: &Table, feature: usize) -> Self {
        let described = &FEATURES[feature];
        let mut changed = customers.clone();
        let rows = customers.len();
        let mean = |table: &Table| model.predict_all(table).iter().sum::<f64>() / rows.max(1) as f64;
        let points = match customers.column(feature) {
            Column::Category(_) => described
                .categories()
                .iter()
                .map(|&word| {
                    if let Column::Category(words) = &mut changed.columns_mut()[feature] {
                        words.truncate(0);
                        (0..rows).for_each(|_| words.push(Some(word)));
                    }
                    (word.to_owned(), mean(&changed))
                })
                .collect(),
            Column::Number(values) => quantiles(values, described.kind == Kind::Flag)
                .into_iter()
                .map(|value| {
                    if let Column::Number(values) = &mut changed.columns_mut()[feature] {
                        values.fill(value);
                    }
                    (value.to_string(), mean(&changed))
                })
                .collect(),
        };
        Self {
            feature: described.name.to_owned(),
            points,
            numeric: !described.is_category() && described.kind != Kind::Flag,
        }
    }
}

fn quantiles(values: &[f64], flag: bool) -> Vec<f64> {
    if flag {
        return vec![0.0, 1.0];
    }
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    let mut points: Vec<f64> = (0..DEPENDENCE_POINTS).map(|at| sorted[at * last / (DEPENDENCE_POINTS - 1)]).collect();
    points.dedup();
    points
}
