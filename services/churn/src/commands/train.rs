//! `churn train`: searches for a model on a file, and what it finds becomes a version of the registry.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use churn_domain::csv::{Customers, ReadOptions, UnknownCategory};
use churn_learn::metrics::Campaign;
use churn_learn::{Budget, Examples, Family, Goal, Metrics, Repeated, SearchParams, SearchStep, Trained, TrialReport};
use churn_registry::{Draft, Kind};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::Ending;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use tokio::task::block_in_place;

use super::bad_rows;
use crate::app::App;
use crate::cli::{GoalName, Train};
use crate::shipped;

/// Rows of the leaderboard that are printed; `--trials-out` has all of them.
const SHOWN: usize = 10;

/// Trains, or judges the whole training on the folds of a file.
///
/// # Errors
/// The file cannot be read or learned from; the message says what is wrong and where.
pub(super) async fn run(app: &App, args: &Train) -> anyhow::Result<()> {
    let options = ReadOptions { unknown_category: UnknownCategory::Keep, skip_bad_rows: args.skip_bad_rows };
    let customers = shipped::customers(Some(&args.data), options)?;
    bad_rows::report(&customers);
    let params = params(args)?;
    match (&args.folds, &args.oof) {
        (Some(folds), Some(oof)) => block_in_place(|| nested(app, &customers, &params, folds, oof)),
        (None, None) => publish(app, args, &customers, &params).await,
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
    rows: usize,
    metrics: Metrics,
    repeated: Option<Repeated>,
    leaderboard: Vec<TrialReport>,
}

async fn publish(app: &App, args: &Train, customers: &Customers, params: &SearchParams) -> anyhow::Result<()> {
    let registry = app.registry().await?;
    registry.check().await.map_err(Ending::of).context("write to the registry")?;
    let watch = Stopwatch::start();
    let (trained, seconds) = block_in_place(|| search(customers, params, args.trials_out.as_deref(), &watch))?;
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
        lineage: object(json!({ "data": args.data.display().to_string(), "rows": customers.len() })),
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
        rows: customers.len(),
        metrics: report.best().metrics.clone(),
        repeated: trained.artifact.evaluation.as_ref().and_then(|evaluation| evaluation.repeated.clone()),
        leaderboard: trained.leaderboard,
    };
    app.answer(&answer, |answer| {
        format!(
            "{}\nmodel {} ({}, calibration {}, threshold {:.3}) on {} customers in {:.1} s, judged in {:.1} s more: {}{}\nit is not the champion yet",
            leaderboard(&answer.leaderboard),
            answer.model_version,
            answer.learner,
            answer.calibration,
            answer.threshold,
            answer.rows,
            answer.seconds,
            answer.judging_seconds,
            figures(&answer.metrics),
            answer.repeated.as_ref().map_or_else(String::new, repeated)
        )
    })
}

fn repeated(repeated: &Repeated) -> String {
    let Repeated { repeats, folds, auc, log_loss, brier, ece, .. } = repeated;
    format!(
        "\non {repeats} further splits into {folds} folds: AUC {auc}, log-loss {log_loss}, Brier {brier}, ECE {ece}"
    )
}

fn search(
    customers: &Customers,
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
    let examples = Examples::of(customers).map_err(Ending::data)?;
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
    progress.0.finish_and_clear();
    match failed {
        Some(error) => Err(error),
        None => Ok((trained, fitted)),
    }
}

fn trial_line(lines: &mut impl Write, report: &TrialReport) -> anyhow::Result<()> {
    writeln!(lines, "{}", serde_json::to_string(report)?)?;
    lines.flush().map_err(Into::into)
}

#[derive(Debug, Serialize)]
struct FoldAnswer {
    fold: u32,
    rows: usize,
    auc: Option<f64>,
    log_loss: f64,
}

#[derive(Debug, Serialize)]
struct NestedAnswer {
    rows: usize,
    seconds: f64,
    trials: usize,
    /// Mean of the folds' AUC, over those with both classes.
    mean_auc: Option<f64>,
    /// Figures over all customers together.
    log_loss: f64,
    brier: f64,
    ece: f64,
    folds: Vec<FoldAnswer>,
}

fn nested(app: &App, customers: &Customers, params: &SearchParams, folds: &Path, oof: &Path) -> anyhow::Result<()> {
    if customers.bad_row_count > 0 {
        bail!(Ending::data("--folds numbers the rows of the file, so none may be left out: mend the bad rows"));
    }
    let fold_of = read_folds(folds, customers.len())?;
    let mut out = BufWriter::new(create(oof)?);
    let examples = Examples::of(customers).map_err(Ending::data)?;
    let watch = Stopwatch::start();
    let progress = Progress::start(params);
    let mut trials = 0;
    let probability = churn_learn::nested(examples, &fold_of, params, &|| watch.seconds(), &mut |fold, step| {
        trials += usize::from(matches!(step, SearchStep::Trial(_)));
        progress.0.set_prefix(format!("fold {fold} held out: "));
        progress.show(&step, &watch);
    })
    .map_err(Ending::data)
    .context("train on the folds")?;
    progress.0.finish_and_clear();
    let seconds = watch.seconds();
    let written = write_oof(&mut out, &fold_of, &probability);
    written.with_context(|| format!("write {}", oof.display()))?;
    let label = examples.label;
    let folds = by_fold(&fold_of, &probability, label);
    let aucs: Vec<f64> = folds.iter().filter_map(|fold| fold.auc).collect();
    let metrics = Metrics::at_threshold(&probability, label, 0.5);
    let answer = NestedAnswer {
        rows: label.len(),
        seconds,
        trials,
        mean_auc: (!aucs.is_empty()).then(|| aucs.iter().sum::<f64>() / aucs.len() as f64),
        log_loss: metrics.log_loss,
        brier: metrics.brier,
        ece: metrics.ece,
        folds,
    };
    app.answer(&answer, |answer| {
        format!(
            "{} folds in {:.1} s, {} trials: mean AUC {:.4}, log-loss {:.4}, Brier {:.4}, ECE {:.4}; written to {}",
            answer.folds.len(),
            answer.seconds,
            answer.trials,
            answer.mean_auc.unwrap_or(f64::NAN),
            answer.log_loss,
            answer.brier,
            answer.ece,
            oof.display()
        )
    })
}

fn by_fold(fold_of: &[u32], probability: &[f64], label: &[bool]) -> Vec<FoldAnswer> {
    let mut rows_of: BTreeMap<u32, (Vec<f64>, Vec<bool>)> = BTreeMap::new();
    for (row, &fold) in fold_of.iter().enumerate() {
        let (p, l) = rows_of.entry(fold).or_default();
        p.push(probability[row]);
        l.push(label[row]);
    }
    let answer = |(fold, (p, l)): (u32, (Vec<f64>, Vec<bool>))| FoldAnswer {
        fold,
        rows: l.len(),
        auc: churn_learn::metrics::auc(&p, &l),
        log_loss: churn_learn::metrics::log_loss(&p, &l),
    };
    rows_of.into_iter().map(answer).collect()
}

/// The fold of each row, from a CSV file with the columns `row` (from 0, each row once, in any order) and `fold`.
fn read_folds(path: &Path, rows: usize) -> anyhow::Result<Vec<u32>> {
    let text =
        std::fs::read_to_string(path).map_err(Ending::data).with_context(|| format!("open {}", path.display()))?;
    parse_folds(&text, rows).map_err(Ending::data).with_context(|| format!("read {}", path.display()))
}

fn parse_folds(text: &str, rows: usize) -> Result<Vec<u32>, String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let names: Vec<&str> =
        lines.next().unwrap_or_default().split(',').map(|name| name.trim().trim_matches('"')).collect();
    let place = |name: &str| {
        names
            .iter()
            .position(|found| *found == name)
            .ok_or_else(|| format!("it has no column {name}; expected row,fold"))
    };
    let (row_at, fold_at) = (place("row")?, place("fold")?);
    let mut folds: Vec<Option<u32>> = vec![None; rows];
    for (line, text) in (2..).zip(lines).filter(|(_, text)| !text.trim().is_empty()) {
        let fields: Vec<&str> = text.split(',').map(|field| field.trim().trim_matches('"')).collect();
        let number = |at: usize, name: &str| {
            let field = fields.get(at).copied().unwrap_or_default();
            field
                .parse::<u32>()
                .map_err(|_| format!("line {line}: {name} is {field:?}, expected a whole number from 0"))
        };
        let (row, fold) = (number(row_at, "row")?, number(fold_at, "fold")?);
        let place = folds.get_mut(row as usize);
        let place = place.ok_or_else(|| format!("line {line}: row {row}, but the data have {rows} rows (from 0)"))?;
        if place.replace(fold).is_some() {
            return Err(format!("line {line}: row {row} occurs twice"));
        }
    }
    let missing = folds.iter().position(Option::is_none);
    match missing {
        Some(row) => Err(format!("row {row} has no fold; each of the {rows} rows needs one")),
        None => Ok(folds.into_iter().flatten().collect()),
    }
}

fn write_oof(out: &mut impl Write, fold_of: &[u32], probability: &[f64]) -> std::io::Result<()> {
    writeln!(out, "row,fold,probability")?;
    for (row, (fold, probability)) in fold_of.iter().zip(probability).enumerate() {
        writeln!(out, "{row},{fold},{probability}")?;
    }
    out.flush()
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).map_err(Ending::data).with_context(|| format!("create {}", path.display()))
}

/// The bar of a search: it fills with time, or with trials where these are the budget.
#[derive(Debug)]
struct Progress(ProgressBar, Option<Duration>);

impl Progress {
    fn start(params: &SearchParams) -> Self {
        let time = params.budget.seconds.map(Duration::from_secs_f64);
        let length = time.map_or(params.budget.trials.unwrap_or(1) as u64, |time| time.as_millis() as u64);
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {prefix}{msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message("encoding");
        Self(bar, time)
    }

    fn show(&self, step: &SearchStep, watch: &Stopwatch) {
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

fn figures(metrics: &Metrics) -> String {
    let auc = metrics.auc.unwrap_or(f64::NAN);
    format!("AUC {auc:.4}, log-loss {:.4}, Brier {:.4}, ECE {:.4}", metrics.log_loss, metrics.brier, metrics.ece)
}

fn leaderboard(rows: &[TrialReport]) -> String {
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

fn object(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => map,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_read_in_any_order_and_what_is_wrong_is_named_with_its_line() {
        assert_eq!(parse_folds("row,fold\n1,4\n0,2\n\n2,4\n", 3), Ok(vec![2, 4, 4]));
        assert_eq!(parse_folds("fold,row\r\n\"7\",0\r\n", 1), Ok(vec![7]));
        for (text, complaint) in [
            ("row\n0\n", "no column fold"),
            ("row,fold\n0,x\n1,1\n", "line 2: fold is \"x\""),
            ("row,fold\n0,1\n5,1\n", "line 3: row 5, but the data have 2 rows"),
            ("row,fold\n0,1\n0,1\n", "line 3: row 0 occurs twice"),
            ("row,fold\n0,1\n", "row 1 has no fold"),
        ] {
            let error = parse_folds(text, 2).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
