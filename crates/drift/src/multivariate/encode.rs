//! Columns as numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{deviation, mean};

/// Words of a column that the domain classifier tells apart; the rest is one.
const MOST_WORDS: usize = 20;

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub enum Feature {
    /// Numbers; NaN and infinite ones are missing.
    Numbers(Vec<f64>),
    /// Words.
    Words(Vec<Option<String>>),
}

impl Feature {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Standardised numbers: missing ones are the mean; a word is its count in the reference, a missing one the most frequent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Encoding(Vec<(Column, f64, f64)>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Column {
    Number(f64),
    Word { counts: BTreeMap<String, f64>, most: f64 },
}

impl Encoding {
    /// `None` when no column of the reference has two values.
    pub(super) fn of(reference: &[Feature]) -> Option<Self> {
        let columns: Vec<_> = reference
            .iter()
            .map(|feature| {
                let column = Column::of(feature);
                let values = column.encode(feature);
                let spread = deviation(&values);
                // A constant stays one, as in scikit-learn.
                (column, mean(&values), if spread > 0.0 { spread } else { 1.0 })
            })
            .collect();
        let varies = columns.iter().zip(reference).any(|((column, mean, _), feature)| {
            column.encode(feature).iter().any(|value| (value - mean).abs() > 1e-12 * mean.abs().max(1.0))
        });
        varies.then_some(Self(columns))
    }

    pub(super) fn width(&self) -> usize {
        self.0.len()
    }

    /// A number of a column; a missing one where it is not finite.
    pub(super) fn number(&self, column: usize, value: f64) -> f64 {
        let (column, mean, spread) = &self.0[column];
        let value = match column {
            Column::Number(middle) if !value.is_finite() => *middle,
            _ => value,
        };
        (value - mean) / spread
    }

    /// A word of a column, or none.
    pub(super) fn word(&self, column: usize, word: Option<&str>) -> f64 {
        let (column, mean, spread) = &self.0[column];
        let count = match column {
            Column::Word { counts, most } => word.map_or(*most, |word| counts.get(word).copied().unwrap_or(0.0)),
            Column::Number(middle) => *middle,
        };
        (count - mean) / spread
    }

    pub(super) fn rows(&self, side: &[Feature]) -> Vec<Vec<f64>> {
        let columns: Vec<Vec<f64>> = self
            .0
            .iter()
            .zip(side)
            .map(|((column, mean, spread), feature)| {
                column.encode(feature).into_iter().map(|value| (value - mean) / spread).collect()
            })
            .collect();
        transposed(&columns)
    }
}

impl Column {
    fn of(feature: &Feature) -> Self {
        match feature {
            Feature::Numbers(values) => {
                let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
                Self::Number(if finite.is_empty() { 0.0 } else { mean(&finite) })
            }
            Feature::Words(values) => {
                let mut counts: BTreeMap<String, f64> = BTreeMap::new();
                values.iter().flatten().for_each(|word| *counts.entry(word.clone()).or_default() += 1.0);
                let most = counts.values().copied().fold(0.0, f64::max);
                Self::Word { counts, most }
            }
        }
    }

    fn encode(&self, feature: &Feature) -> Vec<f64> {
        match (self, feature) {
            (Self::Number(mean), Feature::Numbers(values)) => {
                values.iter().map(|value| if value.is_finite() { *value } else { *mean }).collect()
            }
            (Self::Word { counts, most }, Feature::Words(values)) => {
                let count = |word: &String| counts.get(word).copied().unwrap_or(0.0);
                values.iter().map(|word| word.as_ref().map_or(*most, count)).collect()
            }
            // Sides of other kinds were refused.
            _ => vec![0.0; feature.len()],
        }
    }
}

/// One column a word, numbers standardised over both sides and with their squares, whether a value is missing.
pub(super) struct OneHot(Vec<Part>);

enum Part {
    Number { at: usize, mean: f64, spread: f64 },
    Square { at: usize, mean: f64, spread: f64 },
    Word { at: usize, word: String },
    Missing { at: usize },
}

impl OneHot {
    /// `None` when there is nothing that differs between any two rows.
    pub(super) fn of(reference: &[Feature], current: &[Feature]) -> Option<Self> {
        let mut parts = Vec::new();
        for (at, sides) in reference.iter().zip(current).enumerate() {
            let missing = match sides {
                (Feature::Numbers(before), Feature::Numbers(after)) => {
                    let both = || before.iter().chain(after);
                    let finite: Vec<f64> = both().copied().filter(|value| value.is_finite()).collect();
                    let (mean, spread) = (mean(&finite), deviation(&finite));
                    if spread.is_finite() && spread > 0.0 {
                        parts.extend([Part::Number { at, mean, spread }, Part::Square { at, mean, spread }]);
                    }
                    both().count() - finite.len()
                }
                (Feature::Words(before), Feature::Words(after)) => {
                    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
                    before.iter().chain(after).flatten().for_each(|word| *counts.entry(word).or_default() += 1);
                    let mut words: Vec<_> = counts.into_iter().collect();
                    words.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
                    // One word less: the last one is told by the absence of the others.
                    let shown = words.len().saturating_sub(1).min(MOST_WORDS);
                    parts.extend(words[..shown].iter().map(|(word, _)| Part::Word { at, word: (*word).clone() }));
                    before.iter().chain(after).filter(|word| word.is_none()).count()
                }
                _ => 0,
            };
            if missing > 0 {
                parts.push(Part::Missing { at });
            }
        }
        (!parts.is_empty()).then_some(Self(parts))
    }

    pub(super) fn rows(&self, side: &[Feature]) -> Vec<Vec<f64>> {
        transposed(&self.0.iter().map(|part| part.column(side)).collect::<Vec<_>>())
    }
}

impl Part {
    fn column(&self, side: &[Feature]) -> Vec<f64> {
        let is = |holds: bool| f64::from(u8::from(holds));
        let scaled = |at: usize, mean: f64, spread: f64, of: fn(f64) -> f64| match &side[at] {
            Feature::Numbers(values) => {
                values.iter().map(|v| if v.is_finite() { of((v - mean) / spread) } else { of(0.0) }).collect()
            }
            Feature::Words(words) => vec![0.0; words.len()],
        };
        match self {
            // A far outlier has no more say than one ten deviations away.
            Self::Number { at, mean, spread } => scaled(*at, *mean, *spread, |z| z.clamp(-10.0, 10.0)),
            Self::Square { at, mean, spread } => scaled(*at, *mean, *spread, |z| z.clamp(-10.0, 10.0).powi(2) - 1.0),
            Self::Word { at, word } => match &side[*at] {
                Feature::Words(words) => words.iter().map(|found| is(found.as_ref() == Some(word))).collect(),
                Feature::Numbers(values) => vec![0.0; values.len()],
            },
            Self::Missing { at } => match &side[*at] {
                Feature::Words(words) => words.iter().map(|word| is(word.is_none())).collect(),
                Feature::Numbers(values) => values.iter().map(|value| is(!value.is_finite())).collect(),
            },
        }
    }
}

fn transposed(columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
}
