//! In what two versions differ.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use churn_registry::{Kind, Manifest, Registry};
use churn_runtime::exit::Ending;
use serde::Serialize;
use serde_json::{Value, json};

use super::{list, version, version_or_champion};
use crate::app::App;

#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    /// Where, such as `metrics.auc` or `files.model.json`.
    path: String,
    /// What the one says; null where it says nothing.
    from: Value,
    /// What the other says.
    to: Value,
}

pub(super) async fn diff(
    app: &App,
    registry: &Registry,
    kind: Kind,
    from: &str,
    to: Option<&str>,
) -> anyhow::Result<()> {
    let (from, to) = (version(from)?, version_or_champion(registry, kind, to).await?);
    let manifest = async |version| registry.manifest(kind, version).await.map_err(Ending::of).context("read a version");
    let differences = differences(&manifest(from).await?, &manifest(to).await?);
    app.answer(&differences, |differences| match differences.is_empty() {
        true => format!("{kind} {from} and {to} do not differ"),
        false => differences
            .iter()
            .map(|difference| format!("{}: {} -> {}", difference.path, difference.from, difference.to))
            .collect::<Vec<_>>()
            .join("\n"),
    })
}

fn differences(from: &Manifest, to: &Manifest) -> Vec<Difference> {
    let (from, to) = (facts(from), facts(to));
    let paths: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let value = |facts: &BTreeMap<String, Value>, path: &String| facts.get(path).cloned().unwrap_or_default();
    let difference = |path: &String| {
        let (from, to) = (value(&from, path), value(&to, path));
        (from != to).then(|| Difference { path: path.clone(), from, to })
    };
    paths.into_iter().filter_map(difference).collect()
}

/// Everything that a version says of itself but its name and time, by path.
fn facts(manifest: &Manifest) -> BTreeMap<String, Value> {
    let mut facts = BTreeMap::from([("created_by".to_owned(), json!(manifest.created_by))]);
    let decision = manifest.decision.as_ref().and_then(|decision| match json!(decision) {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    let sections = [("params", &manifest.params), ("lineage", &manifest.lineage), ("metrics", &manifest.metrics)];
    for (title, section) in sections.into_iter().chain(decision.iter().map(|fields| ("decision", fields))) {
        facts.extend(list::flat(section).into_iter().map(|(key, value)| (format!("{title}.{key}"), value)));
    }
    facts.extend(manifest.files.iter().map(|file| (format!("files.{}", file.name), json!(file.sha256))));
    facts
}
