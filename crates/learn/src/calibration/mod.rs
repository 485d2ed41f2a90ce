//! From a learner's margin to a probability that can be taken at its word.

mod isotonic;
mod newton;

use serde::{Deserialize, Serialize};

use crate::math::sigmoid;
use crate::metrics::log_loss;

/// How margins (log-odds before calibration) become probabilities. None of them turns two customers around; an isotonic one
/// may put them on a par.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Beta calibration (Kull, Silva Filho and Flach 2017): the log-odds are `low ln p - high ln(1 - p) + intercept` for the
    /// learner's own probability `p`.
    Beta {
        /// What the small probabilities are stretched by, 0 or more.
        low: f64,
        /// What the large probabilities are stretched by, 0 or more and not 0 with `low`.
        high: f64,
        /// Intercept.
        intercept: f64,
    },
    /// The increasing steps that fit best, with straight lines between them and level beyond their ends.
    Isotonic {
        /// Margins, ascending, at least one.
        margins: Vec<f64>,
        /// The probability at each of them, never falling.
        probabilities: Vec<f64>,
    },
}

impl Calibration {
    /// The probability of a margin, from 0 to 1.
    #[inline]
    pub fn probability(&self, margin: f64) -> f64 {
        match self {
            Self::None => sigmoid(margin),
            Self::Platt { slope, intercept } => sigmoid(slope * margin + intercept),
            Self::Beta { low, high, intercept } => {
                let [below, above] = log_probabilities(margin);
                sigmoid(low * below + high * above + intercept)
            }
            Self::Isotonic { margins, probabilities } => isotonic::interpolate(margins, probabilities, margin),
        }
    }

    /// Name for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Platt { .. } => "platt",
            Self::Beta { .. } => "beta",
            Self::Isotonic { .. } => "isotonic",
        }
    }

    /// Whether its numbers can be used.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::None => true,
            Self::Platt { slope, intercept } => slope.is_finite() && *slope > 0.0 && intercept.is_finite(),
            Self::Beta { low, high, intercept } => {
                let stretches = low.is_finite() && high.is_finite() && *low >= 0.0 && *high >= 0.0;
                stretches && low + high > 0.0 && intercept.is_finite()
            }
            Self::Isotonic { margins, probabilities } => isotonic::is_valid(margins, probabilities),
        }
    }

    pub(crate) fn probabilities(&self, margins: &[f64]) -> Vec<f64> {
        margins.iter().map(|&margin| self.probability(margin)).collect()
    }

    /// Fits Platt's line, with Platt's targets (N₊+1)/(N₊+2) and 1/(N₋+2) in the place of 1 and 0 (Platt 1999,
    /// "Probabilistic outputs for support vector machines", section 2.2), which keep it finite on classes that are separated.
    /// `None` where no increasing line was found.
    pub(crate) fn fit_platt(margins: &[f64], label: &[bool]) -> Option<Self> {
        let rows: Vec<[f64; 2]> = margins.iter().map(|&margin| [margin, 1.0]).collect();
        let [slope, intercept] = newton::fit(&rows, &targets(label), [1.0, 0.0])?;
        Some(Self::Platt { slope, intercept }).filter(Self::is_valid)
    }

    /// Fits the beta curve, with Platt's targets. A stretch that would come out below 0 is left out, as the authors do. `None`
    /// where no increasing curve was found.
    pub(crate) fn fit_beta(margins: &[f64], label: &[bool]) -> Option<Self> {
        let targets = targets(label);
        let rows: Vec<[f64; 3]> = margins
            .iter()
            .map(|&margin| {
                let [below, above] = log_probabilities(margin);
                [below, above, 1.0]
            })
            .collect();
        let without = |left_out: usize| {
            let rows: Vec<[f64; 2]> = rows.iter().map(|row| [row[1 - left_out], 1.0]).collect();
            newton::fit(&rows, &targets, [1.0, 0.0])
        };
        let [low, high, intercept] = match newton::fit(&rows, &targets, [1.0, 1.0, 0.0])? {
            [low, ..] if low < 0.0 => without(0).map(|[high, intercept]| [0.0, high, intercept])?,
            [_, high, _] if high < 0.0 => without(1).map(|[low, intercept]| [low, 0.0, intercept])?,
            fitted => fitted,
        };
        Some(Self::Beta { low, high, intercept }).filter(Self::is_valid)
    }

    /// Fits increasing steps, kept within 1/(N+2) and (N+1)/(N+2): nobody is certain.
    pub(crate) fn fit_isotonic(margins: &[f64], label: &[bool]) -> Option<Self> {
        let (margins, probabilities) = isotonic::fit(margins, label);
        Some(Self::Isotonic { margins, probabilities }).filter(Self::is_valid)
    }
}

/// ln p and -ln(1 - p) of the learner's own probability, without overflow; both rise with the margin.
#[inline]
fn log_probabilities(margin: f64) -> [f64; 2] {
    let rest = (-margin.abs()).exp().ln_1p();
    [margin.min(0.0) - rest, margin.max(0.0) + rest]
}

fn targets(label: &[bool]) -> Vec<f64> {
    let positives = label.iter().filter(|&&left| left).count() as f64;
    let negatives = label.len() as f64 - positives;
    let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    label.iter().map(|&left| if left { high } else { low }).collect()
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

type Fit = fn(&[f64], &[bool]) -> Option<Calibration>;

/// Chooses the calibration with the least log-loss when it is fitted on all folds but the one it is judged on. None at all
/// is among the candidates and wins a tie, so that the choice is never worse than raw.
pub(crate) fn choose(margins: &[f64], label: &[bool], fold_of: &[usize], folds: usize) -> Chosen {
    let raw = Calibration::None.probabilities(margins);
    let raw_log_loss = log_loss(&raw, label);
    let mut best = (raw_log_loss, Chosen { calibration: Calibration::None, probability: raw, raw_log_loss });
    let fits: [Fit; 3] = [Calibration::fit_platt, Calibration::fit_beta, Calibration::fit_isotonic];
    for fit in fits {
        let Some(probability) = cross_fitted(fit, margins, label, fold_of, folds) else { continue };
        let loss = log_loss(&probability, label);
        if loss < best.0
            && let Some(calibration) = fit(margins, label)
        {
            best = (loss, Chosen { calibration, probability, raw_log_loss });
        }
    }
    best.1
}

fn cross_fitted(fit: Fit, margins: &[f64], label: &[bool], fold_of: &[usize], folds: usize) -> Option<Vec<f64>> {
    let mut probability = vec![0.0; margins.len()];
    for fold in 0..folds {
        let others = |row: &usize| fold_of[*row] != fold;
        let (other_margins, other_label): (Vec<f64>, Vec<bool>) =
            (0..margins.len()).filter(others).map(|row| (margins[row], label[row])).unzip();
        let fitted = fit(&other_margins, &other_label)?;
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
    fn platts_line_the_beta_curve_and_isotonic_steps_equal_the_references() {
        #[derive(Deserialize)]
        struct Case {
            tolerance: f64,
            margin: Vec<f64>,
            label: Vec<bool>,
            asked: Vec<f64>,
            platt: Vec<f64>,
            beta: Vec<f64>,
            isotonic: Vec<f64>,
        }
        let case: Case = serde_json::from_str(include_str!("../../tests/numerical/calibration.json")).unwrap();
        let fits: [(Fit, _); 3] = [
            (Calibration::fit_platt, &case.platt),
            (Calibration::fit_beta, &case.beta),
            (Calibration::fit_isotonic, &case.isotonic),
        ];
        for (fit, expected) in fits {
            let fitted = fit(&case.margin, &case.label).unwrap();
            let found = fitted.probabilities(&case.asked);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < case.tolerance, "{}: {found} {expected}", fitted.name());
            }
        }
    }

    #[test]
    fn a_stretch_below_zero_is_left_out() {
        // The true log-odds are 1.5 ln p + 0.5 ln(1 - p) + 1: they fall again where the learner is certain.
        let unit = |seed: u64| (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64;
        let margins: Vec<f64> = (0..4_000).map(|row| 8.0 * unit(row) - 4.0).collect();
        let odds = |margin| {
            let [below, above] = log_probabilities(margin);
            1.5 * below - 0.5 * above + 1.0
        };
        let label: Vec<bool> = margins.iter().zip(10_000..).map(|(&m, seed)| unit(seed) < sigmoid(odds(m))).collect();
        let Some(Calibration::Beta { low, high, .. }) = Calibration::fit_beta(&margins, &label) else { panic!() };
        assert!(low > 0.0 && high == 0.0, "{low} {high}");
    }

    #[test]
    fn steps_win_where_no_curve_fits() {
        let unit = |seed: u64| (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64;
        let margins: Vec<f64> = (0..6_000).map(|row| 6.0 * unit(row) - 3.0).collect();
        let step = |margin: f64| {
            if margin < -1.0 {
                0.1
            } else if margin < 1.0 {
                0.5
            } else {
                0.55
            }
        };
        let label: Vec<bool> =
            margins.iter().zip(0..).map(|(&m, row): (_, u64)| unit(row + 10_000) < step(m)).collect();
        let chosen = choose(&margins, &label, &stratified_folds(&label, 5, 1), 5);
        assert_eq!(chosen.calibration.name(), "isotonic");
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
        assert_ne!(chosen.calibration, Calibration::None);
        let Some(Calibration::Platt { slope, intercept }) = Calibration::fit_platt(&margins, &label) else { panic!() };
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
        assert_eq!(Calibration::fit_platt(&margins, &label), None);
        let chosen = choose(&margins, &label, &stratified_folds(&label, 5, 3), 5).calibration;
        assert!(chosen.probability(2.0) >= chosen.probability(-2.0), "{chosen:?}");
    }
}
