//! What a training says while it runs, and of what it tried.

use std::time::Duration;

use churn_learn::{Metrics, Repeated, SearchParams, SearchStep, TrialReport};
use churn_runtime::clock::Stopwatch;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

/// Rows of the leaderboard that are printed; `--trials-out` has all of them.
const SHOWN: usize = 10;

/// The bar of a search: it fills with time, or with trials where these are the budget.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar, Option<Duration>);

impl Progress {
    pub(super) fn start(params: &SearchParams) -> Self {
        let time = params.budget.seconds.map(Duration::from_secs_f64);
        let length = time.map_or(params.budget.trials.unwrap_or(1) as u64, |time| time.as_millis() as u64);
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {prefix}{msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message("encoding");
        Self(bar, time)
    }

    /// Stands before every message from now on.
    pub(super) fn prefix(&self, text: String) {
        self.0.set_prefix(text);
    }

    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }

    pub(super) fn show(&self, step: &SearchStep, watch: &Stopwatch) {
        let Self(bar, time) = self;
        match step {
            SearchStep::Fit => bar.tick(),
            SearchStep::Trial(report) => {
                bar.set_message(format!(
                    "trial {}: {}, {}",
                    report.trial,
                    report.params.name(),
                    figures(&report.metrics)
                ));
                if time.is_none() {
                    bar.inc(1);
                }
            }
            SearchStep::Blend(report) => bar.set_message(format!("best: a blend, {}", figures(&report.metrics))),
            SearchStep::Final { learner, trials } => {
                bar.set_message(format!("fitting {learner} on all customers after {trials} trials"));
            }
            SearchStep::Fitted => bar.set_message("judging the model"),
        }
        if time.is_some() {
            bar.set_position(watch.elapsed().as_millis() as u64);
        }
    }
}

pub(super) fn figures(metrics: &Metrics) -> String {
    let auc = metrics.auc.unwrap_or(f64::NAN);
    format!("AUC {auc:.4}, log-loss {:.4}, Brier {:.4}, ECE {:.4}", metrics.log_loss, metrics.brier, metrics.ece)
}

pub(super) fn leaderboard(rows: &[TrialReport]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "trial",
        "learner",
        "calibration",
        "log-loss",
        "95 %",
        "AUC",
        "Brier",
        "ECE",
        "F1",
        "fit s",
        "µs a row",
    ]);
    for row in rows.iter().take(SHOWN) {
        let interval = row.log_loss_interval.map_or_else(String::new, |i| format!("{:.4} to {:.4}", i.low, i.high));
        table.add_row([
            row.trial.to_string(),
            row.params.name().to_owned(),
            row.calibration.clone(),
            format!("{:.5}", row.metrics.log_loss),
            interval,
            format!("{:.4}", row.metrics.auc.unwrap_or(f64::NAN)),
            format!("{:.4}", row.metrics.brier),
            format!("{:.4}", row.metrics.ece),
            format!("{:.3}", row.metrics.f1),
            format!("{:.2}", row.seconds),
            format!("{:.2}", row.microseconds_a_row),
        ]);
    }
    table.to_string()
}

pub(super) fn repeated(repeated: &Repeated) -> String {
    let Repeated { repeats, folds, auc, log_loss, brier, ece, .. } = repeated;
    format!(
        "\non {repeats} further splits into {folds} folds: AUC {auc}, log-loss {log_loss}, Brier {brier}, ECE {ece}"
    )
}
