//! What a run is asked for, and what came out.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::flow::Resumption;
use crate::oracle::Verdict;

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program under test.
    pub program: PathBuf,
    /// Real customers with their label, as CSV: what the further models are trained on.
    pub customers: PathBuf,
    /// Seed of the faults.
    pub seed: u64,
    /// Their number.
    pub faults: usize,
    /// Events a second.
    pub rate: u32,
    /// Programs that take the running one's place after the faults, one rollout each.
    pub roll: Vec<PathBuf>,
    /// Whether one of the programs is of a version that gave no reasons.
    pub reasonless: bool,
    /// Whether the database is lost and restored from a backup, last of all.
    pub restore: bool,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Seed of the faults.
    pub seed: u64,
    /// Faults carried out.
    pub faults: usize,
    /// Parts replaced by rollouts.
    pub rolled: usize,
    /// Requests that the api answered meanwhile.
    pub answered: u64,
    /// Models that were asked for, most of them just before the trainer was hit.
    pub trainings: u64,
    /// Times that a part ended by itself and was started again.
    pub endings: usize,
    /// Records of nonsense that were put into topics.
    pub poisoned: usize,
    /// After which fault the flow took longest to resume.
    pub slowest: Option<Resumption>,
    /// Seconds that the run took.
    pub seconds: f64,
    /// The judgement.
    pub verdict: Verdict,
}

impl fmt::Display for Report {
    /// One line: the verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = &self.verdict;
        write!(
            f,
            "{}: seed {}, {} faults, {} parts replaced, {} events, {} rows: lost {}, doubled {}, invented {}, changed {}, reordered {}, hung {}, refused {} of {} requests, unanswered {} of {} trainings, promotions unheard {}, stalled {}",
            if v.is_good() { "exactly once" } else { "VIOLATED" },
            self.seed,
            self.faults,
            self.rolled,
            v.events,
            v.rows,
            v.lost,
            v.doubled,
            v.invented,
            v.changed,
            v.reordered,
            v.hung,
            v.refused,
            v.refused + self.answered,
            v.unanswered,
            self.trainings,
            v.unheard,
            v.stalled
        )?;
        self.slowest.as_ref().map_or(Ok(()), |slowest| write!(f, " (slowest: {slowest})"))
    }
}
