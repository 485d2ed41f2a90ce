//! `churn drift estimate`.

use std::path::Path;

use anyhow::{Context, bail};
use churn_drift::estimate::{Estimate, Estimates, Estimator, Labelled};
use churn_runtime::exit::Ending;
use serde::Serialize;

use super::args;
use super::table::Table;
use crate::app::App;

/// Names that are looked for where none is given.
const PROBABILITY: &[&str] = &["churn_probability", "probability", "y_pred_proba", "score"];
const LABEL: &[&str] = &["churn_label", "predicted", "prediction", "label", "y_pred"];
const TRUTH: &[&str] = &["churn", "churned", "actual", "y_true", "target", "outcome"];

#[derive(Debug, Serialize)]
struct Answer {
    reference_rows: usize,
    left_out: LeftOut,
    /// Whether the probabilities were calibrated first, because that made them better on the reference.
    calibrated: bool,
    /// Of all rows together.
    #[serde(flatten)]
    all: Estimates,
    /// Of each chunk, in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<Estimates>,
}

/// Rows in which a value is missing that is needed, as NannyML leaves them out.
#[derive(Debug, Serialize)]
struct LeftOut {
    reference: usize,
    current: usize,
}

/// Rows that have all their values, and how many have not.
#[derive(Default)]
struct Scored {
    probability: Vec<f64>,
    predicted: Vec<bool>,
    /// Empty where it is not asked for.
    actual: Vec<bool>,
    left_out: usize,
}

pub(super) fn run(app: &App, args: &args::Estimate) -> anyhow::Result<()> {
    if args.chunk_rows == Some(0) {
        bail!(Ending::usage("--chunk-rows must be at least 1"));
    }
    let reference = scored(&args.reference, args, true)?;
    let labelled =
        Labelled { probability: &reference.probability, predicted: &reference.predicted, actual: &reference.actual };
    let fitted = Estimator::fit(labelled).map_err(Ending::data);
    let estimator = fitted.with_context(|| format!("learn from {}", args.reference.display()))?;
    let current = scored(&args.current, args, false)?;
    let estimate = |p: &[f64], label: &[bool]| {
        estimator
            .estimate(p, label)
            .map_err(Ending::data)
            .with_context(|| format!("estimate {}", args.current.display()))
    };
    let chunk_rows = args.chunk_rows.unwrap_or(usize::MAX);
    let chunks = if args.chunk_rows.is_none() {
        Vec::new()
    } else {
        let pairs = current.probability.chunks(chunk_rows).zip(current.predicted.chunks(chunk_rows));
        pairs.map(|(p, label)| estimate(p, label)).collect::<anyhow::Result<_>>()?
    };
    let answer = Answer {
        reference_rows: reference.actual.len(),
        left_out: LeftOut { reference: reference.left_out, current: current.left_out },
        calibrated: estimator.calibrates(),
        all: estimate(&current.probability, &current.predicted)?,
        chunks,
    };
    app.answer(&answer, text)
}

fn scored(path: &Path, args: &args::Estimate, with_truth: bool) -> anyhow::Result<Scored> {
    let table = &Table::read(path)?;
    let at = column(table, path, args.probability.as_deref(), PROBABILITY, "--probability")?;
    let Some(probability) = table.numbers(at) else {
        let name = &table.names[at];
        bail!(Ending::data(format!("{}: column {name} has words, expected probabilities", path.display())))
    };
    let wanted = args.label.as_deref();
    let predicted = if wanted.is_none() && find(table, LABEL).is_none() {
        probability.iter().map(|&p| Some(p >= args.at)).collect()
    } else {
        flags(table, path, column(table, path, wanted, LABEL, "--label")?)?
    };
    let truth = if with_truth {
        flags(table, path, column(table, path, args.truth.as_deref(), TRUTH, "--truth")?)?
    } else {
        vec![None; probability.len()]
    };
    let mut scored = Scored::default();
    for ((&p, label), truth) in probability.iter().zip(predicted).zip(truth) {
        match (label, truth) {
            (Some(label), truth) if !p.is_nan() && truth.is_some() == with_truth => {
                scored.probability.push(p);
                scored.predicted.push(label);
                scored.actual.extend(truth);
            }
            _ => scored.left_out += 1,
        }
    }
    Ok(scored)
}

fn find(table: &Table, names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| table.names.iter().position(|other| other == name))
}

fn column(table: &Table, path: &Path, wanted: Option<&str>, usual: &[&str], flag: &str) -> anyhow::Result<usize> {
    let found = match wanted {
        Some(name) => find(table, &[name]),
        None => find(table, usual),
    };
    let expected = wanted.map_or_else(|| usual.join(", "), str::to_owned);
    found.ok_or_else(|| {
        let message = format!("{} has no column {expected}; name it with {flag}", path.display());
        anyhow::Error::new(Ending::data(message))
    })
}

/// A column of yes and no, `None` where it is missing.
fn flags(table: &Table, path: &Path, column: usize) -> anyhow::Result<Vec<Option<bool>>> {
    let mut flags = Vec::new();
    let mut wrong = None;
    table.for_each(&[column], |_, word| {
        flags.push(match word.map(|word| word.trim().to_ascii_lowercase()).as_deref() {
            Some("1" | "1.0" | "true" | "yes") => Some(true),
            Some("0" | "0.0" | "false" | "no") => Some(false),
            Some(other) => {
                wrong.get_or_insert_with(|| (flags.len(), other.to_owned()));
                None
            }
            None => None,
        });
    })?;
    match wrong {
        Some((row, word)) => {
            let name = &table.names[column];
            bail!(Ending::data(format!(
                "{}: row {row}, column {name}: {word:?}, expected 1, 0, yes, no, true or false",
                path.display()
            )))
        }
        None => Ok(flags),
    }
}

fn text(answer: &Answer) -> String {
    let all = &answer.all;
    let figures: [(&str, Option<Estimate>); 9] = [
        ("AUC", all.roc_auc),
        ("average precision", all.average_precision),
        ("F1", all.f1),
        ("precision", all.precision),
        ("recall", all.recall),
        ("specificity", all.specificity),
        ("accuracy", all.accuracy),
        ("log-loss", all.log_loss),
        ("Brier score", all.brier),
    ];
    let line = |(name, estimate): (&str, Option<Estimate>)| match estimate {
        Some(Estimate { value, lower: Some(lower), upper: Some(upper), .. }) => {
            format!("{name:>18} {value:.4}  ({lower:.4} to {upper:.4})")
        }
        Some(Estimate { value, .. }) => format!("{name:>18} {value:.4}"),
        None => format!("{name:>18} not defined"),
    };
    let how = if answer.calibrated { "calibrated on" } else { "taken as they are, with" };
    let mut head =
        format!("estimated from {} rows, their probabilities {how} {} labelled ones", all.rows, answer.reference_rows);
    let LeftOut { reference, current } = answer.left_out;
    if reference + current > 0 {
        head.push_str(&format!("; left out for a missing value: {current} rows, {reference} labelled ones"));
    }
    std::iter::once(head).chain(figures.map(line)).collect::<Vec<_>>().join("\n")
}
