//! Customers as rows of numbers: fitted once, stored in the artifact, used by trainer, scorer and api alike.
//!
//! The rules, the same for every learner:
//! - a flag or a number is one column with its value; missing or infinite, it is `NaN`;
//! - a category is one column for each word the encoder knows, 1 for the customer's word and 0 for the others; an unknown
//!   word is 0 in all of them, a missing one `NaN` in all of them;
//! - of tenure, monthly and total charges, one that is missing is worked out of the other two (`total_charges` is `tenure` times
//!   `monthly_charges`, and so on), and is then not missing any more;
//! - a feature that was missing for some customers of the fit, but not for all, has one more column: 1 where it is missing;
//! - derived columns come last, computed from the others in single precision; `NaN` where one of them is.
//!
//! What a `NaN` means is the learner's: trees take the branch they learned, linear models the mean of the fit. Unknown
//! words and missing values are counted ([`EncodeStats`]), those that were worked out among them.

mod derived;
mod estimate;
mod fit;
mod stats;
mod stored;

use churn_domain::{Column, FEATURE_COUNT, FEATURES, Interned, MISSING, Table};
use serde::{Deserialize, Serialize};

use derived::{Derived, Sources};
use estimate::{Estimate, Places};
pub use stats::EncodeStats;

/// Rows of numbers, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// The values, row by row.
    pub values: Vec<f32>,
    /// Number of values in a row, at least 1.
    pub columns: usize,
}

impl Matrix {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }
}

/// A fitted encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "stored::Stored", into = "stored::Stored")]
pub struct Encoder {
    blocks: Vec<Block>,
    /// What is worked out where it is missing; nothing in artifacts before format 3.
    estimates: Vec<Estimate>,
    /// Where estimates look; there when there are any.
    places: Option<Places>,
    /// The derived columns; without any in artifacts of the first format.
    derived: Vec<Derived>,
    /// Where the derived columns look; there when there are any.
    sources: Option<Sources>,
    columns: usize,
}

/// The columns of one feature.
#[derive(Clone, Debug, PartialEq)]
struct Block {
    /// Index in [`FEATURES`].
    feature: usize,
    /// The feature's first column.
    first: usize,
    /// The words of a category, one column each, in order; none for a number, which has one column.
    words: Option<Words>,
    /// Whether the last column says that the value is missing.
    missing_indicator: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Words {
    words: Vec<String>,
    /// Position in `words` of each known word of the feature, by its code.
    by_code: Vec<Option<usize>>,
}

impl Encoder {
    /// Most columns an encoder may have: what [`crate::Model`]'s forest addresses by one byte.
    pub(crate) const MAX_COLUMNS: usize = 127;

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Name of each column, for reports: `tenure`, `contract = One year`, `total_charges is missing`.
    pub fn column_names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.columns);
        for block in &self.blocks {
            let feature = FEATURES[block.feature].name;
            match &block.words {
                Some(words) => names.extend(words.words.iter().map(|word| format!("{feature} = {word}"))),
                None => names.push(feature.to_owned()),
            }
            if block.missing_indicator {
                names.push(format!("{feature} is missing"));
            }
        }
        names.extend(self.derived.iter().map(|derived| derived.name().to_owned()));
        names
    }

    /// Indices in [`FEATURES`] of the features that each column is made from, at least one: what adds up columns' shares to
    /// features'.
    pub fn column_features(&self) -> Vec<Vec<usize>> {
        let features = self.blocks.iter().flat_map(|block| std::iter::repeat_n(vec![block.feature], block.width()));
        features.chain(self.derived.iter().map(|derived| derived.sources())).collect()
    }

    /// Replaces `into` with the given rows of the table, row by row, [`Self::columns`] values each. Allocates nothing once
    /// `into` is large enough.
    ///
    /// # Panics
    /// When a row is not below the table's length.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over a range, as everywhere")]
    pub fn encode_into(
        &self,
        table: &Table,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        into: &mut Vec<f32>,
    ) -> EncodeStats {
        let mut stats = EncodeStats { rows: rows.len() as u64, ..EncodeStats::default() };
        into.clear();
        into.resize(rows.len() * self.columns, 0.0);
        for block in &self.blocks {
            match (table.column(block.feature), &block.words) {
                (Column::Number(values), None) => self.encode_numbers(block, values, rows.clone(), into, &mut stats),
                (Column::Category(column), Some(words)) => {
                    self.encode_words(block, words, column, rows.clone(), into, &mut stats);
                }
                _ => unreachable!("tables and encoders both follow FEATURES"),
            }
        }
        let first = self.columns - self.derived.len();
        for row in into.chunks_exact_mut(self.columns) {
            let estimated = self.places.as_ref().is_some_and(|places| places.fill(&self.estimates, row));
            if let Some(sources) = &self.sources {
                sources.fill(&self.derived, first, row, estimated);
            }
        }
        stats
    }

    /// The given rows of the table as a matrix of their own.
    pub fn encode(&self, table: &Table, rows: impl ExactSizeIterator<Item = usize> + Clone) -> Matrix {
        let mut matrix = Matrix { values: Vec::new(), columns: self.columns };
        self.encode_into(table, rows, &mut matrix.values);
        matrix
    }

    fn encode_numbers(
        &self,
        block: &Block,
        values: &[f64],
        rows: impl Iterator<Item = usize>,
        into: &mut [f32],
        stats: &mut EncodeStats,
    ) {
        let mut missing = 0;
        for (encoded, row) in into.chunks_exact_mut(self.columns).zip(rows) {
            let value = values[row] as f32;
            if value.is_finite() {
                encoded[block.first] = value;
            } else {
                block.set_missing(encoded);
                missing += 1;
            }
        }
        stats.missing[block.feature] += missing;
    }

    fn encode_words(
        &self,
        block: &Block,
        words: &Words,
        column: &Interned,
        rows: impl Iterator<Item = usize>,
        into: &mut [f32],
        stats: &mut EncodeStats,
    ) {
        let (mut missing, mut unknown) = (0, 0);
        let codes = column.codes();
        for (encoded, row) in into.chunks_exact_mut(self.columns).zip(rows) {
            let code = codes[row];
            let position = match words.by_code.get(usize::from(code)) {
                Some(&position) => position,
                None if code == MISSING => {
                    block.set_missing(encoded);
                    missing += 1;
                    continue;
                }
                None => words.position(column.word(code)),
            };
            match position {
                Some(position) => encoded[block.first + position] = 1.0,
                None => unknown += 1,
            }
        }
        stats.missing[block.feature] += missing;
        stats.unknown[block.feature] += unknown;
    }
}

impl Block {
    fn value_columns(&self) -> usize {
        self.words.as_ref().map_or(1, |words| words.words.len())
    }

    fn width(&self) -> usize {
        self.value_columns() + usize::from(self.missing_indicator)
    }

    fn set_missing(&self, encoded: &mut [f32]) {
        let indicator = self.first + self.value_columns();
        encoded[self.first..indicator].fill(f32::NAN);
        if self.missing_indicator {
            encoded[indicator] = 1.0;
        }
    }
}

impl Words {
    fn new(feature: usize, words: Vec<String>) -> Self {
        let position = |known: &&'static str| words.iter().position(|word| word == known);
        let by_code = FEATURES[feature].categories().iter().map(position).collect();
        Self { words, by_code }
    }

    fn position(&self, word: Option<&str>) -> Option<usize> {
        self.words.iter().position(|known| Some(known.as_str()) == word)
    }
}

/// Lays the features' columns out one after the other.
/// Estimates and derived columns are kept when all that they look at is there.
fn lay_out(
    parts: impl IntoIterator<Item = (usize, Option<Words>, bool)>,
    estimates: Vec<Estimate>,
    derived: Vec<Derived>,
) -> Encoder {
    let (mut blocks, mut first) = (Vec::with_capacity(FEATURE_COUNT), 0);
    for (feature, words, missing_indicator) in parts {
        let block = Block { feature, first, words, missing_indicator };
        first += block.width();
        blocks.push(block);
    }
    let places = if estimates.is_empty() { None } else { Places::of(&blocks) };
    let estimates = if places.is_some() { estimates } else { Vec::new() };
    let sources = if derived.is_empty() { None } else { Sources::of(&blocks) };
    let derived = if sources.is_some() { derived } else { Vec::new() };
    Encoder { columns: first + derived.len(), blocks, estimates, places, derived, sources }
}
