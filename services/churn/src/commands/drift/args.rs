//! The command line of `churn drift`.

use std::path::PathBuf;

use churn_drift::detectors::Kind;
use churn_drift::exact::Test;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Drift {
    /// Compares the columns of two CSV files, with Evidently's tests and choice of test.
    Compare(Compare),
    /// Finds changes in a stream of numbers from standard input, as River's detectors do.
    Detect(Detect),
    /// Estimates a model's performance from its probabilities, before the truth is known, as NannyML does (CBPE).
    Estimate(Estimate),
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// How it was: CSV with a header. A column of numbers only (in both files) is numerical, any other categorical.
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: PathBuf,
    /// How it is now.
    #[arg(long, value_name = "FILE")]
    pub(crate) current: PathBuf,
    /// The test for every column: psi, kl_div, jensenshannon, hellinger, wasserstein, ks, chisquare or z; without it the
    /// one that Evidently takes by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) test: Option<Test>,
    /// Also compares all columns at once: the reconstruction error of a PCA, and how well a model tells the files apart. Of
    /// more than 20,000 rows every second, third and so on.
    #[arg(long)]
    pub(crate) multivariate: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Detect {
    /// adwin, page-hinkley, ddm (takes 0 for right and 1 for wrong) or kswin.
    #[arg(long, value_name = "NAME")]
    pub(crate) detector: Kind,
    /// Confidence of adwin (0.002 without it); deviation that page-hinkley passes over (0.005 without it).
    #[arg(long)]
    pub(crate) delta: Option<f64>,
    /// How far page-hinkley's sum must move; 50 without it.
    #[arg(long)]
    pub(crate) threshold: Option<f64>,
    /// Largest p-value that is a drift to kswin (0.005 without it); how slowly page-hinkley forgets (0.9999 without it).
    #[arg(long)]
    pub(crate) alpha: Option<f64>,
    /// What kswin draws with: the same seed as River's gives the same drifts.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Estimate {
    /// Scored rows whose truth is known: CSV with a header.
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: PathBuf,
    /// Scored rows whose truth is not known yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) current: PathBuf,
    /// Column of the probability; without it churn_probability, probability, y_pred_proba or score.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) probability: Option<String>,
    /// Column of the label; without it churn_label, predicted, prediction, label or y_pred, or else the probability at
    /// --at.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// Column of the truth; without it churn, churned, actual, y_true, target or outcome.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) truth: Option<String>,
    /// Threshold of the label where there is no such column.
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.5)]
    pub(crate) at: f64,
    /// Rows of one chunk; without it, all rows are one.
    #[arg(long, value_name = "ROWS")]
    pub(crate) chunk_rows: Option<usize>,
}
