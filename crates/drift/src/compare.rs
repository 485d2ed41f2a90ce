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
    /// Of the chi-square test over the same bins, adjusted for testing all columns at once: the effect's significance.
    pub p_value: PValue,
}

/// How far a column that is no feature has moved, such as the score, and how surely.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Population stability index in nats.
    pub psi: Distance,
    /// Of the chi-square test over the same bins.
    pub p_value: PValue,
}

impl Effect {
    /// Of two histograms over the same bins. `None` when either is empty.
    pub fn of_counts(reference: &[u64], current: &[u64]) -> Option<Self> {
        Some(Self { psi: psi::of_counts(reference, current)?, p_value: chi_square(reference, current)? })
    }
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
        self.is_large_and_sure(drift.psi, drift.p_value)
    }

    /// Whether this column, which is no feature, has drifted.
    pub fn is_effect(&self, effect: &Effect) -> bool {
        self.is_large_and_sure(effect.psi, effect.p_value)
    }

    fn is_large_and_sure(&self, psi: Distance, p_value: PValue) -> bool {
        psi.reaches(self.min_psi) && p_value.is_significant(self.false_discovery_rate)
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
        self.compare_with([]).0
    }

    /// As [`Self::compare`], with columns that are no features in the same family of tests: all p-values are adjusted
    /// for features and `others` together. A column that is not there is not tested.
    pub fn compare_with<const N: usize>(&self, others: [Option<Effect>; N]) -> (Vec<Drift>, [Option<Effect>; N]) {
        let columns = self.reference().columns().iter().zip(self.columns()).enumerate();
        let (features, mut raw): (Vec<_>, Vec<_>) = columns
            .filter_map(|(feature, (reference, window))| {
                let (psi, p_value) = reference.distance(window)?;
                Some(((feature, psi), p_value))
            })
            .unzip();
        raw.extend(others.iter().flatten().map(|other| other.p_value));
        let mut adjusted = benjamini_hochberg(&raw).into_iter();
        let drifts = features.into_iter().zip(&mut adjusted);
        let drifts = drifts.map(|((feature, psi), p_value)| Drift { feature, psi, p_value }).collect();
        let mut adjust = |other: Effect| adjusted.next().map(|p_value| Effect { p_value, ..other });
        (drifts, others.map(|other| other.and_then(&mut adjust)))
    }
}

/// Those of the features that have drifted.
pub fn drifted<'a>(drifts: &'a [Drift], rule: &'a DriftRule) -> impl Iterator<Item = &'a Drift> {
    drifts.iter().filter(|drift| rule.is_drift(drift))
}

impl ColumnReference {
    /// PSI and the chi-square test's p-value of a window over this column's bins. `None` when either side has no value.
    pub fn distance(&self, window: &ColumnWindow) -> Option<(Distance, PValue)> {
        let pairs = self.counts().iter().copied().zip(window.counts().iter().copied()).enumerate();
        let (reference, current): (Vec<u64>, Vec<u64>) =
            pairs.filter(|&(bin, pair)| pair != (0, 0) || self.bins().is_inner(bin)).map(|(_, pair)| pair).unzip();
        Some((psi::of_counts(&reference, &current)?, chi_square(&reference, &current)?))
    }

    /// The same for a column that is no feature.
    pub fn effect(&self, window: &ColumnWindow) -> Option<Effect> {
        self.distance(window).map(|(psi, p_value)| Effect { psi, p_value })
    }
}
