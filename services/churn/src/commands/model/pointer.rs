//! Moving the champion.

use std::time::Duration;

use anyhow::Context;
use churn_registry::{Champion, Kind, Promotion, Registry};
use churn_runtime::clock::now_ms;
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::Ending;
use churn_wire::SchemaRegistry;
use serde::Serialize;

use super::{champion, operator, version};
use crate::app::{App, Shared};
use crate::commands::setup;
use crate::say;

/// How long Kafka may take to be reached for an announcement: the command has done its work by then.
const CONNECT: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize)]
struct Moved {
    kind: Kind,
    from: Option<String>,
    to: String,
    by: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    overridden: Option<String>,
    /// Whether running parts were told over Kafka; where not, they look by themselves (`scorer.model_poll`).
    announced: bool,
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
    answer(app, before.as_ref(), &after).await
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
    answer(app, Some(&before), &after).await
}

async fn answer(app: &App, before: Option<&Champion>, after: &Champion) -> anyhow::Result<()> {
    let moved = Moved {
        kind: after.kind,
        from: before.map(|champion| champion.version.to_string()),
        to: after.version.to_string(),
        by: after.by.clone(),
        reason: after.reason.clone(),
        overridden: after.overridden.clone(),
        announced: announce(app, before, after).await,
    };
    app.answer(&moved, |moved| {
        let from = moved.from.as_ref().map_or_else(String::new, |from| format!(" in the place of {from}"));
        let told = if moved.announced { "running parts were told" } else { "running parts find it by themselves" };
        format!("{} {} is the champion{from}; {told}", moved.kind, moved.to)
    })
}

/// Tells running parts, where a Kafka is configured; says whether they were. The pointer has moved, whatever comes of it.
async fn announce(app: &App, before: Option<&Champion>, after: &Champion) -> bool {
    let (config, Some(update)) = (app.config(), churn_updates::moved(before, after)) else { return false };
    if config.kafka.brokers.trim().is_empty() {
        return false;
    }
    let told = async {
        let mut config = config.clone();
        config.kafka.connect_timeout = config.kafka.connect_timeout.min(HumanDuration::from(CONNECT));
        let cluster = setup::connect_kafka(&config, &Shared::new()).await?;
        let schemas = SchemaRegistry::open(&config.schema_registry).context("open the schema registry")?;
        churn_updates::announce(&cluster, &schemas, &update).await.map_err(Ending::of)?;
        anyhow::Ok(())
    };
    match told.await {
        Ok(()) => true,
        Err(error) => {
            say::note(&format!("warning: the promotion was not announced, running parts find it later: {error:#}"));
            false
        }
    }
}
