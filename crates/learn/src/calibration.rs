//! From a learner's margin to a probability that can be taken at its word.

use serde::{Deserialize, Serialize};

use crate::math::sigmoid;
use crate::metrics::log_loss;

/// How margins (log-odds before calibration) become probabilities. Each kind is increasing, so the order of customers, and
/// with it AUC, stays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calibration {
    /// The learner's own probability: the logistic function of the margin.
    None,
    /// Platt's: the logistic function of a line through the margins, fitted by maximum likelihood.
    Platt {
        /// Slope, above 0.
        slope: f64,
        /// Intercept.
        intercept: f64,
    },
}

impl Calibration {
    /// The probability of a margin, from 0 to 1.
    #[inline]
    pub fn probability(&self, margin: f64) -> f64 {
        match *self {
            Self::None => sigmoid(margin),
            Self::Platt { slope, intercept } => sigmoid(slope * margin + intercept),
        }
    }

    /// Name for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Platt { .. } => "platt",
        }
    }

    /// Whether its numbers can be used.
    pub(crate) fn is_valid(&self) -> bool {
        match *self {
            Self::None => true,
            Self::Platt { slope, intercept } => slope.is_finite() && slope > 0.0 && intercept.is_finite(),
        }
    }

    pub(crate) fn probabilities(&self, margins: &[f64]) -> Vec<f64> {
        margins.iter().map(|&margin| self.probability(margin)).collect()
    }

    /// Fits Platt's line by Newton's method, with Platt's targets (N₊+1)/(N₊+2) and 1/(N₋+2) in the place of 1 and 0
    /// (Platt 1999, "Probabilistic outputs for support vector machines", section 2.2), which keep it finite on classes
    /// that are separated. `None` where no increasing line was found.
    pub(crate) fn fit_platt(margins: &[f64], label: &[bool]) -> Option<Self> {
        const STEPS: usize = 100;
        let positives = label.iter().filter(|&&left| left).count() as f64;
        let negatives = label.len() as f64 - positives;
        let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
        let (mut slope, mut intercept) = (1.0, 0.0);
        for _ in 0..STEPS {
            let (mut gradient, mut hessian) = ([0.0; 2], [0.0; 3]);
            for (&margin, &left) in margins.iter().zip(label) {
                let probability = sigmoid(slope * margin + intercept);
                let error = probability - if left { high } else { low };
                let weight = probability * (1.0 - probability);
                gradient[0] += error * margin;
                gradient[1] += error;
                hessian[0] += weight * margin * margin;
                hessian[1] += weight * margin;
                hessian[2] += weight;
            }
            let determinant = hessian[0] * hessian[2] - hessian[1] * hessian[1];
            let step = [
                (hessian[2] * gradient[0] - hessian[1] * gradient[1]) / determinant,
                (hessian[0] * gradient[1] - hessian[1] * gradient[0]) / determinant,
            ];
            slope -= step[0];
            intercept -= step[1];
            if step[0].abs() + step[1].abs() < 1e-10 {
                return Some(Self::Platt { slope, intercept }).filter(Self::is_valid);
            }
        }
        None
    }
}

/// A calibration chosen out of fold, and what it does out of fold.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// Fitted on all margins, for the final model.
    pub(crate) calibration: Calibration,
    /// Of each row, by the calibration fitted on the other folds.
    pub(crate) probability: Vec<f64>,
    /// The same without calibration.
    pub(crate) raw_log_loss: f64,
}

/// Chooses the calibration with the least log-loss when it is fitted on all folds but the one it is judged on. None at all
/// is among the candidates and wins a tie, so that the choice is never worse than raw.
pub(crate) fn choose(margins: &[f64], label: &[bool], fold_of: &[usize], folds: usize) -> Chosen {
    let raw = Calibration::None.probabilities(margins);
    let raw_log_loss = log_loss(&raw, label);
    let candidate = cross_fitted_platt(margins, label, fold_of, folds)
        .filter(|probability| log_loss(probability, label) < raw_log_loss)
        .zip(Calibration::fit_platt(margins, label));
    match candidate {
        Some((probability, calibration)) => Chosen { calibration, probability, raw_log_loss },
        None => Chosen { calibration: Calibration::None, probability: raw, raw_log_loss },
    }
}

fn cross_fitted_platt(margins: &[f64], label: &[bool], fold_of: &[usize], folds: usize) -> Option<Vec<f64>> {
    let mut probability = vec![0.0; margins.len()];
    for fold in 0..folds {
        let others = |row: &usize| fold_of[*row] != fold;
        let (other_margins, other_label): (Vec<f64>, Vec<bool>) =
            (0..margins.len()).filter(others).map(|row| (margins[row], label[row])).unzip();
        let fitted = Calibration::fit_platt(&other_margins, &other_label)?;
        for row in (0..margins.len()).filter(|&row| fold_of[row] == fold) {
            probability[row] = fitted.probability(margins[row]);
        }
    }
    Some(probability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::split_mix;
    use crate::stratified_folds;

    /// Margins and labels drawn so that the true log-odds are `slope * margin + intercept`.
    fn drawn(slope: f64, intercept: f64) -> (Vec<f64>, Vec<bool>) {
        let unit = |seed: u64| (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64;
        let margins: Vec<f64> = (0..4_000).map(|row| 6.0 * unit(row) - 3.0).collect();
        let label =
            margins.iter().zip(0..).map(|(m, row): (&f64, u64)| unit(row + 10_000) < sigmoid(slope * m + intercept));
        let label = label.collect();
        (margins, label)
    }

    #[test]
    fn platts_line_equals_scikit_learns() {
        #[derive(Deserialize)]
        struct Case {
            tolerance: f64,
            margin: Vec<f64>,
            label: Vec<bool>,
            expected: Vec<f64>,
        }
        let case: Case = serde_json::from_str(include_str!("../tests/numerical/platt.json")).unwrap();
        let found = Calibration::fit_platt(&case.margin, &case.label).unwrap().probabilities(&case.margin);
        for (found, expected) in found.iter().zip(&case.expected) {
            assert!((found - expected).abs() < case.tolerance, "{found} {expected}");
        }
    }

    #[test]
    fn separated_classes_keep_the_line_finite() {
        let margins = [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0];
        let label = [false, false, false, true, true, true];
        assert!(Calibration::fit_platt(&margins, &label).unwrap().is_valid());
        assert_eq!(Calibration::fit_platt(&[1.0; 6], &label), None);
    }

    #[test]
    fn overconfident_margins_are_drawn_in() {
        let (margins, label) = drawn(0.4, -0.5);
        let chosen = choose(&margins, &label, &stratified_folds(&label, 5, 1), 5);
        let Calibration::Platt { slope, intercept } = chosen.calibration else { panic!("{:?}", chosen.calibration) };
        assert!((slope - 0.4).abs() < 0.05 && (intercept + 0.5).abs() < 0.1, "{slope} {intercept}");
        assert!(log_loss(&chosen.probability, &label) < chosen.raw_log_loss);
    }

    #[test]
    fn the_choice_is_never_worse_than_raw_out_of_fold() {
        for slope in [0.5, 0.9, 1.0, 1.1, 2.0] {
            let (margins, label) = drawn(slope, 0.0);
            let chosen = choose(&margins, &label, &stratified_folds(&label, 5, 3), 5);
            assert!(log_loss(&chosen.probability, &label) <= chosen.raw_log_loss);
        }
    }

    #[test]
    fn a_decreasing_line_is_refused() {
        let (margins, label) = drawn(-1.0, 0.0);
        assert_eq!(choose(&margins, &label, &stratified_folds(&label, 5, 3), 5).calibration, Calibration::None);
    }
}
