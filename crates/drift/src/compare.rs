//! A window against its reference: how far, how surely, and whether that is an alarm.

use churn_domain::FEATURES;
use serde::{Deserialize, Serialize};

use crate::significance::{benjamini_hochberg, chi_square};
use crate::{ColumnReference, ColumnWindow, Distance, PValue, Window, psi};

/// What one feature of a window says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Index of the feature in [`FEATURES`].
    pub feature: usize,
    /// Population stability index in nats: the effect's size.
    pub psi: Distance,
    /// Of the chi-square test over the same bins, adjusted for testing all features at once: the effect's significance.
    pub p_value: PValue,
}

/// When a feature counts as drifted: effect size and significance both, because a large window makes any difference
/// significant and a small one makes chance look large.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftRule {
    /// Smallest PSI that matters. 0.1 is Evidently's default; 0.25 is the usual mark of a large shift.
    pub min_psi: f64,
    /// Largest share of false alarms among the alarms (Benjamini-Hochberg).
    pub false_discovery_rate: f64,
}

impl Default for DriftRule {
    fn default() -> Self {
        Self { min_psi: 0.1, false_discovery_rate: 0.05 }
    }
}

impl DriftRule {
    /// Whether this feature has drifted.
    pub fn is_drift(&self, drift: &Drift) -> bool {
        drift.psi.reaches(self.min_psi) && drift.p_value.is_significant(self.false_discovery_rate)
    }
}

impl Drift {
    /// The feature's name.
    pub fn name(&self) -> &'static str {
        FEATURES[self.feature].name
    }
}

impl Window {
    /// Compares every feature that has values on both sides with the reference.
    pub fn compare(&self) -> Vec<Drift> {
        compare(self)
    }
}

/// Those of the features that have drifted.
pub fn drifted<'a>(drifts: &'a [Drift], rule: &'a DriftRule) -> impl Iterator<Item = &'a Drift> {
    drifts.iter().filter(|drift| rule.is_drift(drift))
}

pub(crate) fn compare(window: &Window) -> Vec<Drift> {
    let columns = window.reference().columns().iter().zip(window.columns()).enumerate();
    let (features, raw): (Vec<_>, Vec<_>) = columns
        .filter_map(|(feature, (reference, window))| {
            let (psi, p_value) = reference.distance(window)?;
            Some(((feature, psi), p_value))
        })
        .unzip();
    let adjusted = benjamini_hochberg(&raw);
    features.into_iter().zip(adjusted).map(|((feature, psi), p_value)| Drift { feature, psi, p_value }).collect()
}

impl ColumnReference {
    /// PSI and the chi-square test's p-value of a window over this column's bins. `None` when either side has no value.
    pub fn distance(&self, window: &ColumnWindow) -> Option<(Distance, PValue)> {
        let pairs = self.counts().iter().copied().zip(window.counts().iter().copied()).enumerate();
        let (reference, current): (Vec<u64>, Vec<u64>) =
            pairs.filter(|&(bin, pair)| pair != (0, 0) || self.bins().is_inner(bin)).map(|(_, pair)| pair).unzip();
        Some((psi::of_counts(&reference, &current)?, chi_square(&reference, &current)?))
    }
}
