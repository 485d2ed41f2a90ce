//! What an encoder met.

use churn_domain::FEATURE_COUNT;

/// How often values were missing or words unknown to the encoder, by feature in the order of
/// [`FEATURES`](churn_domain::FEATURES).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeStats {
    /// Number of customers encoded.
    pub rows: u64,
    /// Values missing (or infinite).
    pub missing: [u64; FEATURE_COUNT],
    /// Words that the encoder does not know.
    pub unknown: [u64; FEATURE_COUNT],
}

impl EncodeStats {
    /// Adds the counts of further customers.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.missing.iter_mut().zip(other.missing).for_each(|(sum, count)| *sum += count);
        self.unknown.iter_mut().zip(other.unknown).for_each(|(sum, count)| *sum += count);
    }
}
