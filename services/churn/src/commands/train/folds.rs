//! `churn train --folds`: the whole training judged on folds of a file.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use churn_domain::csv::Customers;
use churn_learn::{Examples, Metrics, SearchParams, SearchStep};
use churn_runtime::clock::Stopwatch;
use churn_runtime::exit::Ending;
use serde::Serialize;

use super::create;
use super::show::Progress;
use crate::app::App;

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

/// Predicts each fold by a search of its own on the others, writes the probabilities and says how good they are.
///
/// # Errors
/// The folds do not fit the customers, or nothing can be learned from them.
pub(super) fn judge(
    app: &App,
    customers: &Customers,
    params: &SearchParams,
    folds: &Path,
    oof: &Path,
) -> anyhow::Result<()> {
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
        progress.prefix(format!("fold {fold} held out: "));
        progress.show(&step, &watch);
    })
    .map_err(Ending::data)
    .context("train on the folds")?;
    progress.finish();
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
