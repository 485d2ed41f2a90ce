//! `churn metrics`: what the parts show at `/metrics`, from the one place where it is declared.

use std::fmt::Write;

use anyhow::Context;
use churn_runtime::metrics::{LABELS, Label, MetricSpec, catalogue};
use serde::Serialize;

use crate::cli::{Global, MetricsCommand};
use crate::say;

/// Everything that is declared.
#[derive(Serialize)]
struct Reference {
    metrics: Vec<Documented>,
    labels: &'static [Label],
}

#[derive(Serialize)]
struct Documented {
    #[serde(flatten)]
    spec: &'static MetricSpec,
    most_series: usize,
}

pub(super) fn run(command: MetricsCommand, global: &Global) -> anyhow::Result<()> {
    let MetricsCommand::Reference = command;
    let metrics = catalogue().iter().map(|spec| Documented { spec, most_series: spec.most_series() }).collect();
    let reference = Reference { metrics, labels: LABELS };
    let text = if global.json {
        serde_json::to_string_pretty(&reference).context("write the answer as JSON")?
    } else {
        page(&reference).context("write the page")?
    };
    say::answer(&text).context("write the answer")
}

/// docs/metrics.md.
fn page(reference: &Reference) -> Result<String, std::fmt::Error> {
    let mut page = String::from(
        "# Metrics\n\n\
         Made by `churn metrics reference > docs/metrics.md`; a test fails where the two differ. Every part shows its own at `/metrics`. \
         *Most series* is how many time series one process gives at most.\n\n\
         | name | type | unit | labels | most series | meaning |\n|---|---|---|---|---|---|\n",
    );
    for Documented { spec, most_series } in &reference.metrics {
        let (kind, unit) = (word(&spec.kind), word(&spec.unit));
        let labels: Vec<String> = spec.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(
            page,
            "| `{}` | {kind} | {unit} | {} | {most_series} | {} |",
            spec.name,
            labels.join(", "),
            spec.help
        )?;
    }
    page.push_str("\n## Labels\n\n| label | most values | values |\n|---|---|---|\n");
    for label in reference.labels {
        writeln!(page, "| `{}` | {} | {} |", label.name, label.most, label.values)?;
    }
    // The answer ends in a line break of its own.
    page.truncate(page.trim_end().len());
    Ok(page)
}

/// The word that JSON has for it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
