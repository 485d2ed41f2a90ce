//! `churn train`: searches for a model on a file, and what it finds becomes a version of the registry.

mod folds;
mod show;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use churn_domain::Table;
use churn_domain::csv::{Customers, ReadOptions, UnknownCategory};
use churn_domain::holdout;
use churn_learn::metrics::Campaign;
use churn_learn::{Budget, Examples, Family, Goal, Metrics, Repeated, SearchParams, SearchStep, Trained, TrialReport};
use churn_registry::{Draft, Kind};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::Ending;
use serde::Serialize;
use serde_json::json;
use tokio::task::block_in_place;

use super::bad_rows;
use crate::app::App;
use crate::cli::{GoalName, Train};
use crate::shipped;

use show::{Progress, figures, leaderboard, repeated};

/// Trains, or judges the whole training on the folds of a file.
///
/// # Errors
/// The file cannot be read or learned from; the message says what is wrong and where.
pub(super) async fn run(app: &App, args: &Train) -> anyhow::Result<()> {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, skip_bad_rows: args.skip_bad_rows };
    let (customers, sha256) = shipped::hashed(Some(&args.data), options)?;
    bad_rows::report(&customers);
    let params = params(args)?;
    match (&args.folds, &args.oof) {
        (Some(folds), Some(oof)) => block_in_place(|| folds::judge(app, &customers, &params, folds, oof)),
        (None, None) => publish(app, args, &customers, &sha256, &params).await,
        _ => {
            bail!(Ending::usage("--folds and --oof go together: the folds to judge on, and where the probabilities go"))
        }
    }
}

fn params(args: &Train) -> anyhow::Result<SearchParams> {
    let campaign = Campaign { offer_cost: args.offer_cost, customer_value: args.customer_value };
    if !campaign.is_valid() {
        bail!(Ending::usage(format!(
            "--offer-cost {} and --customer-value {}: expected a cost above 0 and a value above the cost",
            args.offer_cost, args.customer_value
        )));
    }
    let goal = match args.metric {
        GoalName::LogLoss => Goal::LogLoss,
        GoalName::Auc => Goal::Auc,
        GoalName::F1 => Goal::F1,
        GoalName::Profit => Goal::Profit(campaign),
    };
    let budget: HumanDuration = args.budget.parse().map_err(Ending::usage).context("--budget")?;
    let seconds = match args.trials {
        // A number of trials alone is a budget whose result does not depend on the machine.
        Some(_) if args.budget == Train::DEFAULT_BUDGET => None,
        _ => Some(budget.get().as_secs_f64()),
    };
    let families = match args.learner.is_empty() {
        true => Family::ALL.to_vec(),
        false => args.learner.iter().map(|learner| (*learner).into()).collect(),
    };
    Ok(SearchParams {
        seed: args.seed,
        threads: args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1),
        goal,
        budget: Budget { seconds, trials: args.trials },
        families,
        blend: !args.no_blend,
        repeats: args.repeats,
        ..SearchParams::default()
    })
}

#[derive(Debug, Serialize)]
struct Answer {
    model_version: String,
    learner: &'static str,
    calibration: String,
    threshold: f64,
    trials: usize,
    /// The training, which the budget is for.
    seconds: f64,
    /// What came after it: judging the model.
    judging_seconds: f64,
    /// Customers that were learned from.
    rows: usize,
    /// Customers that were not, because models are compared on them.
    held_out: usize,
    metrics: Metrics,
    repeated: Option<Repeated>,
    leaderboard: Vec<TrialReport>,
}

async fn publish(
    app: &App,
    args: &Train,
    customers: &Customers,
    sha256: &str,
    params: &SearchParams,
) -> anyhow::Result<()> {
    let registry = app.registry().await?;
    registry.check().await.map_err(Ending::of).context("write to the registry")?;
    let learned = Learned::of(customers, args.all_customers).map_err(Ending::data)?;
    let (rows, held_out) = (learned.label.len(), customers.len() - learned.label.len());
    let watch = Stopwatch::start();
    let (trained, seconds) = block_in_place(|| search(&learned, params, args.trials_out.as_deref(), &watch))?;
    let judging_seconds = watch.seconds() - seconds;
    let report = &trained.artifact.report;
    let draft = Draft {
        kind: Kind::Model,
        created_at_ms: now_ms(),
        created_by: "churn train".into(),
        params: object(json!({
            "seed": params.seed, "folds": params.folds, "goal": params.goal.name(), "trials": report.trials,
            "learner": report.best().params,
        })),
        lineage: object(json!({
            "data": args.data.display().to_string(), "data_sha256": sha256, "data_rows": customers.len(),
            "bad_rows": customers.bad_row_count, "rows": rows, "held_out": held_out,
        })),
        metrics: object(serde_json::to_value(report).context("describe the model")?),
        decision: None,
        files: trained.artifact.to_files().context("write the model")?,
    };
    let artifact = registry.publish(draft).await.map_err(Ending::of).context("publish the model")?;
    let answer = Answer {
        model_version: artifact.manifest.version.to_string(),
        learner: report.best().params.name(),
        calibration: report.best().calibration.name().to_owned(),
        threshold: trained.artifact.model.threshold(),
        trials: report.trials,
        seconds,
        judging_seconds,
        rows,
        held_out,
        metrics: report.best().metrics.clone(),
        repeated: trained.artifact.evaluation.as_ref().and_then(|evaluation| evaluation.repeated.clone()),
        leaderboard: trained.leaderboard,
    };
    app.answer(&answer, |answer| {
        format!(
            "{}\nmodel {} ({}, calibration {}, threshold {:.3}) on {} customers ({} held out) in {:.1} s, judged in {:.1} s more: {}{}\nit is not the champion yet",
            leaderboard(&answer.leaderboard),
            answer.model_version,
            answer.learner,
            answer.calibration,
            answer.threshold,
            answer.rows,
            answer.held_out,
            answer.seconds,
            answer.judging_seconds,
            figures(&answer.metrics),
            answer.repeated.as_ref().map_or_else(String::new, repeated)
        )
    })
}

/// The customers of a file that a model may learn from.
struct Learned {
    features: Table,
    label: Vec<bool>,
}

impl Learned {
    /// All but those that any two models are compared on ([`holdout`]), or all of them.
    fn of(customers: &Customers, all: bool) -> Result<Self, churn_learn::TrainError> {
        let Examples { features, label, .. } = Examples::of(customers)?;
        if all {
            return Ok(Self { features: features.clone(), label: label.to_vec() });
        }
        let rows = holdout::split(customers).learn;
        Ok(Self {
            features: features.select(rows.iter().copied()),
            label: rows.into_iter().map(|row| label[row]).collect(),
        })
    }
}

fn search(
    learned: &Learned,
    params: &SearchParams,
    trials_out: Option<&Path>,
    watch: &Stopwatch,
) -> anyhow::Result<(Trained, f64)> {
    let mut lines = match trials_out {
        Some(path) => Some((BufWriter::new(create(path)?), path)),
        None => None,
    };
    let (mut failed, mut fitted) = (None, 0.0);
    let progress = Progress::start(params);
    let examples = Examples { features: &learned.features, label: &learned.label, weight: None };
    let trained = churn_learn::search(examples, params, &|| watch.seconds(), &mut |step| {
        progress.show(&step, watch);
        if step == SearchStep::Fitted {
            fitted = watch.seconds();
        }
        if let (Some((lines, path)), SearchStep::Trial(report) | SearchStep::Blend(report)) = (&mut lines, &step)
            && failed.is_none()
        {
            failed = trial_line(lines, report).with_context(|| format!("write {}", path.display())).err();
        }
    })
    .map_err(Ending::data)
    .context("train")?;
    progress.finish();
    match failed {
        Some(error) => Err(error),
        None => Ok((trained, fitted)),
    }
}

fn trial_line(lines: &mut impl Write, report: &TrialReport) -> anyhow::Result<()> {
    writeln!(lines, "{}", serde_json::to_string(report)?)?;
    lines.flush().map_err(Into::into)
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).map_err(Ending::data).with_context(|| format!("create {}", path.display()))
}

fn object(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => map,
        _ => serde_json::Map::new(),
    }
}
