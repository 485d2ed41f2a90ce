//! How the values of one column are put into bins.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// More bins than any rule gives for the rows of this world, and a bound on what a broken file may ask for.
const MAX_BINS: usize = 65_536;

/// Bins that cannot be made.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error(
    "{bins} bins of equal width from {min} to {max} cannot be made, expected 1 to 65536 bins over a finite range above 0"
)]
pub struct InvalidBins {
    /// Start of the first bin.
    pub min: f64,
    /// End of the last bin.
    pub max: f64,
    /// Number of bins.
    pub bins: usize,
}

/// Bins of equal width. Each holds its lower edge and not its upper one; the last holds both, as numpy's histograms.
///
/// Written as range and count, so that reading it back gives the very same edges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Range", into = "Range")]
pub struct Edges {
    edges: Vec<f64>,
    per_unit: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    min: f64,
    max: f64,
    bins: usize,
}

impl Edges {
    /// `bins` bins from `min` to `max`, with the edges of `numpy.linspace(min, max, bins + 1)`.
    ///
    /// # Errors
    /// When the range is empty, not finite or too narrow for the bins, or their number is 0 or above 65,536.
    pub fn uniform(min: f64, max: f64, bins: usize) -> Result<Self, InvalidBins> {
        let invalid = InvalidBins { min, max, bins };
        if !(1..=MAX_BINS).contains(&bins) || !min.is_finite() || !max.is_finite() {
            return Err(invalid);
        }
        let step = (max - min) / bins as f64;
        let mut edges: Vec<f64> = (0..bins).map(|bin| bin as f64 * step + min).collect();
        edges.push(max);
        let per_unit = bins as f64 / (max - min);
        let increasing = edges.windows(2).all(|pair| pair[0] < pair[1]);
        if increasing && per_unit.is_finite() && per_unit > 0.0 { Ok(Self { edges, per_unit }) } else { Err(invalid) }
    }

    /// Sturges' rule as numpy >= 2 applies it (`numpy.histogram_bin_edges(values, "sturges")`): for `count` values from
    /// `min` to `max`, bins of width (max - min) / (log2(count) + 1), but at least 1 where the values' type is a whole
    /// number.
    ///
    /// # Errors
    /// When the range is empty or not finite.
    pub fn sturges(min: f64, max: f64, count: usize, whole_numbers: bool) -> Result<Self, InvalidBins> {
        let mut width = (max - min) / ((count.max(1) as f64).log2() + 1.0);
        if whole_numbers && width < 1.0 {
            width = 1.0;
        }
        let bins = ((max - min) / width).ceil();
        if !(bins >= 1.0 && bins <= MAX_BINS as f64) {
            return Err(InvalidBins { min, max, bins: 0 });
        }
        Self::uniform(min, max, bins as usize)
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// Start of the first bin.
    pub fn min(&self) -> f64 {
        self.edges[0]
    }

    /// End of the last bin, which is part of it.
    pub fn max(&self) -> f64 {
        self.edges[self.bins()]
    }

    /// The edge between bin `at - 1` and bin `at`.
    ///
    /// # Panics
    /// When `at` is larger than the number of bins.
    pub fn edge(&self, at: usize) -> f64 {
        self.edges[at]
    }

    /// The bin of a number within [`Self::min`] and [`Self::max`]. Any other number gets the nearest bin, NaN the
    /// first.
    pub fn bin(&self, value: f64) -> usize {
        // The product may fall one bin beside the truth by rounding; the edges themselves decide.
        let guess = (((value - self.min()) * self.per_unit) as usize).min(self.bins() - 1);
        if value < self.edges[guess] {
            guess.saturating_sub(1)
        } else if value >= self.edges[guess + 1] && guess + 1 < self.bins() {
            guess + 1
        } else {
            guess
        }
    }
}

impl TryFrom<Range> for Edges {
    type Error = InvalidBins;

    fn try_from(range: Range) -> Result<Self, InvalidBins> {
        Self::uniform(range.min, range.max, range.bins)
    }
}

impl From<Edges> for Range {
    fn from(edges: Edges) -> Self {
        Self { min: edges.min(), max: edges.max(), bins: edges.bins() }
    }
}

/// The bins of a column, fixed once by its reference. Every value has a bin; a missing one has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bins {
    /// Numbers with many distinct values: what lies below the edges, each bin between them, what lies above.
    Edges(Edges),
    /// Numbers cut at these, ascending: what lies below the first, from each cut to below the next, what lies from the
    /// last up.
    Cuts(Vec<f64>),
    /// Numbers with few distinct values, ascending: each value, then every other one.
    Values(Vec<f64>),
    /// Words: each word, then every other one.
    Words(Vec<String>),
}

impl Bins {
    /// Number of bins, those for values outside included.
    pub fn count(&self) -> usize {
        match self {
            Self::Edges(edges) => edges.bins() + 2,
            Self::Cuts(cuts) => cuts.len() + 1,
            Self::Values(values) => values.len() + 1,
            Self::Words(words) => words.len() + 1,
        }
    }

    /// The bin of a finite number. Words hold no number: it is one of the others.
    pub fn of_number(&self, value: f64) -> usize {
        match self {
            Self::Edges(edges) if value < edges.min() => 0,
            Self::Edges(edges) if value > edges.max() => edges.bins() + 1,
            Self::Edges(edges) => edges.bin(value) + 1,
            Self::Cuts(cuts) => cuts.partition_point(|&cut| cut <= value),
            Self::Values(values) => values.iter().position(|&known| known == value).unwrap_or(values.len()),
            Self::Words(words) => words.len(),
        }
    }

    /// The bin of a word. Numbers hold no word: it is one of the others.
    pub fn of_word(&self, word: &str) -> usize {
        match self {
            Self::Words(words) => words.iter().position(|known| known == word).unwrap_or(words.len()),
            _ => self.count() - 1,
        }
    }

    /// What to call the bins from `first` to `last`, neighbours, in a picture: a word, a value, or a range of numbers.
    /// Values that none of them knows are `(other)`.
    pub fn name(&self, first: usize, last: usize) -> String {
        let other = || "(other)".to_owned();
        match self {
            Self::Words(words) => words.get(first).cloned().unwrap_or_else(other),
            Self::Values(values) => values.get(first).map_or_else(other, |value| short(*value)),
            Self::Edges(edges) => range(
                (first > 0).then(|| edges.edge((first - 1).min(edges.bins()))),
                (last <= edges.bins()).then(|| edges.edge(last)),
            ),
            Self::Cuts(cuts) => {
                range(first.checked_sub(1).and_then(|at| cuts.get(at).copied()), cuts.get(last).copied())
            }
        }
    }

    /// Whether the bin lies within the range that edges were cut over. Only such a bin counts while it is empty on both
    /// sides, as in a histogram; a value or word that nobody has is no bin.
    pub(crate) fn is_inner(&self, bin: usize) -> bool {
        matches!(self, Self::Edges(edges) if (1..=edges.bins()).contains(&bin))
    }

    /// The bins of values that the reference did not have. Open cuts have none.
    pub(crate) fn outside(&self) -> impl Iterator<Item = usize> + use<> {
        let last = self.count() - 1;
        let bins = match self {
            Self::Edges(_) => [Some(0), Some(last)],
            Self::Cuts(_) => [None, None],
            Self::Values(_) | Self::Words(_) => [Some(last), None],
        };
        bins.into_iter().flatten()
    }

    /// What makes these no bins, if anything does.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Cuts(cuts) if !cuts.iter().all(|cut| cut.is_finite()) => Some("a cut is no number"),
            Self::Cuts(cuts) if !cuts.windows(2).all(|pair| pair[0] < pair[1]) => Some("its cuts do not ascend"),
            Self::Values(values) if !values.iter().all(|value| value.is_finite()) => Some("a value is no number"),
            _ => None,
        }
    }
}

fn range(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{} to {}", short(low), short(high)),
        (Some(low), None) => format!("from {}", short(low)),
        (None, Some(high)) => format!("below {}", short(high)),
        (None, None) => "any".to_owned(),
    }
}

/// At most two decimals.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_belongs_to_the_bin_it_opens_and_the_last_one_to_the_last() {
        for (min, max, bins) in [(0.0, 1.0, 10), (0.1, 0.7, 7), (-3.0, 118.75, 14), (18.8, 8_684.8, 13)] {
            let edges = Edges::uniform(min, max, bins).unwrap();
            for bin in 0..bins {
                assert_eq!(edges.bin(edges.edges[bin]), bin);
                assert_eq!(edges.bin(edges.edges[bin + 1].next_down()), bin);
            }
            assert_eq!(edges.bin(max), bins - 1);
        }
    }

    #[test]
    fn bins_that_cannot_be_made_are_errors() {
        for (min, max, bins) in
            [(1.0, 1.0, 3), (2.0, 1.0, 3), (0.0, f64::NAN, 3), (0.0, 1.0, 0), (1.0, 1.0f64.next_up(), 9)]
        {
            assert!(Edges::uniform(min, max, bins).is_err(), "{min} {max} {bins}");
        }
        assert!(Edges::uniform(f64::MIN, f64::MAX, 3).is_err());
        assert!(Edges::sturges(0.0, f64::INFINITY, 10, false).is_err());
        assert!(Edges::sturges(5.0, 5.0, 10, false).is_err());
    }

    #[test]
    fn edges_read_back_are_the_same() {
        let edges = Edges::uniform(18.25, 118.75, 13).unwrap();
        let text = serde_json::to_string(&edges).unwrap();
        assert_eq!(serde_json::from_str::<Edges>(&text).unwrap(), edges);
        assert!(serde_json::from_str::<Edges>(r#"{"min":1.0,"max":0.0,"bins":3}"#).is_err());
    }

    #[test]
    fn bins_have_names() {
        let edges = Bins::Edges(Edges::uniform(0.0, 10.0, 4).unwrap());
        let names: Vec<_> = (0..edges.count()).map(|bin| edges.name(bin, bin)).collect();
        assert_eq!(names, ["below 0", "0 to 2.5", "2.5 to 5", "5 to 7.5", "7.5 to 10", "from 10"]);
        assert_eq!((edges.name(0, 2), edges.name(3, 5)), ("below 5".into(), "from 5".into()));
        let cuts = Bins::Cuts(vec![100.0, 200.0]);
        assert_eq!([0, 1, 2].map(|bin| cuts.name(bin, bin)), ["below 100", "100 to 200", "from 200"]);
        let values = Bins::Values(vec![0.0, 1.0]);
        assert_eq!([0, 1, 2].map(|bin| values.name(bin, bin)), ["0", "1", "(other)"]);
        assert_eq!(Bins::Cuts(vec![]).name(0, 0), "any");
    }

    #[test]
    fn values_outside_have_bins_of_their_own() {
        let bins = Bins::Edges(Edges::uniform(0.0, 10.0, 5).unwrap());
        assert_eq!([-0.1, 0.0, 10.0, 10.1].map(|value| bins.of_number(value)), [0, 1, 5, 6]);
        assert!(!bins.is_inner(0) && !bins.is_inner(6) && bins.is_inner(1) && bins.is_inner(5));
        let cuts = Bins::Cuts(vec![1.0, 2.0]);
        assert_eq!([0.9, 1.0, 1.9, 2.0].map(|value| cuts.of_number(value)), [0, 1, 1, 2]);
        let words = Bins::Words(vec!["a".into(), "b".into()]);
        assert_eq!((words.of_word("b"), words.of_word("c")), (1, 2));
        assert_eq!((words.count(), words.of_number(1.0)), (3, 2));
    }
}
