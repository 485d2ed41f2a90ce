//! Reports: each one HTML page with its pictures in it, which needs no network and no script. Here is a model's.

mod card;
pub(crate) mod drift;
mod svg;

use std::fmt::Write as _;

use churn_learn::metrics::Interval;
use churn_learn::{Artifact, Dependence, Evaluation, Repeated};
use serde_json::{Map, Value};

use svg::{Plot, bars, escape, plot};

/// Features whose dependence is drawn.
const DRAWN: usize = 8;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#1b1f24;background:#fff}\
h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #d8dee4}\
table{border-collapse:collapse;margin:.5em 0}th,td{padding:.2em .8em;text-align:right;border-bottom:1px solid #e6eaee}\
th:first-child,td:first-child{text-align:left}.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(380px,1fr));gap:1em}\
figure{margin:0}figcaption{font-weight:600}svg{width:100%;height:auto;font:11px system-ui,sans-serif;fill:#444}\
.grid{stroke:#e6eaee}.curve{fill:none;stroke:#0b6bcb;stroke-width:2}.compare{fill:none;stroke:#999;stroke-dasharray:4 4}\
.mark{fill:#0b6bcb}.bar{fill:#0b6bcb}code{overflow-wrap:anywhere}";

/// The page: what the model is, how good it is on customers it had not seen, and what moves it.
pub(crate) fn page(
    about: &[(&str, String)],
    lineage: &Map<String, Value>,
    contents: &Artifact,
    evaluation: &Evaluation,
) -> String {
    let mut html = String::from("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    let version = about.first().map_or("", |(_, version)| version);
    let _ = write!(
        html,
        "<meta name=\"viewport\" content=\"width=device-width\"><title>Model {0}</title><style>{STYLE}</style></head><body><h1>Model {0}</h1>",
        escape(version)
    );
    card::model(&mut html, about, contents);
    card::data(&mut html, lineage, contents);
    figures(&mut html, contents, evaluation);
    curves(&mut html, evaluation);
    slices(&mut html, evaluation);
    what_moves_it(&mut html, evaluation);
    leaderboard(&mut html, contents);
    html.push_str("</body></html>\n");
    html
}

fn figures(html: &mut String, contents: &Artifact, evaluation: &Evaluation) {
    let metrics = &contents.report.best().metrics;
    let intervals = &evaluation.intervals;
    html.push_str(
        "<h2>How good it is</h2><p>On customers that the model of their fold had not seen; calibration and threshold come from the \
         other folds too. The interval holds 95 % of 300 bootstrap resamples.</p><table><tr><th>figure</th><th>value</th><th>95 %</th></tr>",
    );
    for (name, value, interval) in [
        ("AUC", metrics.auc, intervals.auc),
        ("average precision", metrics.average_precision, intervals.average_precision),
        ("log-loss", Some(metrics.log_loss), intervals.log_loss),
        ("Brier score", Some(metrics.brier), intervals.brier),
        ("calibration error", Some(metrics.ece), intervals.ece),
        ("accuracy", Some(metrics.accuracy), None),
        ("precision", Some(metrics.precision), None),
        ("recall", Some(metrics.recall), None),
        ("F1", Some(metrics.f1), None),
        ("MCC", Some(metrics.mcc), None),
        ("lift at 10 %", metrics.lift_at_10, None),
    ] {
        let value = value.map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"));
        let _ = write!(html, "<tr><td>{name}</td><td>{value}</td><td>{}</td></tr>", between(interval));
    }
    html.push_str("</table>");
    if let Some(Repeated { repeats, folds, auc, log_loss, brier, ece, f1 }) = &evaluation.repeated {
        let _ = write!(
            html,
            "<p>The same settings on {repeats} further splits into {folds} folds, mean and standard deviation: AUC {auc}, log-loss \
             {log_loss}, Brier score {brier}, calibration error {ece}, F1 {f1}.</p>"
        );
    }
}

fn between(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |interval| format!("{:.4} to {:.4}", interval.low, interval.high))
}

fn curves(html: &mut String, evaluation: &Evaluation) {
    let Evaluation { roc, precision_recall, gain, calibration, profit, campaign, .. } = evaluation;
    let bins: Vec<(f64, f64)> = calibration.iter().map(|bin| (bin.probability, bin.left)).collect();
    let profits: Vec<(f64, f64)> = profit.iter().map(|point| (point.share, point.profit)).collect();
    let diagonal = Some([(0.0, 0.0), (1.0, 1.0)]);
    html.push_str("<h2>Curves</h2><div class=\"plots\">");
    for (title, x, y, points, marks, compare, unit) in [
        ("ROC", "share of stayers taken for leavers", "share of leavers found", roc, false, diagonal, true),
        ("Precision and recall", "recall", "precision", precision_recall, false, None, true),
        ("Calibration", "mean probability of a tenth", "share of it that left", &bins, true, diagonal, true),
        ("Gain", "share of customers", "share of leavers among them", gain, false, diagonal, true),
        (
            "Campaign",
            "share of customers who get the offer",
            "profit a customer",
            &profits,
            false,
            Some([(0.0, 0.0), (1.0, 0.0)]),
            false,
        ),
    ] {
        let drawn = plot(&Plot { title, x, y, points, marks, compare, unit });
        let _ = write!(html, "<figure><figcaption>{title}</figcaption>{drawn}</figure>");
    }
    let _ = write!(
        html,
        "</div><p>The campaign's offer costs {} and a customer who stays because of it is worth {}.</p>",
        campaign.offer_cost, campaign.customer_value
    );
}

fn slices(html: &mut String, evaluation: &Evaluation) {
    html.push_str(
        "<h2>Slices</h2><table><tr><th>customers</th><th>number</th><th>left</th><th>AUC</th><th>log-loss</th><th>calibration error</th>\
         <th>F1</th></tr>",
    );
    for slice in &evaluation.slices {
        let metrics = &slice.metrics;
        let _ = write!(
            html,
            "<tr><td>{} = {}</td><td>{}</td><td>{:.1} %</td><td>{}</td><td>{:.4}</td><td>{:.4}</td><td>{:.3}</td></tr>",
            escape(&slice.feature),
            escape(&slice.value),
            metrics.rows,
            100.0 * metrics.positives as f64 / metrics.rows.max(1) as f64,
            metrics.auc.map_or_else(|| "none".to_owned(), |auc| format!("{auc:.4}")),
            metrics.log_loss,
            metrics.ece,
            metrics.f1
        );
    }
    html.push_str("</table>");
}

fn what_moves_it(html: &mut String, evaluation: &Evaluation) {
    let importance = bars("Importance", &evaluation.importance);
    let _ = write!(
        html,
        "<h2>What moves it</h2><figure><figcaption>Importance: mean absolute contribution to the log-odds</figcaption>{importance}</figure>\
         <h2>Partial dependence</h2><p>The mean probability if everybody had this value.</p><div class=\"plots\">"
    );
    for dependence in evaluation.dependence.iter().take(DRAWN) {
        let _ = write!(
            html,
            "<figure><figcaption>{}</figcaption>{}</figure>",
            escape(&dependence.feature),
            picture(dependence)
        );
    }
    html.push_str("</div>");
}

fn picture(dependence: &Dependence) -> String {
    if !dependence.numeric {
        return bars(&dependence.feature, &dependence.points);
    }
    let points: Vec<(f64, f64)> =
        dependence.points.iter().filter_map(|(value, mean)| Some((value.parse().ok()?, *mean))).collect();
    plot(&Plot {
        title: &dependence.feature,
        x: &dependence.feature,
        y: "mean probability",
        points: &points,
        marks: true,
        compare: None,
        unit: false,
    })
}

fn leaderboard(html: &mut String, contents: &Artifact) {
    html.push_str(
        "<h2>Leaderboard</h2><table><tr><th>learner</th><th>calibration</th><th>log-loss</th><th>AUC</th><th>Brier</th>\
         <th>calibration error</th></tr>",
    );
    for learner in &contents.report.learners {
        let metrics = &learner.metrics;
        let _ = write!(
            html,
            "<tr><td title=\"{}\">{}</td><td>{}</td><td>{:.5}</td><td>{}</td><td>{:.4}</td><td>{:.4}</td></tr>",
            escape(&serde_json::to_string(&learner.params).unwrap_or_default()),
            learner.params.name(),
            learner.calibration.name(),
            metrics.log_loss,
            metrics.auc.map_or_else(|| "none".to_owned(), |auc| format!("{auc:.4}")),
            metrics.brier,
            metrics.ece
        );
    }
    html.push_str("</table>");
}
