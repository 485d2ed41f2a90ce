//! The promotion gate: whether a challenger takes the champion's place.

use churn_domain::Table;
use serde::{Deserialize, Serialize};

use super::{
    DeLong, EceComparison, PairedBootstrap, SliceComparison, compare_ece, compare_slices, delong, paired_bootstrap,
};

/// What a challenger has to show. It must be better in log-loss by more than chance, and worse in nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// Resamples of the paired bootstrap.
    pub resamples: usize,
    /// Their seed.
    pub seed: u64,
    /// Largest p-value of "the challenger is no better in log-loss" that lets it pass.
    pub max_p_value: f64,
    /// The challenger's AUC is worse when DeLong's one-sided p-value of "it is not lower" is below this.
    pub worse_auc_p_value: f64,
    /// Most by which its calibration error may be above the champion's. Above 0, because the error of a few hundred customers is
    /// itself not known better than to a hundredth.
    pub max_ece_increase: f64,
    /// Most by which its log-loss may be above the champion's on any slice.
    pub max_slice_increase: f64,
    /// Customers that a slice must have to be looked at.
    pub min_slice_rows: usize,
    /// Longest time that scoring one customer may take, microseconds.
    pub max_microseconds: f64,
    /// Customers, and customers of either class, that there must be to compare anything.
    pub min_rows: usize,
    /// As `min_rows`, of either class.
    pub min_class_rows: usize,
}

/// What both models say of customers that neither has seen.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The customers.
    pub customers: &'a Table,
    /// Whether each left.
    pub label: &'a [bool],
    /// The challenger's probabilities.
    pub challenger: &'a [f64],
    /// The champion's probabilities.
    pub champion: &'a [f64],
    /// What scoring one customer takes the challenger, microseconds.
    pub microseconds: f64,
}

/// What the gate says, with everything that it looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the challenger may take the champion's place.
    pub passed: bool,
    /// Why, for a person to read.
    pub reason: String,
    /// Everything that was measured.
    pub figures: GateFigures,
}

/// Everything that a gate looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateFigures {
    /// Number of customers.
    pub rows: usize,
    /// How many of them left.
    pub positives: usize,
    /// Log-loss.
    pub log_loss: PairedBootstrap,
    /// AUC; none with less than two customers of either class.
    pub auc: Option<DeLong>,
    /// Calibration error.
    pub ece: EceComparison,
    /// Log-loss by slice.
    pub slices: Vec<SliceComparison>,
    /// What scoring one customer takes the challenger, microseconds.
    pub microseconds: f64,
    /// What spoke against the challenger.
    pub objections: Vec<String>,
}

impl Gate {
    /// Judges a challenger.
    pub fn judge(&self, comparison: &Comparison<'_>) -> Verdict {
        let Comparison { customers, label, challenger, champion, microseconds } = *comparison;
        let mut figures = GateFigures {
            rows: label.len(),
            positives: label.iter().filter(|&&left| left).count(),
            log_loss: paired_bootstrap(challenger, champion, label, self.resamples, self.seed),
            auc: delong(challenger, champion, label),
            ece: compare_ece(challenger, champion, label),
            slices: compare_slices(customers, challenger, champion, label, self.min_slice_rows),
            microseconds,
            objections: Vec::new(),
        };
        figures.objections = self.objections(&figures);
        let loss = &figures.log_loss;
        let reason = match figures.objections.is_empty() {
            true => format!(
                "log-loss {:.4} instead of {:.4} on {} held-out customers (p = {:.2e}), and worse in nothing",
                loss.challenger, loss.champion, figures.rows, loss.p_value
            ),
            false => figures.objections.join("; "),
        };
        Verdict { passed: figures.objections.is_empty(), reason, figures }
    }

    fn objections(&self, figures: &GateFigures) -> Vec<String> {
        let GateFigures { rows, positives, log_loss, auc, ece, slices, microseconds, .. } = figures;
        let fewest = (*positives).min(rows - positives);
        if *rows < self.min_rows || fewest < self.min_class_rows {
            return vec![format!(
                "{rows} held-out customers, {positives} of whom left, are too few to compare models on: at least {} are needed, and \
                 {} of either class",
                self.min_rows, self.min_class_rows
            )];
        }
        let mut objections = Vec::new();
        let mut object = |holds: bool, what: String| {
            if holds {
                objections.push(what);
            }
        };
        object(
            log_loss.p_value.is_nan() || log_loss.p_value > self.max_p_value,
            format!(
                "log-loss {:.4} against the champion's {:.4} is not better by more than chance (p = {:.2e}, at most {} passes)",
                log_loss.challenger, log_loss.champion, log_loss.p_value, self.max_p_value
            ),
        );
        if let Some(auc) = auc {
            object(
                auc.p_worse < self.worse_auc_p_value,
                format!(
                    "AUC {:.4} is below the champion's {:.4} by more than chance (p = {:.2e})",
                    auc.challenger, auc.champion, auc.p_worse
                ),
            );
        }
        object(
            ece.difference.is_nan() || ece.difference > self.max_ece_increase,
            format!(
                "calibration error {:.4} is above the champion's {:.4} by more than {}",
                ece.challenger, ece.champion, self.max_ece_increase
            ),
        );
        object(
            microseconds.is_nan() || *microseconds > self.max_microseconds,
            format!("scoring a customer takes {microseconds:.1} µs, at most {} are allowed", self.max_microseconds),
        );
        for slice in slices {
            object(
                slice.difference.is_nan() || slice.difference > self.max_slice_increase,
                format!(
                    "log-loss {:.4} where {} is {} ({} customers) is above the champion's {:.4} by more than {}",
                    slice.challenger, slice.feature, slice.value, slice.rows, slice.champion, self.max_slice_increase
                ),
            );
        }
        objections
    }
}

#[cfg(test)]
mod tests {
    use churn_domain::{Column, FEATURES};

    use super::*;
    use crate::math::split_mix;

    const GATE: Gate = Gate {
        resamples: 500,
        seed: 7,
        max_p_value: 0.05,
        worse_auc_p_value: 0.05,
        max_ece_increase: 0.01,
        max_slice_increase: 0.05,
        min_slice_rows: 50,
        max_microseconds: 50.0,
        min_rows: 500,
        min_class_rows: 50,
    };

    fn unit(seed: u64) -> f64 {
        (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Customers of three contracts, the true probability of each, and what became of them.
    fn truth(rows: usize) -> (Table, Vec<f64>, Vec<bool>) {
        let mut customers = Table::default();
        for (feature, column) in FEATURES.iter().zip(customers.columns_mut()) {
            for row in 0..rows {
                match column {
                    Column::Category(words) => words.push(Some(feature.categories()[row % feature.categories().len()])),
                    Column::Number(values) => values.push((row % 2) as f64),
                }
            }
        }
        let probability: Vec<f64> = (0..rows as u64).map(|row| 0.02 + 0.96 * unit(row)).collect();
        let label = probability.iter().zip(1_000_000..).map(|(&p, seed)| unit(seed) < p).collect();
        (customers, probability, label)
    }

    fn judge(challenger: &[f64], champion: &[f64], microseconds: f64) -> Verdict {
        let (customers, _, label) = truth(challenger.len());
        GATE.judge(&Comparison { customers: &customers, label: &label, challenger, champion, microseconds })
    }

    #[test]
    fn who_is_better_passes_and_who_is_worse_or_the_same_does_not() {
        let (_, truth, _) = truth(2_000);
        let blurred: Vec<f64> = truth.iter().map(|p| 0.4 * p + 0.3).collect();
        let better = judge(&truth, &blurred, 3.0);
        assert!(better.passed && better.reason.contains("worse in nothing"), "{}", better.reason);
        let worse = judge(&blurred, &truth, 3.0);
        assert!(!worse.passed && worse.reason.contains("not better by more than chance"), "{}", worse.reason);
        let same = judge(&truth, &truth, 3.0);
        assert!(!same.passed && same.figures.objections.len() == 1, "{same:?}");
    }

    #[test]
    fn who_is_better_in_log_loss_alone_is_told_everything_that_speaks_against_it() {
        let (customers, truth, _) = truth(4_000);
        let contract = churn_domain::feature_index("contract").unwrap();
        let champion: Vec<f64> = truth.iter().map(|p| 0.2 * p + 0.4).collect();
        // Right about everybody but those on one contract, of whom it says the opposite.
        let partly: Vec<f64> = (0..truth.len())
            .map(|row| match customers.words(contract).get(row) {
                Some("Two year") => 0.55 - 0.1 * truth[row],
                _ => truth[row],
            })
            .collect();
        let verdict = judge(&partly, &champion, 80.0);
        assert!(verdict.figures.log_loss.p_value < 0.01 && !verdict.passed);
        assert!(verdict.reason.contains("contract is Two year"), "{}", verdict.reason);
        assert!(verdict.reason.contains("80.0 µs"), "{}", verdict.reason);
        // The same order, and far too sure of it.
        let boastful: Vec<f64> = truth.iter().map(|p| if *p > 0.5 { 0.93 } else { 0.07 }).collect();
        let rough: Vec<f64> = vec![0.5; truth.len()];
        let verdict = judge(&boastful, &rough, 3.0);
        assert!(verdict.reason.contains("calibration error"), "{}", verdict.reason);
        let turned: Vec<f64> = truth.iter().map(|p| 1.0 - p).collect();
        assert!(judge(&turned, &truth, 3.0).reason.contains("AUC"), "{}", judge(&turned, &truth, 3.0).reason);
    }

    #[test]
    fn too_few_or_one_class_are_no_ground_to_decide_on() {
        let (customers, truth, label) = truth(400);
        assert!(judge(&truth, &vec![0.5; 400], 3.0).reason.contains("400 held-out customers"));
        let one = vec![false; 400];
        let comparison =
            Comparison { customers: &customers, label: &one, challenger: &truth, champion: &truth, microseconds: 1.0 };
        let gate = Gate { min_rows: 100, ..GATE };
        assert!(gate.judge(&comparison).reason.contains("0 of whom left"));
        assert!(label.iter().any(|&left| left));
        let empty =
            Comparison { customers: &Table::default(), label: &[], challenger: &[], champion: &[], microseconds: 1.0 };
        assert!(!gate.judge(&empty).passed);
    }
}
