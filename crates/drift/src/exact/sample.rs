//! The samples of one column.

use std::collections::HashMap;

use super::sum::deviation;
use super::{Test, Undefined};

/// References with at most so many values are tested for significance, larger ones by distance: with many rows any
/// difference is significant.
const SMALL_REFERENCE: usize = 1_000;
/// Numbers with at most so many distinct values on both sides are compared like words.
const FEW_VALUES: usize = 5;

/// All values of one column of one side.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// A column of numbers.
    Numbers(Numbers),
    /// A column of anything else.
    Words(Words),
}

/// Numbers without the missing and infinite ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    values: Vec<f64>,
    whole: bool,
}

impl Numbers {
    /// The finite ones of `values`. `whole` says that the column's type is a whole number (no missing value, no decimal
    /// point): numpy makes no bin of such narrower than 1.
    pub fn new(mut values: Vec<f64>, whole: bool) -> Self {
        values.retain(|value| value.is_finite());
        Self { values, whole }
    }
}

/// How often each word occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    counts: HashMap<String, u64>,
}

impl Words {
    /// Counts one more of `word`.
    pub fn add(&mut self, word: &str) {
        self.add_many(word, 1);
    }

    /// Counts `count` more of `word`.
    pub fn add_many(&mut self, word: &str, count: u64) {
        match self.counts.get_mut(word) {
            Some(known) => *known += count,
            None => drop(self.counts.insert(word.to_owned(), count)),
        }
    }
}

/// Both sides of a column, ready for any test.
pub(super) enum Pair {
    /// Both ascending, whether each side's type is a whole number, and the reference's standard deviation.
    Numbers { reference: Vec<f64>, current: Vec<f64>, whole: [bool; 2], deviation: f64 },
    /// Counts of the reference and of the current sample by word, ascending.
    Words(Vec<[u64; 2]>),
}

impl Pair {
    pub(super) fn new(reference: Sample, current: Sample) -> Result<Self, Undefined> {
        match (reference, current) {
            (Sample::Numbers(reference), Sample::Numbers(current)) => Ok(Self::Numbers {
                whole: [reference.whole, current.whole],
                // Before they are sorted: of numbers far from 0 the order decides the digits.
                deviation: deviation(&reference.values),
                reference: sorted(reference.values),
                current: sorted(current.values),
            }),
            (Sample::Words(reference), Sample::Words(current)) => Ok(Self::Words(by_word(reference, &current))),
            _ => Err(Undefined::MixedKinds),
        }
    }

    /// Number of values on each side.
    pub(super) fn sizes(&self) -> [usize; 2] {
        match self {
            Self::Numbers { reference, current, .. } => [reference.len(), current.len()],
            Self::Words(counts) => {
                counts.iter().fold([0; 2], |sum, count| [sum[0] + count[0] as usize, sum[1] + count[1] as usize])
            }
        }
    }

    pub(super) fn non_empty(&self) -> Result<(), Undefined> {
        match self.sizes() {
            [0, _] => Err(Undefined::EmptyReference),
            [_, 0] => Err(Undefined::EmptyCurrent),
            _ => Ok(()),
        }
    }

    /// Both sides of a column of numbers.
    pub(super) fn numbers(&self, test: Test) -> Result<(&[f64], &[f64]), Undefined> {
        match self {
            Self::Numbers { reference, current, .. } => Ok((reference, current)),
            Self::Words(_) => Err(Undefined::NeedsNumbers(test)),
        }
    }

    /// How often each value occurs on each side, by value, ascending.
    pub(super) fn counts(&self) -> Vec<[u64; 2]> {
        match self {
            Self::Numbers { reference, current, .. } => {
                by_value(reference, current).map(|(_, counts)| counts).collect()
            }
            Self::Words(counts) => counts.clone(),
        }
    }

    /// The test that Evidently takes (`legacy/calculations/stattests/registry.py`, `_get_default_stattest`).
    pub(super) fn default_test(&self) -> Test {
        let small = self.sizes()[0] <= SMALL_REFERENCE;
        let (few, two) = match self {
            Self::Numbers { reference, current, .. } => {
                let distinct = by_value(reference, current).take(FEW_VALUES + 1).count();
                (distinct <= FEW_VALUES, distinct <= 2)
            }
            Self::Words(counts) => (true, counts.len() <= 2),
        };
        match (small, few) {
            (true, true) if two => Test::Z,
            (true, true) => Test::ChiSquare,
            (true, false) => Test::KolmogorovSmirnov,
            (false, true) => Test::JensenShannon,
            (false, false) => Test::Wasserstein,
        }
    }
}

/// The distinct values of two ascending samples, ascending, with how often each occurs on either side.
pub(super) fn by_value<'a>(mut r: &'a [f64], mut c: &'a [f64]) -> impl Iterator<Item = (f64, [u64; 2])> + 'a {
    std::iter::from_fn(move || {
        let value = match (r.first(), c.first()) {
            (Some(&a), Some(&b)) => a.min(b),
            (Some(&a), None) => a,
            (None, Some(&b)) => b,
            (None, None) => return None,
        };
        let equal = |side: &[f64]| side.iter().take_while(|&&other| other == value).count();
        let (in_r, in_c) = (equal(r), equal(c));
        (r, c) = (&r[in_r..], &c[in_c..]);
        Some((value, [in_r as u64, in_c as u64]))
    })
}

/// Ascending, both zeros one value. By way of whole numbers of the same order, which sort several times faster.
fn sorted(values: Vec<f64>) -> Vec<f64> {
    const SIGN: u64 = 1 << 63;
    let mut keys: Vec<u64> = values
        .into_iter()
        .map(|value| (value + 0.0).to_bits())
        .map(|bits| if bits & SIGN == 0 { bits | SIGN } else { !bits })
        .collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })).collect()
}

fn by_word(reference: Words, current: &Words) -> Vec<[u64; 2]> {
    let mut all: Vec<(String, [u64; 2])> = reference
        .counts
        .into_iter()
        .map(|(word, count)| {
            let other = current.counts.get(&word).copied().unwrap_or(0);
            (word, [count, other])
        })
        .collect();
    let known: std::collections::HashSet<&str> = all.iter().map(|(word, _)| word.as_str()).collect();
    let new: Vec<(String, [u64; 2])> = current
        .counts
        .iter()
        .filter(|(word, _)| !known.contains(word.as_str()))
        .map(|(word, &count)| (word.clone(), [0, count]))
        .collect();
    all.extend(new);
    all.sort_unstable();
    all.into_iter().map(|(_, counts)| counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_keeps_the_order_of_numbers_and_makes_both_zeros_one() {
        let values = vec![3.5, -0.0, -2.0, 1e300, 0.0, -1e-300, -7e8, f64::MIN_POSITIVE];
        let mut expected = values.clone();
        expected.sort_by(f64::total_cmp);
        let found = sorted(values);
        assert_eq!(found, expected);
        assert!(found.iter().all(|value| value.to_bits() != (-0.0_f64).to_bits()));
    }

    #[test]
    fn values_are_counted_on_both_sides() {
        let found: Vec<_> = by_value(&[1.0, 1.0, 3.0], &[0.0, 1.0, 4.0, 4.0]).collect();
        assert_eq!(found, [(0.0, [0, 1]), (1.0, [2, 1]), (3.0, [1, 0]), (4.0, [0, 2])]);
        let (mut reference, mut current) = (Words::default(), Words::default());
        ["b", "a", "b"].iter().for_each(|word| reference.add(word));
        ["c", "b"].iter().for_each(|word| current.add(word));
        assert_eq!(by_word(reference, &current), [[1, 0], [2, 1], [0, 1]]);
    }
}
