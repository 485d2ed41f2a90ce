//! Deleting what nobody needs.

use anyhow::Context;
use churn_registry::{Keep, Kind, Registry, Sweep, Version};
use churn_runtime::clock::now_ms;
use churn_runtime::exit::Ending;
use serde::Serialize;

use crate::app::App;

#[derive(Debug, Serialize)]
struct Swept {
    dry_run: bool,
    #[serde(flatten)]
    sweep: Sweep,
}

pub(super) async fn sweep(
    app: &App,
    registry: &Registry,
    kind: Kind,
    keep: &Keep,
    dry_run: bool,
) -> anyhow::Result<()> {
    let swept =
        registry.sweep(kind, keep, now_ms(), dry_run).await.map_err(Ending::of).context("sweep the registry")?;
    app.answer(&Swept { dry_run, sweep: swept }, |swept| {
        let verb = if swept.dry_run { "would delete" } else { "deleted" };
        let Sweep { versions, abandoned, kept } = &swept.sweep;
        let mut text = format!("{verb} {}; kept {}", names(kind, versions), names(kind, kept));
        if !abandoned.is_empty() {
            text.push_str(&format!("; {verb} what dead publishers left of {}", names(kind, abandoned)));
        }
        text
    })
}

fn names(kind: Kind, versions: &[Version]) -> String {
    match versions {
        [] => format!("no {kind}"),
        versions => versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", "),
    }
}
