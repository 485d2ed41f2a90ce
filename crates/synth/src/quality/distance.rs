//! How near synthetic customers come to single real ones: SDMetrics' distance to the closest record (DCR).

use std::collections::BTreeSet;

use churn_domain::{Column, FEATURES, Kind, MISSING, Table};
use serde::Serialize;

use super::record::{NUMBERS, Record, WIDTH, records};
use super::view::{Customers, views};
use crate::random::{Purpose, RowRandom};
use crate::roles::cardinality;

impl Record {
    /// Sum of the columns' distances: 0 or 1 for a category, the difference over the reference's range, at most 1, for a
    /// number.
    #[inline]
    fn distance(&self, other: &Self, ranges: &[f64; NUMBERS]) -> f64 {
        let differ: u16 = self.codes.iter().zip(&other.codes).map(|(left, right)| u16::from(left != right)).sum();
        let apart: f64 = std::iter::zip(&self.numbers, &other.numbers)
            .zip(ranges)
            .map(|((left, right), range)| ((left - right).abs() / range).min(1.0))
            .sum();
        f64::from(differ) + apart
    }
}

/// Largest less smallest number of each number column. Where all are equal any difference counts as 1.
fn ranges(records: &[Record]) -> [f64; NUMBERS] {
    std::array::from_fn(|at| {
        let present =
            || records.iter().map(|record| record.numbers[at]).filter(|value| *value < Record::MISSING_NUMBER);
        let (low, high) =
            present().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if high > low { high - low } else { f64::MIN_POSITIVE }
    })
}

/// Of each row, the mean distance over all columns to the nearest row of a reference.
fn closest(rows: &[Record], reference: &[Record]) -> Vec<f64> {
    let ranges = ranges(reference);
    let nearest = |row: &Record| {
        reference.iter().map(|other| row.distance(other, &ranges)).fold(f64::INFINITY, f64::min) / WIDTH as f64
    };
    rows.iter().map(nearest).collect()
}

/// Of each synthetic customer, the distance to the closest real one, from 0 (a copy) to 1.
pub fn closest_distances(synthetic: Customers<'_>, real: Customers<'_>) -> Vec<f64> {
    let [synthetic, real] = views([synthetic, real]);
    closest(&records(&synthetic), &records(&real))
}

/// Whether synthetic customers are nearer to those that the generator saw than to others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OverfittingProtection {
    /// Twice the share of synthetic rows that are not nearer to the training rows, at most 1.
    pub score: f64,
    /// Share of the synthetic rows that are nearer to the training rows, strictly.
    pub closer_to_training: f64,
}

/// DCROverfittingProtection. `holdout` are real customers whom the generator has not seen, at best as many as it has.
pub fn overfitting_protection(
    training: Customers<'_>,
    synthetic: Customers<'_>,
    holdout: Customers<'_>,
) -> OverfittingProtection {
    let [training, synthetic, holdout] = views([training, synthetic, holdout]).map(|columns| records(&columns));
    let to_training = closest(&synthetic, &training);
    let to_holdout = closest(&synthetic, &holdout);
    let nearer = to_training.iter().zip(&to_holdout).filter(|(training, holdout)| training < holdout).count();
    let closer_to_training = nearer as f64 / to_training.len() as f64;
    OverfittingProtection { score: (2.0 * (1.0 - closer_to_training)).min(1.0), closer_to_training }
}

/// How far synthetic customers stay from the real ones, beside rows of uniform chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BaselineProtection {
    /// Median distance of the synthetic rows over that of the random ones, at most 1. Good synthetic data cannot reach
    /// 1: it is near the real data because it is like it.
    pub score: f64,
    /// Median distance of the synthetic rows.
    pub synthetic: f64,
    /// Median distance of the random rows.
    pub random: f64,
}

/// DCRBaselineProtection with random rows that are given.
pub fn baseline_protection(real: Customers<'_>, synthetic: Customers<'_>, random: Customers<'_>) -> BaselineProtection {
    let (synthetic, random) = (median(closest_distances(synthetic, real)), median(closest_distances(random, real)));
    BaselineProtection { score: (synthetic / random).min(1.0), synthetic, random }
}

/// Customers of uniform chance: each value drawn for itself from the values, or between the smallest and the largest
/// number, that the real customers have; missing as often as there.
pub fn uniform_customers(real: Customers<'_>, rows: usize, seed: u64) -> (Table, Vec<bool>) {
    let mut random = RowRandom::new(seed, "uniform", Purpose::Customer);
    random.seek(0);
    let mut table = Table::default();
    for (feature, (into, from)) in table.columns_mut().iter_mut().zip(real.features.columns()).enumerate() {
        match (into, from) {
            (Column::Category(into), Column::Category(from)) => {
                let seen = distinct(from.codes().iter().copied().filter(|code| *code != MISSING));
                let missing = share(from.codes(), |code| *code == MISSING);
                for _ in 0..rows {
                    let code = pick(&seen, &mut random);
                    into.push(code.filter(|_| !random.chance(missing)).and_then(|code| from.word(code)));
                }
            }
            (Column::Number(into), Column::Number(from)) => {
                let missing = share(from, |value| value.is_nan());
                for _ in 0..rows {
                    let value = uniform_number(feature, from, &mut random);
                    into.push(if random.chance(missing) { f64::NAN } else { value });
                }
            }
            _ => unreachable!("both tables follow FEATURES"),
        }
    }
    let labels = distinct(real.label.iter().copied());
    let label = (0..rows).map(|_| pick(&labels, &mut random).unwrap_or_default()).collect();
    (table, label)
}

fn uniform_number(feature: usize, from: &[f64], random: &mut RowRandom) -> f64 {
    let present = || from.iter().copied().filter(|value| !value.is_nan());
    let (low, high) = present().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return f64::NAN;
    }
    match FEATURES[feature].kind {
        Kind::Integer { .. } => low + random.below((high - low) as u64 + 1) as f64,
        _ if cardinality(feature) > 0 => low + random.below((high - low) as u64 + 1) as f64,
        _ => low + (high - low) * random.unit(),
    }
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.collect::<BTreeSet<T>>().into_iter().collect()
}

fn pick<T: Copy>(from: &[T], random: &mut RowRandom) -> Option<T> {
    (!from.is_empty()).then(|| from[random.below(from.len() as u64) as usize])
}

fn share<T>(values: &[T], is: impl Fn(&T) -> bool) -> f64 {
    values.iter().filter(|value| is(value)).count() as f64 / values.len().max(1) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}
