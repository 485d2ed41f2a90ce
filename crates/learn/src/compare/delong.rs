//! DeLong's test of two correlated AUCs.
//!
//! DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating characteristic
//! curves", with the midranks of Sun and Xu 2014, "Fast implementation of DeLong's algorithm".

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// How much greater one model's AUC is than another's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeLong {
    /// The challenger's AUC.
    pub challenger: f64,
    /// The champion's AUC.
    pub champion: f64,
    /// Challenger less champion: above 0 the challenger is better.
    pub difference: f64,
    /// Standard deviation of the difference.
    pub deviation: f64,
    /// Difference over deviation; 0 when both are 0.
    pub z: f64,
    /// Two-sided p-value of "both AUCs are the same".
    pub p_value: f64,
    /// One-sided p-value of "the challenger's is not lower": small when it is worse for sure.
    pub p_worse: f64,
}

/// Compares two AUCs on the same customers. None unless there are at least two customers of either class.
pub fn delong(challenger: &[f64], champion: &[f64], label: &[bool]) -> Option<DeLong> {
    let positives = label.iter().filter(|&&left| left).count();
    let negatives = label.len() - positives;
    if positives < 2 || negatives < 2 {
        return None;
    }
    let a = Components::of(challenger, label);
    let b = Components::of(champion, label);
    let part =
        |x: &[f64], y: &[f64], n: usize| (covariance(x, x) + covariance(y, y) - 2.0 * covariance(x, y)) / n as f64;
    let variance = part(&a.leavers, &b.leavers, positives) + part(&a.stayers, &b.stayers, negatives);
    let difference = a.auc - b.auc;
    let deviation = variance.max(0.0).sqrt();
    let z = match (difference == 0.0, deviation == 0.0) {
        (true, _) => 0.0,
        (false, true) => difference.signum() * f64::INFINITY,
        (false, false) => difference / deviation,
    };
    let normal = Normal::standard();
    Some(DeLong {
        challenger: a.auc,
        champion: b.auc,
        difference,
        deviation,
        z,
        p_value: 2.0 * normal.cdf(-z.abs()),
        p_worse: normal.cdf(z),
    })
}

/// For each customer, the share of the other class that is on the right side.
struct Components {
    auc: f64,
    leavers: Vec<f64>,
    stayers: Vec<f64>,
}

impl Components {
    fn of(probability: &[f64], label: &[bool]) -> Self {
        let of_class = |class: bool| -> Vec<f64> {
            probability.iter().zip(label).filter(|&(_, &left)| left == class).map(|(&p, _)| p).collect()
        };
        let (leavers, stayers) = (of_class(true), of_class(false));
        let together = midranks(&[leavers.as_slice(), stayers.as_slice()].concat());
        let (of_leavers, of_stayers) = (midranks(&leavers), midranks(&stayers));
        let (m, n) = (leavers.len() as f64, stayers.len() as f64);
        let leavers: Vec<f64> = together.iter().zip(&of_leavers).map(|(all, own)| (all - own) / n).collect();
        let stayers =
            together[of_leavers.len()..].iter().zip(&of_stayers).map(|(all, own)| 1.0 - (all - own) / m).collect();
        Self { auc: leavers.iter().sum::<f64>() / m, leavers, stayers }
    }
}

/// Rank of each value from 1, equal values sharing the mean of their ranks.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = from as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&at| ranks[at] = rank);
        from += equal.len();
    }
    ranks
}

/// Sample covariance, divided by one less than the number.
fn covariance(x: &[f64], y: &[f64]) -> f64 {
    let count = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / count, y.iter().sum::<f64>() / count);
    x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / (count - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::auc;

    #[derive(Deserialize)]
    struct Cases {
        tolerance: f64,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        challenger: Vec<f64>,
        champion: Vec<f64>,
        label: Vec<bool>,
        auc_challenger: f64,
        auc_champion: f64,
        deviation: f64,
        p_value: f64,
    }

    #[test]
    fn deviation_and_p_value_equal_the_definition_by_pairs_and_scipys_normal() {
        let cases: Cases = serde_json::from_str(include_str!("../../tests/numerical/delong.json")).unwrap();
        assert!(cases.cases.len() >= 3);
        for case in cases.cases {
            let found = delong(&case.challenger, &case.champion, &case.label).unwrap();
            for (found, expected) in [
                (found.challenger, case.auc_challenger),
                (found.champion, case.auc_champion),
                (found.deviation, case.deviation),
                (found.p_value, case.p_value),
            ] {
                assert!((found - expected).abs() < cases.tolerance, "{}: {found} {expected}", case.name);
            }
            assert!((found.challenger - auc(&case.challenger, &case.label).unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn a_model_does_not_differ_from_itself_and_one_class_cannot_be_compared() {
        let (p, label) = ([0.1, 0.4, 0.3, 0.9, 0.5], [false, true, false, true, false]);
        let same = delong(&p, &p, &label).unwrap();
        assert_eq!((same.difference, same.z, same.p_value), (0.0, 0.0, 1.0));
        assert_eq!(delong(&p, &p, &[false, true, false, false, false]), None);
        assert_eq!(delong(&p, &p, &[true; 5]), None);
    }
}
