//! Single columns.

use std::collections::BTreeMap;

/// KSComplement: 1 minus the largest distance between the two empirical distribution functions, from 0 to 1. Missing
/// values (`NaN`) are left out; none when a side has no other.
pub fn ks_complement(real: &[f64], synthetic: &[f64]) -> Option<f64> {
    let (real, synthetic) = (sorted(real), sorted(synthetic));
    if real.is_empty() || synthetic.is_empty() {
        return None;
    }
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < real.len() && j < synthetic.len() {
        let value = real[i].min(synthetic[j]);
        i += real[i..].iter().take_while(|other| **other <= value).count();
        j += synthetic[j..].iter().take_while(|other| **other <= value).count();
        distance = distance.max((i as f64 / real.len() as f64 - j as f64 / synthetic.len() as f64).abs());
    }
    Some(1.0 - distance)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Count that SDMetrics gives a value that no real row has.
const UNSEEN: f64 = 1e-6;

/// TVComplement: 1 minus half the summed differences of the values' shares, from 0 to 1. Missing values (`None`) are
/// left out; none when a side has no other.
pub fn tv_complement<T: Ord + Copy>(real: &[Option<T>], synthetic: &[Option<T>]) -> Option<f64> {
    let (mut real, synthetic) = (counts(real), counts(synthetic));
    if real.is_empty() || synthetic.is_empty() {
        return None;
    }
    synthetic.keys().for_each(|value| {
        real.entry(*value).or_insert(UNSEEN);
    });
    let (all_real, all_synthetic): (f64, f64) = (real.values().sum(), synthetic.values().sum());
    let difference: f64 = real
        .iter()
        .map(|(value, count)| (count / all_real - synthetic.get(value).unwrap_or(&0.0) / all_synthetic).abs())
        .sum();
    Some(1.0 - difference / 2.0)
}

fn counts<T: Ord + Copy>(values: &[Option<T>]) -> BTreeMap<T, f64> {
    let mut counts = BTreeMap::new();
    values.iter().flatten().for_each(|value| *counts.entry(*value).or_insert(0.0) += 1.0);
    counts
}
