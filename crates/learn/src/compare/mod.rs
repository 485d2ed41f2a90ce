//! Whether one model is better than another on the same customers: the statistics of the promotion gate.
//!
//! Pure functions: both models' probabilities for the same customers, in the same order, and whether each left.

mod bootstrap;
mod delong;
mod gate;

use churn_domain::{FEATURES, Table, feature_index};
use serde::{Deserialize, Serialize};

pub use bootstrap::{PairedBootstrap, paired_bootstrap};
pub use delong::{DeLong, delong};
pub use gate::{Comparison, Gate, GateFigures, Verdict};

use crate::metrics::{SLICED, ece, group, log_loss};

/// ECE of two models on the same customers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EceComparison {
    /// The challenger's.
    pub challenger: f64,
    /// The champion's.
    pub champion: f64,
    /// Challenger less champion: below 0 the challenger is the better calibrated one.
    pub difference: f64,
}

/// Log-loss of two models on one group of customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceComparison {
    /// The feature that makes the group.
    pub feature: String,
    /// Its value.
    pub value: String,
    /// Number of customers.
    pub rows: usize,
    /// The challenger's log-loss.
    pub challenger: f64,
    /// The champion's log-loss.
    pub champion: f64,
    /// Challenger less champion: above 0 the challenger is worse here.
    pub difference: f64,
}

/// Compares the expected calibration error (10 bins of equal count).
pub fn compare_ece(challenger: &[f64], champion: &[f64], label: &[bool]) -> EceComparison {
    let (challenger, champion) = (ece(challenger, label), ece(champion, label));
    EceComparison { challenger, champion, difference: challenger - champion }
}

/// Compares log-loss on every group of [`SLICED`] that has at least `least_rows` customers: a group of a few says nothing.
pub fn compare_slices(
    customers: &Table,
    challenger: &[f64],
    champion: &[f64],
    label: &[bool],
    least_rows: usize,
) -> Vec<SliceComparison> {
    let mut slices = Vec::new();
    for feature in SLICED.iter().filter_map(|name| feature_index(name)) {
        let mut groups: std::collections::BTreeMap<&str, Vec<usize>> = std::collections::BTreeMap::new();
        for row in 0..label.len() {
            if let Some(value) = group(customers, feature, row) {
                groups.entry(value).or_default().push(row);
            }
        }
        for (value, rows) in groups.into_iter().filter(|(_, rows)| rows.len() >= least_rows.max(1)) {
            let label: Vec<bool> = rows.iter().map(|&row| label[row]).collect();
            let loss = |of: &[f64]| log_loss(&rows.iter().map(|&row| of[row]).collect::<Vec<_>>(), &label);
            let (challenger, champion) = (loss(challenger), loss(champion));
            slices.push(SliceComparison {
                feature: FEATURES[feature].name.to_owned(),
                value: value.to_owned(),
                rows: rows.len(),
                challenger,
                champion,
                difference: challenger - champion,
            });
        }
    }
    slices
}
