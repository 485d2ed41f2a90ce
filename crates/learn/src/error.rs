//! What can go wrong in training and in loading an artifact.

use thiserror::Error;

/// Why no model could be trained. All but [`Self::Learner`] are faults of the data, which the message says how to mend.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TrainError {
    /// The customers carry no label.
    #[error("the customers have no column churn; training needs to know who left")]
    MissingLabel,
    /// Columns of different lengths.
    #[error("the columns have different lengths ({features} customers, {label} labels); pass one label a customer")]
    Ragged {
        /// Number of customers.
        features: usize,
        /// Number of labels.
        label: usize,
    },
    /// Too few customers.
    #[error("{rows} customers are too few to train on, at least {needed} are needed")]
    TooFewRows {
        /// How many there are.
        rows: usize,
        /// How many there must be.
        needed: usize,
    },
    /// Too few customers of one class, or none.
    #[error("only {found} of the customers have churn = {class}, at least {needed} are needed to learn the difference")]
    TooFewOfClass {
        /// `Yes` or `No`.
        class: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be: one in each fold.
        needed: usize,
    },
    /// A number without bounds.
    #[error("{feature} of customer {row} (from 0) is infinite; mend it or leave the row out")]
    Infinite {
        /// The feature's name.
        feature: &'static str,
        /// The row.
        row: usize,
    },
    /// Parameters that cannot be meant.
    #[error("{name} is {value}, expected {expected}")]
    Params {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// A customer that counts nothing, or less.
    #[error("the weight of customer {row} (from 0) is not above 0; leave the row out")]
    Weight {
        /// The row.
        row: usize,
    },
    /// Not one learner was done in time.
    #[error("the budget ended before one learner was tried; give it more time")]
    NothingTried,
    /// A learner gave up.
    #[error("the learner {learner} failed: {problem}")]
    Learner {
        /// The learner's name.
        learner: &'static str,
        /// What it says.
        problem: String,
    },
}

/// Why an artifact cannot be used. None of them passes by itself: the artifact has to be replaced, or the program.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ArtifactError {
    /// A file is not there.
    #[error("the artifact lacks {0}; publish it again")]
    Missing(String),
    /// A file does not hold what it should.
    #[error("{file} of the artifact is not usable: {problem}; publish it again")]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Written by a later program.
    #[error("the artifact has format {found}, this program reads up to format {known}; use a newer program")]
    NewerFormat {
        /// The artifact's format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The model does not say what it said when it was trained.
    #[error("golden row {row} scores {found}, the artifact says {expected}; this program and that artifact disagree")]
    Golden {
        /// The golden row, from 0.
        row: usize,
        /// Its probability when the model was trained.
        expected: f64,
        /// Its probability here.
        found: f64,
    },
}
