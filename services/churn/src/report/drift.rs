//! A drift report: each feature then and now, its test, threshold and verdict.

use std::fmt::Write as _;

use churn_drift::Bar;
use churn_drift::exact::ColumnVerdict;
use serde::Serialize;

use super::STYLE;
use super::svg::{escape, pairs};

/// One side of the comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Side {
    pub(crate) about: String,
    /// Rows in all.
    pub(crate) rows: u64,
    /// Those that were compared: all, or a sample.
    pub(crate) compared: u64,
}

/// One column of both sides.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) name: String,
    pub(crate) verdict: ColumnVerdict,
    pub(crate) bars: Vec<Bar>,
    /// Share of rows without a value, then and now.
    pub(crate) missing: [Option<f64>; 2],
}

/// What the page says.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) then: &'a Side,
    pub(crate) now: &'a Side,
    pub(crate) columns: &'a [Compared],
    pub(crate) dataset_drift: bool,
}

/// The page.
pub(crate) fn page(content: &Page<'_>) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Drift</title><style>{STYLE}.then{{fill:#9aa4af}}.drifted{{color:#b3261e;font-weight:600}}</style></head><body><h1>Drift</h1>"
    );
    let drifted = content.columns.iter().filter(|column| column.verdict.drifted == Some(true)).count();
    let whole = if content.dataset_drift { "At least half of them have: the data as a whole has drifted." } else { "" };
    let _ = write!(html, "<p>{drifted} of {} columns have drifted. {whole}</p><table>", content.columns.len());
    for (name, side) in [("then", content.then), ("now", content.now)] {
        let rows = match side.rows == side.compared {
            true => format!("{} rows", side.rows),
            false => format!("a sample of {} of {} rows", side.compared, side.rows),
        };
        let _ =
            write!(html, "<tr><th>{name}</th><td style=\"text-align:left\">{}, {rows}</td></tr>", escape(&side.about));
    }
    html.push_str("</table>");
    summary(&mut html, content.columns);
    html.push_str(
        "<h2>Then and now</h2><p>Shares of the rows with a value; grey is then, blue is now.</p><div class=\"plots\">",
    );
    for column in content.columns {
        let rows: Vec<(String, f64, f64)> =
            column.bars.iter().map(|bar| (bar.bin.clone(), bar.then, bar.now)).collect();
        let name = escape(&column.name);
        let _ = write!(
            html,
            "<figure id=\"{name}\"><figcaption>{name}</figcaption>{}</figure>",
            pairs(&column.name, &rows)
        );
    }
    html.push_str("</div></body></html>\n");
    html
}

fn summary(html: &mut String, columns: &[Compared]) {
    html.push_str(
        "<h2>Verdicts</h2><p>The tests are those that Evidently takes by default for such columns. A p-value below the threshold, \
         or a distance from it up, is a drift.</p><table><tr><th>column</th><th>test</th><th>p-value or distance</th>\
         <th>threshold</th><th>drifted</th><th>missing then</th><th>now</th></tr>",
    );
    let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", 100.0 * share));
    for Compared { name, verdict, missing, .. } in columns {
        let figure = verdict.p_value.flatten().map(|p| p.get());
        let figure = figure.or_else(|| verdict.distance.flatten().map(|distance| distance.get()));
        let (class, word) = match (verdict.drifted, &verdict.problem) {
            (Some(true), _) => ("drifted", "yes".to_owned()),
            (Some(false), _) => ("", "no".to_owned()),
            (None, problem) => ("", problem.clone().unwrap_or_default()),
        };
        let _ = write!(
            html,
            "<tr><td><a href=\"#{0}\">{0}</a></td><td>{1}</td><td>{2}</td><td>{3}</td><td class=\"{class}\">{4}</td><td>{5}</td><td>{6}</td></tr>",
            escape(name),
            verdict.test,
            figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.4}")),
            verdict.threshold,
            escape(&word),
            share(missing[0]),
            share(missing[1]),
        );
    }
    html.push_str("</table>");
}
