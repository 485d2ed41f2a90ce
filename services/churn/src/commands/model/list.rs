//! What there is.

use anyhow::Context;
use churn_registry::{Champion, Kind, Manifest, Registry, Version};
use churn_runtime::exit::Ending;
use serde::Serialize;
use serde_json::{Map, Value};

use super::version_or_champion;
use crate::app::App;

#[derive(Debug, Serialize)]
struct Listed {
    version: Version,
    champion: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    files: usize,
    /// What the gate said: passed or refused; missing where it was never asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<&'static str>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Listed {
    fn of(version: Version, manifest: Result<Manifest, impl ToString>, champion: Option<&Champion>) -> Self {
        let champion = champion.is_some_and(|champion| champion.version == version);
        let bare = Self { version, champion, created_at: None, created_by: None, files: 0, gate: None, problem: None };
        match manifest {
            Err(error) => Self { problem: Some(error.to_string()), ..bare },
            Ok(manifest) => Self {
                created_at: Some(manifest.created_at.to_string()),
                gate: manifest.decision.map(|decision| if decision.passed { "passed" } else { "refused" }),
                created_by: Some(manifest.created_by),
                files: manifest.files.len(),
                ..bare
            },
        }
    }

    fn line(&self) -> String {
        let mark = if self.champion { "champion" } else { "" };
        let version = self.version.to_string();
        match (&self.problem, &self.created_at, &self.created_by) {
            (None, Some(at), Some(by)) => {
                format!("{version:6} {at:30} {by:20} {:8} {mark}", self.gate.unwrap_or("")).trim_end().to_owned()
            }
            (problem, ..) => format!("{version:6} {} {mark}", problem.as_deref().unwrap_or("")).trim_end().to_owned(),
        }
    }
}

pub(super) async fn list(app: &App, registry: &Registry, kind: Kind) -> anyhow::Result<()> {
    let champion = registry.champion(kind).await.map_err(Ending::of).context("look up the champion")?;
    let mut listed = Vec::new();
    for version in registry.list(kind).await.map_err(Ending::of).with_context(|| format!("list the {kind}s"))? {
        listed.push(Listed::of(version, registry.manifest(kind, version).await, champion.as_ref()));
    }
    app.answer(&listed, |listed| match listed.is_empty() {
        true => format!("{} has no {kind}s; `churn setup` makes the first", registry.place()),
        false => listed.iter().map(Listed::line).collect::<Vec<_>>().join("\n"),
    })
}

#[derive(Debug, Serialize)]
struct Shown {
    champion: bool,
    manifest_sha256: String,
    manifest: Manifest,
    /// How it became champion, and those before it, where it is the champion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<Champion>,
}

pub(super) async fn show(app: &App, registry: &Registry, kind: Kind, version: Option<&str>) -> anyhow::Result<()> {
    let version = version_or_champion(registry, kind, version).await?;
    let artifact = registry.load(kind, version).await.map_err(Ending::of).context("load the version")?;
    let pointer = registry.champion(kind).await.map_err(Ending::of).context("look up the champion")?;
    let pointer = pointer.filter(|champion| champion.version == version);
    let champion = pointer.is_some();
    let shown = Shown { champion, manifest_sha256: artifact.manifest_sha256, manifest: artifact.manifest, pointer };
    app.answer(&shown, text)
}

fn text(shown: &Shown) -> String {
    let Manifest { kind, version, created_at, created_by, params, lineage, metrics, decision, files, .. } =
        &shown.manifest;
    let mut lines = vec![
        format!("{kind} {version}{}", if shown.champion { ", the champion" } else { "" }),
        format!("made      {created_at} by {created_by}"),
        format!("manifest  {}", shown.manifest_sha256),
    ];
    if let Some(champion) = &shown.pointer {
        lines.push(format!("promoted  {} by {}: {}", champion.promoted_at, champion.by, champion.reason));
        lines.extend(champion.overridden.as_ref().map(|reason| format!("          past the gate, because {reason}")));
        let former = champion.history.iter().map(|former| former.reign.version.to_string()).collect::<Vec<_>>();
        if !former.is_empty() {
            lines.push(format!("before    {}", former.join(", ")));
        }
    }
    if let Some(decision) = decision {
        let said = if decision.passed { "passed" } else { "refused" };
        lines.push(format!("gate      {said} against {}: {}", decision.against, decision.reason));
    }
    for (title, section) in [("params", params), ("lineage", lineage), ("metrics", metrics)] {
        lines.extend(flat(section).into_iter().map(|(key, value)| format!("{title:9} {key} = {value}")));
    }
    lines.extend(files.iter().map(|file| format!("file      {} {} bytes {}", file.name, file.size, file.sha256)));
    lines.join("\n")
}

/// Nested objects as paths with their values.
pub(super) fn flat(section: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut flattened = Vec::new();
    for (key, value) in section {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                flattened.extend(flat(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => flattened.push((key.clone(), value.clone())),
        }
    }
    flattened
}
