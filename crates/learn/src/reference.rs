//! What the customers and probabilities of the training looked like: what the monitor compares the stream with.

use std::collections::BTreeMap;

use churn_domain::{Column, FEATURES, Kind, Table};
use serde::{Deserialize, Serialize};

/// Number of bins that a number's values are spread over, as equally as ties allow.
const BINS: usize = 10;

/// Distributions over the training customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Number of customers.
    pub rows: u64,
    /// How many of them left.
    pub positives: u64,
    /// One entry a feature, in the order of [`FEATURES`].
    pub features: Vec<FeatureReference>,
    /// The probabilities of leaving, each by a model that had not seen the customer.
    pub probability: FeatureReference,
}

/// The distribution of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureReference {
    /// The feature's name, `probability` for the scores.
    pub name: String,
    /// How often it was missing.
    pub missing: u64,
    /// How its values were distributed.
    pub distribution: Distribution,
}

/// How values are distributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Distribution {
    /// By word; a flag's words are `0` and `1`. Known words that did not occur count 0.
    Words {
        /// Count of each word.
        counts: BTreeMap<String, u64>,
    },
    /// By bin: bin `i` holds the values from `edges[i - 1]` to below `edges[i]`, the first and the last bin are open.
    Bins {
        /// Inner edges, ascending; one fewer than there are bins.
        edges: Vec<f64>,
        /// Count of each bin.
        counts: Vec<u64>,
        /// Mean of the values, 0 when there are none.
        mean: f64,
        /// Standard deviation of the values (divided by their number), 0 when there are none.
        standard_deviation: f64,
    },
}

impl Reference {
    /// Takes down the distributions of customers, their labels and their probabilities.
    pub fn of(customers: &Table, label: &[bool], probability: &[f64]) -> Self {
        let features = FEATURES.iter().zip(customers.columns()).map(|(feature, column)| {
            let (missing, distribution) = match column {
                Column::Category(words) => by_word(feature.categories().iter().copied(), words.iter()),
                Column::Number(values) if feature.kind == Kind::Flag => {
                    let word = |value: &f64| (!value.is_nan()).then_some(if *value == 0.0 { "0" } else { "1" });
                    by_word(["0", "1"].into_iter(), values.iter().map(word))
                }
                Column::Number(values) => by_bin(values),
            };
            FeatureReference { name: feature.name.to_owned(), missing, distribution }
        });
        let (missing, distribution) = by_bin(probability);
        Self {
            rows: customers.len() as u64,
            positives: label.iter().filter(|&&left| left).count() as u64,
            features: features.collect(),
            probability: FeatureReference { name: "probability".into(), missing, distribution },
        }
    }
}

fn by_word<'a>(
    known: impl Iterator<Item = &'a str>,
    words: impl Iterator<Item = Option<&'a str>>,
) -> (u64, Distribution) {
    let mut counts: BTreeMap<String, u64> = known.map(|word| (word.to_owned(), 0)).collect();
    let mut missing = 0;
    for word in words {
        match word {
            None => missing += 1,
            Some(word) => match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_owned(), 1)),
            },
        }
    }
    (missing, Distribution::Words { counts })
}

fn by_bin(values: &[f64]) -> (u64, Distribution) {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let missing = (values.len() - sorted.len()) as u64;
    // An edge is a value that occurs, and the lowest one is no edge: no bin is empty.
    let mut edges: Vec<f64> = Vec::new();
    for bin in 1..BINS {
        let Some(&edge) = sorted.get(bin * sorted.len() / BINS) else { break };
        if edge > *edges.last().unwrap_or(&sorted[0]) {
            edges.push(edge);
        }
    }
    let mut counts = vec![0; edges.len() + 1];
    for value in &sorted {
        counts[edges.partition_point(|edge| edge <= value)] += 1;
    }
    let count = (sorted.len() as f64).max(1.0);
    let mean = sorted.iter().sum::<f64>() / count;
    let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (missing, Distribution::Bins { edges, counts, mean, standard_deviation: variance.sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(values: &[f64]) -> (Vec<f64>, Vec<u64>) {
        match by_bin(values).1 {
            Distribution::Bins { edges, counts, .. } => (edges, counts),
            Distribution::Words { .. } => unreachable!(),
        }
    }

    #[test]
    fn bins_hold_equal_counts_where_values_differ() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let (edges, counts) = bins(&values);
        assert_eq!((edges[0], edges.len()), (10.0, 9));
        assert_eq!(counts, vec![10; 10]);
    }

    #[test]
    fn ties_constants_and_nothing_at_all_are_binned() {
        assert_eq!(bins(&[0.0; 50]), (vec![], vec![50]));
        assert_eq!(bins(&[]), (vec![], vec![0]));
        let (edges, counts) = bins(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, f64::NAN]);
        assert_eq!((edges, counts), (vec![1.0], vec![6, 3]));
    }
}
