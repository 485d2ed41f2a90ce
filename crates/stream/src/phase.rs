//! The states of a transaction.

use std::time::Instant;

/// Where the transaction stands. librdkafka takes only the calls that fit: in particular a commit that was begun can only be
/// resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// None is open. `begin` leads to `Open`.
    Idle,
    /// Takes records. `prepare` leads to `Prepared`, `abort` to `Idle`.
    Open { since: Instant },
    /// Every record is acknowledged and the offsets are added. `commit` leads to `Committing`, `abort` to `Idle`.
    Prepared { since: Instant },
    /// The commit was asked for, its answer is not known. `commit` resumes it.
    Committing { since: Instant },
}

impl Phase {
    /// When the open transaction began.
    pub(crate) fn since(self) -> Option<Instant> {
        match self {
            Self::Idle => None,
            Self::Open { since } | Self::Prepared { since } | Self::Committing { since } => Some(since),
        }
    }
}
