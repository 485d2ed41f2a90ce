//! `churn report drift`.

use std::sync::Arc;

use anyhow::{Context, bail};
use churn_domain::{Column, FEATURES, Kind};
use churn_drift::exact::{ColumnVerdict, DRIFT_SHARE, Numbers, Sample, Words, compare};
use churn_drift::{ColumnReference, ColumnWindow, Edges, bars};
use churn_runtime::clock::now_ms;
use churn_runtime::exit::Ending;
use churn_store::{Store, StoredRows};
use serde::Serialize;
use tokio::task::block_in_place;

use super::DriftReport;
use crate::app::App;
use crate::commands::setup;
use crate::report::drift::{Compared, Page, Side, page};

/// Rows of either side that are compared; of more, a sample.
const MOST_ROWS: u64 = 100_000;
/// Bars of one feature.
const MOST_BARS: usize = 16;
/// Bins of the probability, each as wide as the others.
const PROBABILITY_BINS: usize = 20;

#[derive(Debug, Serialize)]
struct Answer {
    file: String,
    then: Side,
    now: Side,
    columns: Vec<ColumnVerdict>,
    drifted_columns: usize,
    /// Whether at least half of the columns have drifted, as Evidently has it.
    dataset_drift: bool,
}

pub(super) async fn run(app: &App, args: &DriftReport) -> anyhow::Result<()> {
    let to = args.to.map_or_else(now_ms, |moment| moment.0);
    let from = args.from.0;
    if from >= to {
        bail!(Ending::usage("--from must lie before --to"));
    }
    let store = setup::connect_postgres(app.config()).await?;
    store.check_schema().await.map_err(Ending::of)?;
    let (now, now_side) = span(&store, from, to).await?;
    let (then, then_side) = match (args.customers, args.reference_from.zip(args.reference_to)) {
        (true, _) => {
            let rows = store.reference_customers().await.map_err(Ending::of)?;
            let side = side("the real customers".to_owned(), &rows);
            (rows, side)
        }
        (false, Some((from, to))) => span(&store, from.0, to.0).await?,
        (false, None) => span(&store, from - (to - from), from).await?,
    };
    for (which, found) in [("then", &then_side), ("now", &now_side)] {
        if found.compared == 0 {
            bail!(Ending::data(format!("there is no row {which}: {}", found.about)));
        }
    }
    let compared = block_in_place(|| columns(&then, &now));
    let drifted = compared.iter().filter(|column| column.verdict.drifted == Some(true)).count();
    let judged = compared.iter().filter(|column| column.verdict.drifted.is_some()).count();
    let dataset_drift = judged > 0 && drifted as f64 >= DRIFT_SHARE * judged as f64;
    let content = Page { then: &then_side, now: &now_side, columns: &compared, dataset_drift };
    std::fs::write(&args.out, page(&content)).with_context(|| format!("write {}", args.out.display()))?;
    let answer = Answer {
        file: args.out.display().to_string(),
        then: then_side,
        now: now_side,
        columns: compared.into_iter().map(|column| column.verdict).collect(),
        drifted_columns: drifted,
        dataset_drift,
    };
    app.answer(&answer, |answer| {
        format!("{}: {} of {} columns have drifted", answer.file, answer.drifted_columns, answer.columns.len())
    })
}

async fn span(store: &Store, from: i64, to: i64) -> anyhow::Result<(StoredRows, Side)> {
    let moment = |time: i64| jiff::Timestamp::from_millisecond(time).map_err(Ending::usage);
    let about = format!("events from {} to {}", moment(from)?, moment(to)?);
    let rows = store.scored_between(from, to, MOST_ROWS).await.map_err(Ending::of)?;
    let side = side(about, &rows);
    Ok((rows, side))
}

fn side(about: String, rows: &StoredRows) -> Side {
    Side { about, rows: rows.total, compared: rows.features.len() as u64 }
}

/// Every feature, and the probability where both sides have one.
fn columns(then: &StoredRows, now: &StoredRows) -> Vec<Compared> {
    let feature = |(at, feature): (usize, &churn_domain::Feature)| {
        let (before, after) = (then.features.column(at), now.features.column(at));
        let reference = match before {
            Column::Category(words) => ColumnReference::of_words(feature.name, words),
            Column::Number(values) => ColumnReference::of_numbers(feature.name, values),
        };
        let whole = matches!(feature.kind, Kind::Flag | Kind::Integer { .. });
        let verdict = compare(sample(before, whole), sample(after, whole), None);
        compared(feature.name, &reference, after, ColumnVerdict::new(feature.name.to_owned(), verdict))
    };
    let mut columns: Vec<Compared> = FEATURES.iter().enumerate().map(feature).collect();
    if !then.probability.is_empty() && !now.probability.is_empty() {
        columns.push(probability(&then.probability, &now.probability));
    }
    columns
}

fn probability(then: &[f64], now: &[f64]) -> Compared {
    const NAME: &str = "probability";
    let reference = match Edges::uniform(0.0, 1.0, PROBABILITY_BINS) {
        Ok(edges) => ColumnReference::of_numbers_on(NAME, edges, then),
        Err(_) => ColumnReference::of_numbers(NAME, then),
    };
    let numbers = |values: &[f64]| Sample::Numbers(Numbers::new(values.to_vec(), false));
    let verdict = ColumnVerdict::new(NAME.to_owned(), compare(numbers(then), numbers(now), None));
    compared(NAME, &reference, &Column::Number(now.to_vec()), verdict)
}

fn compared(name: &str, reference: &ColumnReference, now: &Column, verdict: ColumnVerdict) -> Compared {
    let mut window = ColumnWindow::new(Arc::clone(reference.bins()));
    match now {
        Column::Category(words) => window.add_words(words, 0..words.len()),
        Column::Number(values) => window.add_numbers(values),
    }
    Compared {
        name: name.to_owned(),
        verdict,
        bars: bars(reference, &window, MOST_BARS - 1, MOST_BARS),
        missing: [reference.missing_share(), window.missing_share()],
    }
}

/// Missing values make a column of floating-point numbers in pandas, where Evidently sees whole ones only without them.
fn sample(column: &Column, whole: bool) -> Sample {
    match column {
        Column::Category(words) => {
            let mut counted = Words::default();
            words.iter().flatten().for_each(|word| counted.add(word));
            Sample::Words(counted)
        }
        Column::Number(values) => {
            let complete = values.iter().all(|value| value.is_finite());
            Sample::Numbers(Numbers::new(values.clone(), whole && complete))
        }
    }
}

#[cfg(test)]
mod tests {
    use churn_domain::Table;

    use super::*;

    fn rows(count: usize, shift: f64) -> StoredRows {
        let mut features = Table::default();
        for (feature, column) in FEATURES.iter().zip(features.columns_mut()) {
            for row in 0..count {
                match column {
                    Column::Category(words) => words.push(feature.categories().get(row % 2).copied()),
                    Column::Number(values) if feature.unit.is_some() => values.push((row % 50) as f64 + shift),
                    Column::Number(values) => values.push((row % 2) as f64),
                }
            }
        }
        let probability = (0..count).map(|row| (row % 100) as f64 / 100.0).collect();
        StoredRows { total: count as u64, features, probability }
    }

    #[test]
    fn each_column_has_its_verdict_and_its_bars_and_only_what_moved_has_drifted() {
        let found = columns(&rows(3_000, 0.0), &rows(2_000, 30.0));
        assert_eq!(found.len(), FEATURES.len() + 1);
        let drifted: Vec<&str> =
            found.iter().filter(|c| c.verdict.drifted == Some(true)).map(|c| c.name.as_str()).collect();
        assert_eq!(drifted, ["tenure", "monthly_charges", "total_charges"]);
        assert!(found.iter().all(|column| !column.bars.is_empty() && column.bars.len() <= MOST_BARS));
        let side = Side { about: "<then>".into(), rows: 3_000, compared: 3_000 };
        let html = page(&Page { then: &side, now: &side, columns: &found, dataset_drift: false });
        assert!(html.contains("monthly_charges") && html.contains("wasserstein") && html.contains("&lt;then&gt;"));
        assert!(!html.contains("NaN") && !html.contains("http") && html.ends_with("</html>\n"));
    }
}
