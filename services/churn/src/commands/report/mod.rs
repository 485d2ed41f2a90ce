//! `churn report`: pages that need no network and no script.

mod drift;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::dlq::Moment;
use crate::app::App;

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// How the features of one span of time differ from those of another, as one HTML page: each feature then and now, its
    /// test, threshold and verdict.
    Drift(DriftReport),
}

#[derive(Debug, Args)]
pub(crate) struct DriftReport {
    /// Now: events from this event time on, such as 2026-11-25T08:00:00Z, or a time ago such as 2h.
    #[arg(long, value_name = "TIME")]
    from: Moment,
    /// Now: events before this event time; the present without it.
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// Then: events from this event time on. Without it, a span as long as now, right before it.
    #[arg(long, value_name = "TIME", requires = "reference_to")]
    reference_from: Option<Moment>,
    /// Then: events before this event time.
    #[arg(long, value_name = "TIME", requires = "reference_from")]
    reference_to: Option<Moment>,
    /// Then: the real customers that generator and first model were fitted on. A synthetic stream differs from them for
    /// ever.
    #[arg(long, conflicts_with = "reference_from")]
    customers: bool,
    /// The page.
    #[arg(long, value_name = "FILE", default_value = "drift.html")]
    out: PathBuf,
}

pub(super) async fn run(app: &App, command: ReportCommand) -> anyhow::Result<()> {
    match command {
        ReportCommand::Drift(args) => drift::run(app, &args).await,
    }
}
