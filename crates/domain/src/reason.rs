//! Reasons: which features moved a score most.

use std::ops::Range;

use crate::{FEATURE_COUNT, FEATURES, Interned};

const NAMES: [&str; FEATURE_COUNT] = {
    let mut names = [""; FEATURE_COUNT];
    let mut at = 0;
    while at < FEATURE_COUNT {
        names[at] = FEATURES[at].name;
        at += 1;
    }
    names
};

/// The reasons of scores, row by row: no, one or several features each, the most important first.
#[derive(Clone, Debug, PartialEq)]
pub struct Reasons {
    feature: Interned,
    contribution: Vec<f32>,
    /// Where each row ends.
    ends: Vec<u32>,
}

impl Default for Reasons {
    fn default() -> Self {
        Self { feature: Interned::new(&NAMES), contribution: Vec::new(), ends: Vec::new() }
    }
}

impl Reasons {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a reason to the row at hand: the feature at this place of [`FEATURES`] and what it added to the log-odds.
    ///
    /// # Panics
    /// When there is no such feature.
    #[inline]
    pub fn push(&mut self, feature: usize, contribution: f32) {
        self.feature.push_code(feature as u16);
        self.contribution.push(contribution);
    }

    /// Appends a reason by the feature's name, which need not be one of [`FEATURES`]: a newer program may know more. False when
    /// there are too many names to tell them apart; the row is then to be discarded.
    #[inline]
    pub fn push_name(&mut self, feature: &str, contribution: f32) -> bool {
        self.feature.push(Some(feature));
        self.contribution.push(contribution);
        self.feature.get(self.feature.len() - 1) == Some(feature)
    }

    /// Ends the row at hand.
    #[inline]
    pub fn end_row(&mut self) {
        self.ends.push(u32::try_from(self.contribution.len()).expect("a batch has fewer than 2^32 reasons"));
    }

    /// Ends so many rows, all but the first of which have no reasons.
    pub fn end_rows(&mut self, rows: usize) {
        let end = u32::try_from(self.contribution.len()).expect("a batch has fewer than 2^32 reasons");
        self.ends.resize(self.ends.len() + rows, end);
    }

    /// Appends all rows of another batch.
    pub fn append(&mut self, other: &Self) {
        let start = u32::try_from(self.contribution.len()).expect("a batch has fewer than 2^32 reasons");
        for &code in other.feature.codes() {
            match usize::from(code) {
                feature if feature < FEATURE_COUNT => self.feature.push_code(code),
                _ => self.feature.push(other.feature.word(code)),
            }
        }
        self.contribution.extend_from_slice(&other.contribution);
        self.ends.extend(other.ends.iter().map(|end| start + end));
    }

    /// The names among the reasons that are none of [`FEATURES`].
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.feature.unknown()
    }

    /// The contributions of all rows, one after another.
    pub fn contributions(&self) -> &[f32] {
        &self.contribution
    }

    /// The reasons of a row: feature and contribution to the log-odds.
    ///
    /// # Panics
    /// When the row is not below [`Self::len`].
    #[inline]
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (&str, f32)> + Clone {
        self.range(row).map(|at| (self.feature.get(at).unwrap_or_default(), self.contribution[at]))
    }

    fn range(&self, row: usize) -> Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        start as usize..self.ends[row] as usize
    }

    /// Appends a row of another batch.
    pub fn push_from(&mut self, other: &Self, row: usize) {
        for (feature, contribution) in other.row(row) {
            self.push_name(feature, contribution);
        }
        self.end_row();
    }

    /// Keeps the first `rows` rows and what belongs to them.
    pub fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.discard_open();
    }

    /// Forgets the reasons of a row that was not ended.
    pub fn discard_open(&mut self) {
        let end = self.ends.last().map_or(0, |&end| end as usize);
        self.feature.truncate(end);
        self.contribution.truncate(end);
    }

    /// Forgets all rows and every word that is no feature, and keeps the memory.
    pub fn clear(&mut self) {
        self.feature.clear();
        self.contribution.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_reasons_through_copies_and_cuts() {
        let mut reasons = Reasons::default();
        reasons.push(4, 0.5);
        reasons.push_name("shoe_size", -0.25);
        reasons.end_row();
        reasons.end_row();
        reasons.push(0, 1.0);
        reasons.end_row();
        assert_eq!(reasons.row(0).collect::<Vec<_>>(), [("tenure", 0.5), ("shoe_size", -0.25)]);
        assert_eq!(reasons.row(1).len(), 0);
        let mut copy = Reasons::default();
        copy.push_from(&reasons, 2);
        copy.push_from(&reasons, 0);
        assert_eq!(copy.row(0).collect::<Vec<_>>(), [("female", 1.0)]);
        assert_eq!(copy.row(1).collect::<Vec<_>>(), reasons.row(0).collect::<Vec<_>>());
        let mut both = Reasons::default();
        both.end_rows(2);
        both.append(&reasons);
        both.append(&copy);
        assert_eq!((both.len(), both.row(1).len(), both.contributions().len()), (7, 0, 6));
        assert_eq!(both.row(2).collect::<Vec<_>>(), reasons.row(0).collect::<Vec<_>>());
        assert_eq!(both.row(6).collect::<Vec<_>>(), copy.row(1).collect::<Vec<_>>());
        assert_eq!(both.unknown().collect::<Vec<_>>(), ["shoe_size"]);
        reasons.push(3, 9.0);
        reasons.truncate(1);
        reasons.end_row();
        assert_eq!((reasons.len(), reasons.row(1).len()), (2, 0));
    }
}
