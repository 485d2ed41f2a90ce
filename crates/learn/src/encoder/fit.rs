//! Fitting an encoder: which words it knows and whose absence is worth a column.

use std::collections::BTreeMap;

use churn_domain::{Column, FEATURES, Interned, Table};

use super::{Encoder, Words, derived, estimate, lay_out};

/// A word beyond the feature table is learned when at least this many customers have it: fewer teach nothing and may be
/// misspellings.
const MIN_WORD_ROWS: usize = 20;
/// At most this many such words a feature, the most frequent ones: it keeps every encoder within [`Encoder::MAX_COLUMNS`].
const MAX_NEW_WORDS: usize = 4;

impl Encoder {
    /// Fits an encoder on the given rows of a table. The words of the feature table are always known.
    pub fn fit(table: &Table, rows: &[usize]) -> Self {
        let parts = FEATURES.iter().enumerate().map(|(feature, described)| {
            let column = table.column(feature);
            let words = match column {
                Column::Category(column) => Some(Words::new(feature, words_of(described.categories(), column, rows))),
                Column::Number(_) => None,
            };
            let missing = rows.iter().filter(|&&row| estimate::is_lost(table, feature, row)).count();
            (feature, words, missing > 0 && missing < rows.len())
        });
        lay_out(parts, estimate::ALL.to_vec(), derived::ALL.to_vec())
    }
}

fn words_of(known: &[&str], column: &Interned, rows: &[usize]) -> Vec<String> {
    let mut new: BTreeMap<&str, usize> = BTreeMap::new();
    for &row in rows {
        if column.is_unknown(column.codes()[row]) {
            *new.entry(column.get(row).unwrap_or_default()).or_default() += 1;
        }
    }
    let mut frequent: Vec<(&str, usize)> = new.into_iter().filter(|&(_, rows)| rows >= MIN_WORD_ROWS).collect();
    frequent.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows));
    frequent.truncate(MAX_NEW_WORDS);
    known.iter().copied().chain(frequent.into_iter().map(|(word, _)| word)).map(str::to_owned).collect()
}
