//! `churn drift`: the monitor's tests, detectors and estimates for files.

pub(crate) mod args;
mod cell;
mod compare;
mod detect;
mod estimate;
mod multivariate;
mod table;

use crate::app::App;
use args::Drift;

pub(super) fn run(app: &App, command: Drift) -> anyhow::Result<()> {
    match command {
        Drift::Compare(args) => compare::run(app, &args),
        Drift::Detect(args) => detect::run(app, &args),
        Drift::Estimate(args) => estimate::run(app, &args),
    }
}
