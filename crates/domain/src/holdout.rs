//! Which customers no model ever learns from.
//!
//! A tenth of all customers is set aside by their id alone: whoever trains leaves them out, now and in a year, whatever
//! data they come with, so that any two models can be compared on them and neither has met one of them before.
//! Customers without an id, as in the shipped file, are told apart by their features: those who are alike in everything
//! fall on the same side.

use sha2::{Digest, Sha256};

use crate::csv::Customers;
use crate::{Column, FEATURES, Table};

/// Number of buckets that ids fall into.
pub const BUCKETS: u64 = 10;
/// The bucket of those who are held out.
pub const HELD_OUT: u64 = 0;

/// Whether a customer is held out: the first 64 bits of SHA-256 over the id's bytes, modulo [`BUCKETS`], are [`HELD_OUT`].
pub fn is_held_out(customer_id: &str) -> bool {
    let digest = Sha256::digest(customer_id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first) % BUCKETS == HELD_OUT
}

/// Rows of customers: those to learn from, and those held out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// To learn from.
    pub learn: Vec<usize>,
    /// Held out.
    pub held_out: Vec<usize>,
}

/// Parts the customers of a file.
pub fn split(customers: &Customers) -> Split {
    let mut split = Split::default();
    for row in 0..customers.len() {
        let id = customers.customer_id.as_ref().and_then(|ids| ids.get(row));
        let held_out = match id {
            Some(id) => is_held_out(id),
            None => is_held_out(&likeness(&customers.features, row)),
        };
        if held_out { split.held_out.push(row) } else { split.learn.push(row) }
    }
    split
}

/// What a customer without an id is known by: every feature as `name=value`, one a line, missing ones left out.
pub fn likeness(customers: &Table, row: usize) -> String {
    let mut text = String::new();
    for (feature, column) in FEATURES.iter().zip(customers.columns()) {
        let value = match column {
            Column::Category(words) => words.get(row).map(str::to_owned),
            Column::Number(values) => (!values[row].is_nan()).then(|| values[row].to_string()),
        };
        if let Some(value) = value {
            text.push_str(feature.name);
            text.push('=');
            text.push_str(&value);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::{self, ReadOptions};

    /// `python3 -c "import hashlib; print([int.from_bytes(hashlib.sha256(i.encode()).digest()[:8], 'big') % 10 for i in IDS])"`
    #[test]
    fn the_bucket_is_that_of_sha_256() {
        let buckets = [("7590-VHVEG", 0), ("5575-GNVDE", 8), ("customer-33", 0), ("", 2)];
        for (id, bucket) in buckets {
            assert_eq!(is_held_out(id), bucket == HELD_OUT, "{id}");
        }
    }

    #[test]
    fn a_tenth_of_the_customers_is_held_out() {
        let held_out = (0..20_000).filter(|number| is_held_out(&format!("customer-{number}"))).count();
        assert!((1_850..2_150).contains(&held_out), "{held_out}");
    }

    #[test]
    fn customers_without_an_id_are_parted_by_what_they_are_like_whatever_their_order() {
        let text = include_str!("../../../data/telco_customer_churn.csv");
        let (header, rows) = text.split_once('\n').unwrap();
        let turned = format!("{header}\n{}", rows.lines().rev().collect::<Vec<_>>().join("\n"));
        let read = |text: &str| csv::read(text.as_bytes(), ReadOptions::default()).unwrap();
        let (forth, back) = (split(&read(text)), split(&read(&turned)));
        let count = forth.learn.len() + forth.held_out.len();
        assert!((600..810).contains(&forth.held_out.len()), "{}", forth.held_out.len());
        let mut mirrored: Vec<usize> = back.held_out.iter().map(|row| count - 1 - row).collect();
        mirrored.reverse();
        assert_eq!(forth.held_out, mirrored);
    }
}
