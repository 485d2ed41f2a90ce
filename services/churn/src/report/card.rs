//! What a report says of the model's making and of the data behind it.

use std::fmt::Write as _;

use churn_domain::{FEATURES, Feature, Kind};
use churn_learn::{Artifact, Distribution, FeatureReference};
use serde_json::{Map, Value};

use super::svg::escape;
use crate::shipped;

/// What the model is.
pub(super) fn model(html: &mut String, about: &[(&str, String)], contents: &Artifact) {
    let report = &contents.report;
    let best = report.best();
    let more = [
        ("Features", contents.model.encoder().column_names().len().to_string() + " columns of nineteen features"),
        ("Trained for", report.goal.name().to_owned()),
        ("Folds, seed, trials", format!("{}, {}, {}", report.folds, report.seed, report.trials)),
        ("Learner", serde_json::to_string(&best.params).unwrap_or_default()),
        ("Calibration", best.calibration.name().to_owned()),
        ("Threshold", format!("{:.4}", contents.model.threshold())),
    ];
    html.push_str("<h2>Model card</h2>");
    pairs(html, about.iter().chain(&more).map(|(name, value)| (*name, value.as_str())));
}

/// What it was fitted on: where the rows come from, how many of them left, and each column.
pub(super) fn data(html: &mut String, lineage: &Map<String, Value>, contents: &Artifact) {
    let reference = &contents.reference;
    html.push_str("<h2>Data card</h2>");
    let (left, stayed) = (reference.positives, reference.rows - reference.positives.min(reference.rows));
    let mut said = vec![
        ("Customers learned from".to_owned(), reference.rows.to_string()),
        (
            "Class balance".to_owned(),
            format!(
                "{left} left ({}), {stayed} stayed ({})",
                share(left, reference.rows),
                share(stayed, reference.rows)
            ),
        ),
    ];
    if lineage.get("data_sha256").and_then(Value::as_str) == Some(&shipped::sha256()) {
        said.push(("Source".to_owned(), format!("the rows that come with the program: {}", shipped::SOURCE)));
        said.push(("Licence".to_owned(), shipped::LICENCE.to_owned()));
    }
    said.extend(lineage.iter().map(|(name, value)| (lineage_name(name), text(value))));
    pairs(html, said.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    html.push_str(
        "<p>The columns as the customers learned from have them. A tenth of a number's values lies below its low end and a tenth \
         above its high one.</p><table><tr><th>column</th><th>type</th><th>accepted</th><th>missing</th><th>values</th></tr>",
    );
    for (described, found) in FEATURES.iter().zip(&reference.features) {
        let _ = write!(
            html,
            "<tr><td title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td style=\"text-align:left\">{}</td></tr>",
            escape(described.about),
            escape(described.name),
            kind(described),
            escape(&described.expected()),
            share(found.missing, reference.rows),
            escape(&values(found))
        );
    }
    html.push_str("</table>");
}

fn pairs<'a>(html: &mut String, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    html.push_str("<table>");
    for (name, value) in rows {
        let _ = write!(
            html,
            "<tr><th>{}</th><td style=\"text-align:left\"><code>{}</code></td></tr>",
            escape(name),
            escape(value)
        );
    }
    html.push_str("</table>");
}

/// A lineage's key in words, where it is one that this program writes.
fn lineage_name(key: &str) -> String {
    match key {
        "data" => "Data".to_owned(),
        "data_sha256" => "SHA-256 of the data file".to_owned(),
        "data_rows" => "Rows of the data file".to_owned(),
        "bad_rows" => "Rows that could not be read".to_owned(),
        "rows" => "Rows learned from".to_owned(),
        "held_out" => "Rows held out".to_owned(),
        other => other.to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn kind(feature: &Feature) -> String {
    let name = match feature.kind {
        Kind::Flag => "flag",
        Kind::Category(_) => "category",
        Kind::Integer { .. } => "whole number",
        Kind::Money { .. } => "amount",
    };
    feature.unit.map_or_else(|| name.to_owned(), |unit| format!("{name}, {unit}"))
}

fn values(found: &FeatureReference) -> String {
    match &found.distribution {
        Distribution::Words { counts } => {
            let all = counts.values().sum();
            let words = counts.iter().map(|(word, &count)| format!("{word} {}", share(count, all)));
            words.collect::<Vec<_>>().join(", ")
        }
        Distribution::Bins { edges, mean, standard_deviation, counts } => {
            if counts.iter().sum::<u64>() == 0 {
                return "none".to_owned();
            }
            let middle = format!("mean {mean:.2}, standard deviation {standard_deviation:.2}");
            match (edges.first(), edges.last()) {
                (Some(low), Some(high)) if low < high => format!("{low} to {high}, {middle}"),
                _ => middle,
            }
        }
    }
}

fn share(count: u64, of: u64) -> String {
    format!("{:.1} %", 100.0 * count as f64 / of.max(1) as f64)
}
