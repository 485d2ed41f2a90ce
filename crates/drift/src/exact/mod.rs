//! Two samples in full against each other, with the figures of Evidently.
//!
//! Guarantees: the test that Evidently 0.7 takes by default, and statistic, p-value or distance equal to its own (SciPy's
//! and numpy's, that is) within 1e-9; what is not defined for the samples is an [`Undefined`] and never `NaN`. The cases
//! in `tests/numerical/evidently/` hold it to that.
//!
//! Unlike the windows of this crate it needs all rows in memory: it is for files, not for streams.

mod bins;
mod chi_square;
mod distance;
mod kolmogorov;
mod ks;
mod sample;
mod sum;
mod test;
mod z;

use serde::Serialize;
use thiserror::Error;

pub use ks::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use sample::{Numbers, Sample, Words};
pub use test::{Test, UnknownTest};

use crate::{Distance, PValue};
use sample::Pair;

/// Share of the columns that must have drifted for the whole to have: Evidently's default.
pub const DRIFT_SHARE: f64 = 0.5;

/// Why a test says nothing of two samples.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Undefined {
    /// All values of the reference are missing or infinite, or there are no rows.
    #[error("the reference has no value")]
    EmptyReference,
    /// All values of the current sample are missing or infinite, or there are no rows.
    #[error("the current sample has no value")]
    EmptyCurrent,
    /// The test needs numbers.
    #[error("{} compares numbers and the column has words", .0.name())]
    NeedsNumbers(Test),
    /// One sample has numbers and the other words.
    #[error("one side has numbers, the other words")]
    MixedKinds,
    /// All values of both samples are the same, which leaves the chi-square test no degree of freedom.
    #[error("both sides have one and the same value, which leaves no degree of freedom")]
    OneValue,
    /// The range of the values is too wide or too narrow for bins, or a sum overflows.
    #[error("the values span a range that cannot be computed with")]
    Range,
}

/// What a test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score {
    /// A test of significance.
    Significance {
        /// The test's statistic; infinite where a value occurs that the reference never had.
        statistic: f64,
        /// Its p-value.
        p_value: PValue,
    },
    /// A distance, which is its own statistic.
    Distance(Distance),
}

/// One column's verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The test.
    pub test: Test,
    /// What it says.
    pub score: Result<Score, Undefined>,
}

impl Verdict {
    /// Whether the column has drifted by the test's default threshold; `None` where the test says nothing.
    pub fn drifted(&self) -> Option<bool> {
        self.score.ok().map(|score| self.test.is_drift(score))
    }
}

/// Compares two samples of a column by `test`, or by the test that Evidently takes for such samples.
///
/// Where one side has numbers and the other words there is no test; the caller that knows better makes words of both.
pub fn compare(reference: Sample, current: Sample, test: Option<Test>) -> Verdict {
    let default = default_test(&reference, &current);
    let pair = match Pair::new(reference, current) {
        Ok(pair) => pair,
        Err(undefined) => return Verdict { test: test.unwrap_or(default), score: Err(undefined) },
    };
    let test = test.unwrap_or_else(|| pair.default_test());
    Verdict { test, score: pair.non_empty().and_then(|()| test.score(&pair)) }
}

/// A test to name where the samples cannot be put side by side.
fn default_test(reference: &Sample, current: &Sample) -> Test {
    let words = matches!(reference, Sample::Words(_)) || matches!(current, Sample::Words(_));
    if words { Test::JensenShannon } else { Test::Wasserstein }
}

/// A verdict as it is written to users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnVerdict {
    /// Name of the column.
    pub column: String,
    /// Evidently's name of the test.
    pub test: &'static str,
    /// The test's statistic; `None` where it is infinite or not defined.
    pub statistic: Option<f64>,
    /// For a test of significance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_value: Option<Option<PValue>>,
    /// For a distance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<Option<Distance>>,
    /// A p-value below it, or a distance from it up, is a drift.
    pub threshold: f64,
    /// `None` where the test says nothing.
    pub drifted: Option<bool>,
    /// Why it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl ColumnVerdict {
    /// The verdict of a column of this name.
    pub fn new(column: String, verdict: Verdict) -> Self {
        let (statistic, p_value, distance) = match verdict.score {
            Ok(Score::Significance { statistic, p_value }) => (Some(statistic), Some(p_value), None),
            Ok(Score::Distance(distance)) => (Some(distance.get()), None, Some(distance)),
            Err(_) => (None, None, None),
        };
        let significance = verdict.test.is_significance();
        Self {
            column,
            test: verdict.test.name(),
            statistic: statistic.filter(|statistic| statistic.is_finite()),
            p_value: significance.then_some(p_value),
            distance: (!significance).then_some(distance),
            threshold: verdict.test.threshold(),
            drifted: verdict.drifted(),
            problem: verdict.score.err().map(|undefined| undefined.to_string()),
        }
    }
}
