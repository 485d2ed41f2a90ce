//! When a model version's events were last seen, and when each of their features had a value, by the events' own time.
//!
//! The latest batch counts, not the highest time ever: one event from the future would otherwise hide for ever that the
//! others are old.

use std::ops::Range;

use churn_domain::{Column, FEATURES, MISSING, Table};
use serde::{Deserialize, Serialize};

/// Of one model version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Freshness {
    newest_ms: Option<i64>,
    /// One a feature.
    seen_ms: Vec<Option<i64>>,
}

impl Freshness {
    /// Takes the rows `rows` of a batch; `times_ms` are those of all of its events.
    pub(crate) fn add(&mut self, table: &Table, times_ms: &[i64], rows: Range<usize>) {
        let Some(newest) = times_ms.get(rows.clone()).and_then(|times| times.iter().copied().max()) else { return };
        self.newest_ms = Some(newest);
        self.seen_ms.resize(FEATURES.len(), None);
        for (seen, column) in self.seen_ms.iter_mut().zip(table.columns()) {
            // Looked at from the end: as a rule the first look finds a value.
            let found = match column {
                Column::Category(words) => words.codes()[rows.clone()].iter().rev().any(|&code| code != MISSING),
                Column::Number(values) => values[rows.clone()].iter().rev().any(|value| value.is_finite()),
            };
            if found {
                *seen = Some(newest);
            }
        }
    }

    /// Time of the newest event of the last batch, seconds since 1970.
    pub(crate) fn newest(&self) -> Option<f64> {
        self.newest_ms.map(seconds)
    }

    /// The time at which each feature last had a value; features that never had one are left out.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        FEATURES.iter().zip(&self.seen_ms).filter_map(|(feature, seen)| Some((feature.name, seconds((*seen)?))))
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_without_values_stays_behind_and_a_wrong_clock_is_forgotten() {
        let table = |with_numbers: bool| {
            let mut table = Table::default();
            for column in table.columns_mut() {
                match column {
                    Column::Category(words) => [0, 0, MISSING].into_iter().for_each(|code| words.push_code(code)),
                    Column::Number(values) => values.extend(if with_numbers { [1.0; 3] } else { [f64::NAN; 3] }),
                }
            }
            table
        };
        let mut fresh = Freshness::default();
        assert_eq!((fresh.newest(), fresh.seen().count()), (None, 0));
        fresh.add(&table(true), &[5_000, 9_000_000, 6_000], 0..3);
        assert_eq!(fresh.newest(), Some(9_000.0));
        fresh.add(&table(false), &[7_000, 8_000, 9_000], 0..3);
        assert_eq!(fresh.newest(), Some(9.0));
        let of =
            |name: &str, fresh: &Freshness| fresh.seen().find(|(feature, _)| *feature == name).map(|found| found.1);
        assert_eq!((of("contract", &fresh), of("tenure", &fresh)), (Some(9.0), Some(9_000.0)));
        fresh.add(&table(true), &[10_000; 3], 2..3);
        assert_eq!((of("contract", &fresh), of("tenure", &fresh)), (Some(9.0), Some(10.0)), "its word is missing");
        fresh.add(&table(true), &[], 0..0);
        assert_eq!(fresh.newest(), Some(10.0), "no rows change nothing");
    }
}
