//! A report as one HTML file that needs nothing else, and as text.

use std::fmt::Write as _;

use super::measure::Measured;
use super::picture::{escape, heat_map, marginal, number};

const WORST: usize = 15;
const STYLE: &str = "\
:root{color-scheme:light dark;--real:#4a6fa5;--made:#e08e45}body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;\
margin:2rem auto;padding:0 1rem}h1{margin-bottom:0}table{border-collapse:collapse;margin:.5rem 0}\
td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}td.n{text-align:right;\
font-variant-numeric:tabular-nums}.all{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:1rem}\
figure{margin:0}svg{width:100%;height:auto}svg text{font-size:9px;fill:currentColor}.real{fill:var(--real)}\
.made{fill:var(--made)}.key i{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}.heat{max-width:44rem}\
.weak{opacity:.35}small{opacity:.75}";

/// The figures, best read from the top: name, value, meaning.
fn figures(measured: &Measured) -> Vec<(&'static str, String, String)> {
    let Measured { quality, diagnostic, privacy, usefulness, .. } = measured;
    let some = |value: f64| number(Some(value));
    let mut figures = vec![
        ("overall", some(quality.overall), "mean of column shapes and pair trends (SDMetrics)".to_owned()),
        ("column shapes", some(quality.column_shapes), "single columns".into()),
        (
            "pair trends",
            some(quality.pair_trends),
            "pairs that hang together in the real data, the rule since 0.27".into(),
        ),
        ("pair trends, all pairs", some(quality.pair_trends_all), "the rule before".into()),
        ("diagnostic", some(diagnostic.overall), "values that could be real ones; the goal is 1".into()),
    ];
    let overfitting = privacy.overfitting.map(|protection| protection.score);
    figures.push((
        "DCR overfitting protection",
        number(overfitting),
        "1: no nearer to the customers it was fitted on than to others".into(),
    ));
    let baseline = privacy.baseline;
    figures.push((
        "DCR baseline protection",
        some(baseline.score),
        format!(
            "median distance to the closest real customer {:.4}, of random rows {:.4}",
            baseline.synthetic, baseline.random
        ),
    ));
    figures.push(("new rows", some(privacy.new_rows.score), "no real customer within 1 % of every number".into()));
    let explained = privacy
        .holdout_copied_share
        .map_or_else(String::new, |share| format!("; of held-out real customers {:.3} % equal one too", 100.0 * share));
    figures.push((
        "copies",
        format!("{:.3} %", 100.0 * privacy.copied_share),
        format!("synthetic customers who equal a real one in everything{explained}"),
    ));
    let learner = usefulness.learner.replace('_', " ");
    let tested = format!("AUC of {learner} on {}", usefulness.tested_on);
    figures.push(("trained on real", number(usefulness.auc_trained_on_real), tested.clone()));
    figures.push(("trained on synthetic", number(usefulness.auc_trained_on_synthetic), tested));
    figures
}

/// Pairs that count, the least alike first.
fn worst(measured: &Measured) -> Vec<(String, f64)> {
    let mut pairs: Vec<(String, f64)> = measured
        .quality
        .pairs
        .iter()
        .filter(|pair| pair.counts)
        .filter_map(|pair| Some((format!("{} and {}", pair.columns.0, pair.columns.1), pair.score?)))
        .collect();
    pairs.sort_by(|left, right| left.1.total_cmp(&right.1));
    pairs.truncate(WORST);
    pairs
}

/// The report as lines.
pub(crate) fn text(measured: &Measured) -> String {
    let mut out = format!("{} synthetic customers beside {} real ones\n", measured.synthetic_rows, measured.real_rows);
    for (name, value, meaning) in figures(measured) {
        let _ = writeln!(out, "{name:28} {value:>9}  {meaning}");
    }
    for (pair, score) in worst(measured).into_iter().take(5) {
        let _ = writeln!(out, "least alike: {score:.4}  {pair}");
    }
    for note in &measured.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out.trim_end().to_owned()
}

/// The report as an HTML page.
pub(crate) fn html(measured: &Measured, title: &str) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><h1>{title}</h1><p>{} synthetic customers beside {} real ones.</p><table>",
        measured.synthetic_rows, measured.real_rows
    );
    for (name, value, meaning) in figures(measured) {
        let _ = write!(page, "<tr><th>{name}</th><td class=\"n\">{value}</td><td>{}</td></tr>", escape(&meaning));
    }
    page += "</table>";
    for note in &measured.notes {
        let _ = write!(page, "<p><small>{}</small></p>", escape(note));
    }
    page += "<h2>Columns</h2><p class=\"key\"><i style=\"background:var(--real)\"></i>real\
             <i style=\"background:var(--made)\"></i>synthetic</p><div class=\"all\">";
    for (pair, column) in measured.marginals.iter().zip(&measured.quality.columns) {
        page += &marginal(pair, column.score);
    }
    page += "</div><h2>Pairs</h2><p>Green pairs hang together as in the real data; pale ones do not count, because the real \
             customers show little of a trend there. Point at a field for its score.</p>";
    page += &heat_map(&measured.quality);
    page += "<h2>Least alike</h2><table>";
    for (pair, score) in worst(measured) {
        let _ = write!(page, "<tr><td class=\"n\">{score:.4}</td><td>{}</td></tr>", escape(&pair));
    }
    page + "</table></body></html>\n"
}
