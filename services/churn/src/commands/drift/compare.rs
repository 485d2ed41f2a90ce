//! `churn drift compare`.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use churn_drift::exact::{ColumnVerdict, DRIFT_SHARE, Sample, Test, compare};
use churn_runtime::exit::Ending;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde::Serialize;

use super::args;
use super::multivariate::{self, Together};
use super::table::Table;
use crate::app::App;

/// What the comparison found.
#[derive(Debug, Serialize)]
struct Answer {
    columns: Vec<ColumnVerdict>,
    drifted_columns: usize,
    /// Among the columns that have a verdict.
    share_of_drifted_columns: f64,
    /// Whether at least half of the columns have drifted, as Evidently has it.
    dataset_drift: bool,
    only_in_reference: Vec<String>,
    only_in_current: Vec<String>,
    /// All columns at once, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    multivariate: Option<Together>,
}

/// A column of both files.
struct Both {
    name: String,
    reference: Sample,
    current: Sample,
}

pub(super) fn run(app: &App, args: &args::Compare) -> anyhow::Result<()> {
    let (mut reference, mut current) = read(args)?;
    let shared: Vec<(usize, usize)> = reference
        .names
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some((at, current.names.iter().position(|other| other == name)?)))
        .collect();
    if shared.is_empty() {
        bail!(Ending::data("the files have no column in common"));
    }
    let only = |one: &Table, other: &Table| {
        one.names.iter().filter(|name| !other.names.contains(name)).cloned().collect::<Vec<_>>()
    };
    let (only_in_reference, only_in_current) = (only(&reference, &current), only(&current, &reference));
    let multivariate = args.multivariate.then(|| multivariate::compare(&reference, &current, &shared)).transpose()?;
    let columns = verdicts(pair_up(&mut reference, &mut current, &shared)?, args.test);
    let drifted_columns = columns.iter().filter(|column| column.drifted == Some(true)).count();
    let judged = columns.iter().filter(|column| column.drifted.is_some()).count();
    let share_of_drifted_columns = drifted_columns as f64 / judged.max(1) as f64;
    let dataset_drift = judged > 0 && share_of_drifted_columns >= DRIFT_SHARE;
    let answer = Answer {
        columns,
        drifted_columns,
        share_of_drifted_columns,
        dataset_drift,
        only_in_reference,
        only_in_current,
        multivariate,
    };
    app.answer(&answer, text)
}

/// Reads both files at once.
fn read(args: &args::Compare) -> anyhow::Result<(Table, Table)> {
    std::thread::scope(|scope| {
        let reference = scope.spawn(|| Table::read(&args.reference));
        let current = Table::read(&args.current);
        let reference = reference.join().map_err(|_| anyhow::anyhow!("reading the reference failed"))??;
        Ok((reference, current?))
    })
}

/// The samples of the shared columns: numbers where both sides have nothing else, otherwise words.
fn pair_up(reference: &mut Table, current: &mut Table, shared: &[(usize, usize)]) -> anyhow::Result<Vec<Both>> {
    let is_numbers = |&&(r, c): &&(usize, usize)| reference.is_numbers(r) && current.is_numbers(c);
    let (in_reference, in_current): (Vec<_>, Vec<_>) = shared.iter().filter(|pair| !is_numbers(pair)).copied().unzip();
    let (words_r, words_c) = std::thread::scope(|scope| {
        let reference = scope.spawn(|| reference.count_words(&in_reference));
        let current = current.count_words(&in_current);
        let reference = reference.join().map_err(|_| anyhow::anyhow!("counting the reference's words failed"))?;
        anyhow::Ok((reference?, current?))
    })?;
    let mut words = words_r.into_iter().zip(words_c);
    let mut both = Vec::with_capacity(shared.len());
    for &(r, c) in shared {
        let name = reference.names[r].clone();
        let numbers =
            if in_reference.contains(&r) { None } else { reference.take_numbers(r).zip(current.take_numbers(c)) };
        let (reference, current) = match numbers {
            Some((r, c)) => (Sample::Numbers(r), Sample::Numbers(c)),
            None => {
                let (r, c) = words.next().with_context(|| format!("column {name} was not counted"))?;
                (Sample::Words(r), Sample::Words(c))
            }
        };
        both.push(Both { name, reference, current });
    }
    Ok(both)
}

/// Compares the columns on all cores; the answers stand in the columns' order.
fn verdicts(columns: Vec<Both>, test: Option<Test>) -> Vec<ColumnVerdict> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(columns.into_iter().enumerate());
    let work = || {
        let mut found = Vec::new();
        // The lock is given back before the comparison begins.
        while let Some((at, Both { name, reference, current })) = next(&queue) {
            found.push((at, ColumnVerdict::new(name, compare(reference, current, test))));
        }
        found
    };
    let mut found = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        for other in others {
            match other.join() {
                Ok(part) => found.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, verdict)| verdict).collect()
}

fn next<T>(queue: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

fn text(answer: &Answer) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(["column", "test", "statistic", "p-value or distance", "threshold", "drifted"]);
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.6}"));
    for column in &answer.columns {
        let p_value = column.p_value.flatten().map(|p| p.get());
        let distance = column.distance.flatten().map(|distance| distance.get());
        let verdict = match (column.drifted, &column.problem) {
            (Some(true), _) => "yes".to_owned(),
            (Some(false), _) => "no".to_owned(),
            (None, problem) => problem.clone().unwrap_or_default(),
        };
        table.add_row([
            column.column.clone(),
            column.test.to_owned(),
            number(column.statistic),
            number(p_value.or(distance)),
            column.threshold.to_string(),
            verdict,
        ]);
    }
    let mut text = format!("{table}\n{} of {} columns have drifted", answer.drifted_columns, answer.columns.len());
    if let Some(together) = &answer.multivariate {
        text.push_str(&together.to_string());
    }
    for (side, names) in [("reference", &answer.only_in_reference), ("current file", &answer.only_in_current)] {
        if !names.is_empty() {
            text.push_str(&format!("\nonly in the {side}, not compared: {}", names.join(", ")));
        }
    }
    text
}
