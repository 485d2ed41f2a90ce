//! What a full window said: of its features, and of the score and the predictions that are tested with them.

use churn_drift::multivariate::Reconstructed;
use churn_drift::{
    ColumnReference, ColumnWindow, Distance, Drift, DriftRule, Effect, FeatureQuality, Part, PartReference, Window,
    drifted,
};
use serde::{Deserialize, Serialize};

/// Rows that a segment needs on both sides to be compared at all: fewer look far off by chance.
const MIN_SEGMENT_ROWS: u64 = 200;

/// What the last full window said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) features: Vec<Drift>,
    /// Of the probability. Memory of a former version has none before its next window.
    #[serde(default)]
    pub(crate) score: Option<Effect>,
    /// Of the share of predicted leavers.
    #[serde(default)]
    pub(crate) label: Option<Effect>,
}

impl Comparison {
    /// All are one family of tests.
    pub(crate) fn new(window: &Window, score: Option<Effect>, label: Option<Effect>) -> Self {
        let (features, [score, label]) = window.compare_with([score, label]);
        Self { features, score, label }
    }

    /// How many columns have drifted: features, the score, the share of predicted leavers.
    pub(crate) fn drifted(&self, rule: &DriftRule) -> usize {
        let others = [self.score, self.label].into_iter().flatten();
        drifted(&self.features, rule).count() + others.filter(|effect| rule.is_effect(effect)).count()
    }
}

/// Predicted stayers and leavers, of the live reference and of the window that fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Labels {
    pub(crate) then: [u64; 2],
    pub(crate) now: [u64; 2],
}

impl Labels {
    pub(crate) fn effect(&self) -> Option<Effect> {
        Effect::of_counts(&self.then, &self.now)
    }
}

/// Counts predictions: stayers, then leavers.
pub(crate) fn count_labels(counts: &mut [u64; 2], predicted: &[bool]) {
    let leavers = predicted.iter().filter(|&&leaves| leaves).count();
    counts[0] += (predicted.len() - leavers) as u64;
    counts[1] += leavers as u64;
}

/// What the last full window said of the live rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LiveComparison {
    pub(crate) drift: Comparison,
    pub(crate) quality: Vec<FeatureQuality>,
    /// The window itself, to show its distribution.
    pub(crate) window: Window,
    /// The same of its predictions.
    #[serde(default)]
    pub(crate) labels: Option<Labels>,
    /// One entry a segment.
    pub(crate) segments: Vec<SegmentComparison>,
    /// All columns together, of a sample of the rows.
    #[serde(default)]
    pub(crate) reconstructed: Option<Reconstructed>,
    /// Whether the columns go together otherwise than before.
    #[serde(default)]
    pub(crate) apart: bool,
}

/// What the last full window said of one segment; what too few rows tell nothing of is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentComparison {
    pub(crate) rows: u64,
    pub(crate) drifted: Option<u64>,
    pub(crate) worst_psi: Option<f64>,
    pub(crate) probability_psi: Option<f64>,
    /// Largest share of missing values of a feature.
    pub(crate) missing: Option<f64>,
    /// Largest share of a feature's values that the live reference did not have.
    #[serde(default)]
    pub(crate) strange: Option<f64>,
}

impl SegmentComparison {
    pub(crate) fn of(part: &Part, reference: &PartReference, rule: &DriftRule) -> Self {
        let rows = part.features.rows();
        let missing = part.features.columns().iter().filter_map(ColumnWindow::missing_share).reduce(f64::max);
        let strange = part.features.columns().iter().filter_map(|column| column.quality().strange_share());
        let strange = strange.reduce(f64::max);
        if rows.min(reference.features.rows()) < MIN_SEGMENT_ROWS {
            return Self { rows, missing, strange, ..Self::default() };
        }
        let compared = Comparison::new(&part.features, score(&reference.score, part), None);
        Self {
            rows,
            drifted: Some(drifted(&compared.features, rule).count() as u64),
            worst_psi: compared.features.iter().map(|drift| drift.psi.get()).reduce(f64::max),
            probability_psi: compared.score.map(|effect| effect.psi).map(Distance::get),
            missing,
            strange,
        }
    }
}

/// How far a part's scores are from a reference.
pub(crate) fn score(reference: &ColumnReference, part: &Part) -> Option<Effect> {
    reference.effect(&part.score)
}
