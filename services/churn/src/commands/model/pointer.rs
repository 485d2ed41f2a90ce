//! Moving the champion.

use std::time::Duration;

use anyhow::Context;
use churn_registry::{Champion, Kind, Promotion, Registry, RegistryError};
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

/// The version that was to be promoted is the champion: nothing was done.
#[derive(Debug, Serialize)]
struct Unchanged {
    kind: Kind,
    from: String,
    to: String,
    unchanged: bool,
    /// Since when.
    promoted_at: String,
    by: String,
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
    let found = registry.champion(kind).await;
    // With a reason it is promoted anew: a champion that running parts have refused is then tried again.
    if let (Ok(Some(champion)), None) = (&found, &overridden)
        && champion.version == wanted
    {
        return unchanged(app, champion);
    }
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
    let before = match found {
        Ok(before) => before,
        Err(RegistryError::Untrusted { .. } | RegistryError::Corrupt { .. }) if promotion.overridden.is_some() => {
            let after = registry.promote_over_damage(&promotion).await.map_err(Ending::of)?;
            return answer(app, None, &after).await;
        }
        Err(error @ (RegistryError::Untrusted { .. } | RegistryError::Corrupt { .. })) => {
            let way_out = "look up the champion; --override \"reason\" puts a new pointer in the place of this one";
            return Err(Ending::of(error)).context(way_out);
        }
        Err(error) => return Err(Ending::of(error)).context("look up the champion"),
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

fn unchanged(app: &App, champion: &Champion) -> anyhow::Result<()> {
    let said = Unchanged {
        kind: champion.kind,
        from: champion.version.to_string(),
        to: champion.version.to_string(),
        unchanged: true,
        promoted_at: champion.promoted_at.to_string(),
        by: champion.by.clone(),
    };
    app.answer(&said, |said| {
        format!(
            "{} {} is the champion already, since {} by {}: nothing is changed; --override \"reason\" promotes it anew",
            said.kind, said.to, said.promoted_at, said.by
        )
    })
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
