//! Paired bootstrap of the difference in log-loss.

use serde::{Deserialize, Serialize};

use crate::metrics::{Interval, Resamples, loss_of};

/// How much better one model's log-loss is than another's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedBootstrap {
    /// The challenger's log-loss.
    pub challenger: f64,
    /// The champion's log-loss.
    pub champion: f64,
    /// Challenger less champion: below 0 the challenger is better.
    pub difference: f64,
    /// What 95 % of the resampled differences lie within.
    pub interval: Option<Interval>,
    /// Share of the resamples, the observed one counted in, in which the challenger is not better: a one-sided p-value of
    /// "the challenger is no better" ((k + 1) / (n + 1), Davison and Hinkley 1997, section 4.2).
    pub p_value: f64,
}

/// Resamples the customers, each with both models' losses, `resamples` times. The same for the same seed.
///
/// The p-value is 1 when there are no customers.
pub fn paired_bootstrap(
    challenger: &[f64],
    champion: &[f64],
    label: &[bool],
    resamples: usize,
    seed: u64,
) -> PairedBootstrap {
    let losses = |of: &[f64]| of.iter().zip(label).map(loss_of).collect::<Vec<f64>>();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (challenger, champion) = (losses(challenger), losses(champion));
    let difference: Vec<f64> = challenger.iter().zip(&champion).map(|(a, b)| a - b).collect();
    let resampled: Vec<f64> = match difference.is_empty() {
        true => Vec::new(),
        false => Resamples::new(difference.len(), resamples, seed)
            .iter()
            .map(|rows| rows.iter().map(|&row| difference[row]).sum::<f64>() / rows.len() as f64)
            .collect(),
    };
    let not_better = resampled.iter().filter(|&&difference| difference >= 0.0).count();
    PairedBootstrap {
        challenger: mean(&challenger),
        champion: mean(&champion),
        difference: mean(&difference),
        p_value: if resampled.is_empty() { 1.0 } else { (not_better + 1) as f64 / (resampled.len() + 1) as f64 },
        interval: Interval::of(resampled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::split_mix;

    fn unit(seed: u64) -> f64 {
        (split_mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn truth() -> (Vec<f64>, Vec<bool>) {
        let probability: Vec<f64> = (0..3_000).map(|row| 0.05 + 0.9 * unit(row)).collect();
        let label = probability.iter().zip(10_000..).map(|(&p, seed)| unit(seed) < p).collect();
        (probability, label)
    }

    #[test]
    fn interval_and_p_value_equal_scipys_bootstrap() {
        #[derive(Deserialize)]
        struct Case {
            tolerance: f64,
            challenger: Vec<f64>,
            champion: Vec<f64>,
            label: Vec<bool>,
            difference: f64,
            low: f64,
            high: f64,
            p_value: f64,
        }
        let case: Case = serde_json::from_str(include_str!("../../tests/numerical/bootstrap.json")).unwrap();
        let found = paired_bootstrap(&case.challenger, &case.champion, &case.label, 20_000, 7);
        let interval = found.interval.unwrap();
        assert!((found.difference - case.difference).abs() < 1e-12);
        assert!((interval.low - case.low).abs() < case.tolerance, "{interval:?} {}", case.low);
        assert!((interval.high - case.high).abs() < case.tolerance, "{interval:?} {}", case.high);
        assert!((found.p_value - case.p_value).abs() < 0.01, "{} {}", found.p_value, case.p_value);
    }

    #[test]
    fn a_better_model_is_found_better_and_an_equal_one_is_not() {
        let (probability, label) = truth();
        let worse: Vec<f64> = probability.iter().map(|p| 0.5 * p + 0.25).collect();
        let found = paired_bootstrap(&probability, &worse, &label, 1_000, 7);
        assert!(found.difference < 0.0 && found.p_value < 0.01 && found.interval.unwrap().high < 0.0, "{found:?}");
        let turned = paired_bootstrap(&worse, &probability, &label, 1_000, 7);
        assert!(turned.p_value > 0.99 && turned.difference > 0.0);
        let equal = paired_bootstrap(&probability, &probability, &label, 1_000, 7);
        assert_eq!((equal.difference, equal.p_value), (0.0, 1.0));
    }

    #[test]
    fn nobody_proves_nothing_and_the_seed_decides() {
        assert_eq!(paired_bootstrap(&[], &[], &[], 100, 7).p_value, 1.0);
        let (probability, label) = truth();
        let other: Vec<f64> = probability.iter().map(|p| 0.99 * p).collect();
        let of = |seed| paired_bootstrap(&probability, &other, &label, 200, seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1).interval, of(2).interval);
    }
}
