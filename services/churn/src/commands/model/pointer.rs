//! Moving the champion.

use anyhow::Context;
use churn_registry::{Champion, Kind, Promotion, Registry};
use churn_runtime::clock::now_ms;
use churn_runtime::exit::Ending;
use serde::Serialize;

use super::{champion, operator, version};
use crate::app::App;

#[derive(Debug, Serialize)]
struct Moved {
    kind: Kind,
    from: Option<String>,
    to: String,
    by: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    overridden: Option<String>,
}

pub(super) async fn promote(
    app: &App,
    registry: &Registry,
    kind: Kind,
    wanted: &str,
    overridden: Option<String>,
) -> anyhow::Result<()> {
    let wanted = version(wanted)?;
    if overridden.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Ending::usage("--override wants a reason, which is recorded").into());
    }
    let before = registry.champion(kind).await.map_err(Ending::of).context("look up the champion")?;
    let reason = match &overridden {
        Some(_) => "the operator overrode the gate",
        None => "the gate let it pass",
    };
    let promotion = Promotion {
        kind,
        version: wanted,
        by: operator("churn model promote"),
        reason: reason.into(),
        overridden,
        at_ms: now_ms(),
    };
    let after = registry.promote(&promotion, before.as_ref()).await.map_err(Ending::of)?;
    answer(app, before.as_ref(), &after)
}

pub(super) async fn roll_back(
    app: &App,
    registry: &Registry,
    kind: Kind,
    to: Option<&str>,
    reason: &str,
) -> anyhow::Result<()> {
    let to = to.map(version).transpose()?;
    let before = champion(registry, kind).await?;
    let by = operator("churn model rollback");
    let after = registry.roll_back(&before, to, &by, reason, now_ms()).await.map_err(Ending::of)?;
    answer(app, Some(&before), &after)
}

fn answer(app: &App, before: Option<&Champion>, after: &Champion) -> anyhow::Result<()> {
    let moved = Moved {
        kind: after.kind,
        from: before.map(|champion| champion.version.to_string()),
        to: after.version.to_string(),
        by: after.by.clone(),
        reason: after.reason.clone(),
        overridden: after.overridden.clone(),
    };
    app.answer(&moved, |moved| {
        let from = moved.from.as_ref().map_or_else(String::new, |from| format!(" in the place of {from}"));
        format!("{} {} is the champion{from}; running parts swap to it by themselves", moved.kind, moved.to)
    })
}
