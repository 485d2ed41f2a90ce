//! `churn run`: one part, or all of them, until asked to stop.

use std::sync::Arc;

use anyhow::Context;
use churn_registry::Kind;
use churn_runtime::CancellationToken;
use churn_runtime::exit::Ending;
use churn_runtime::shutdown::Shutdown;
use churn_synthesizer::Source;
use churn_wire::SchemaRegistry;

use super::{admin, setup};
use crate::app::{App, Shared};
use crate::bootstrap;
use crate::cli::PartName;
use crate::parts::{Platform, Running};

pub(super) async fn run(app: &App, part: PartName) -> anyhow::Result<()> {
    let shutdown = Shutdown::install().context("listen for signals")?;
    let shared = Shared::new();
    let config = app.config().clone();
    let close = CancellationToken::new();
    let wanted = |name| part == name || part == PartName::All;
    let registry = app.registry()?;
    let models = churn_serving::ModelSlot::new();
    if part == PartName::Api {
        return api(app, &shutdown, &shared, registry, models).await;
    }
    let cluster = setup::connect_kafka(&config, &shared).await?;
    let schemas = Arc::new(
        SchemaRegistry::open(&config.schema_registry).context("open the schema registry (schema_registry.url)")?,
    );
    let platform = Platform { config, cluster, schemas, registry, models, shared };
    let mut parts = Running::default();
    let stop = shutdown.token();
    let source = if wanted(PartName::Synthesizer) { Some(source(&platform).await?) } else { None };
    if wanted(PartName::Scorer) || wanted(PartName::Monitor) {
        platform.watch_models(&stop).await?;
    }
    let extra = if part == PartName::All {
        platform.api(source.as_ref().map(|source| source.generator.clone()))
    } else {
        axum::Router::new()
    };
    let server = admin::serve(&name(part), &platform.config, &platform.shared, extra, &close).await?;
    if wanted(PartName::Sink) {
        setup::require_postgres(&platform.config)?;
        parts.spawn("sink", platform.sink().await?.run(stop.clone()));
    }
    if wanted(PartName::Scorer) {
        parts.spawn("scorer", platform.scorer().await?.run(stop.clone()));
    }
    if wanted(PartName::Monitor) {
        parts.spawn("monitor", platform.monitor().await?.run(stop.clone()));
    }
    if let Some(source) = source {
        parts.spawn("synthesizer", platform.synthesizer(source).await?.run(stop.clone()));
    }
    // The first part to end, by itself or asked to, ends the process: the others are drained with it.
    let first = parts.next().await;
    shutdown.trigger("a part ended");
    let rest = tokio::time::timeout(app.grace(), parts.all()).await;
    server.stop(std::time::Duration::from_secs(1)).await.map_err(|error| Ending::new(error.exit(), error))?;
    first?;
    rest.context("the parts did not stop in time (grace)")?
}

async fn api(
    app: &App,
    shutdown: &Shutdown,
    shared: &Shared,
    registry: churn_registry::Registry,
    models: churn_serving::ModelSlot,
) -> anyhow::Result<()> {
    let stop = shutdown.token();
    let generator = match registry.champion(Kind::Generator).await.map_err(Ending::of)? {
        Some(champion) => Some(Arc::new(bootstrap::load_generator(&registry, &champion).await?)),
        None => None,
    };
    let config = app.config();
    let health = shared.health.component("model");
    let mut watch = churn_serving::ChampionWatch::new(registry, models.clone(), health, &shared.metrics);
    // Without a usable model the api still runs and answers 503: it recovers by itself when a champion comes.
    if let Err(error) = watch.look().await {
        tracing::warn!(%error, "no model is in place");
    }
    tokio::spawn(watch.run(config.scorer.model_poll.get(), stop.clone()));
    let routes = churn_api::routes(config.api.clone(), models, generator, &shared.metrics);
    let server = admin::serve("api", config, shared, routes, &CancellationToken::new()).await?;
    tracing::info!(listen = %server.local_addr(), "the api answers");
    shutdown.requested().await;
    server.stop(app.grace()).await.map_err(|error| anyhow::Error::new(Ending::new(error.exit(), error)))
}

async fn source(platform: &Platform) -> anyhow::Result<Source> {
    let registry = &platform.registry;
    let champion = registry.champion(Kind::Generator).await.map_err(Ending::of).context("look up the generator")?;
    let champion =
        champion.with_context(|| format!("{} has no generator; run `churn setup` first", registry.place()))?;
    let generator = Arc::new(bootstrap::load_generator(registry, &champion).await?);
    Ok(Source { generator, version: champion.version.to_string() })
}

fn name(part: PartName) -> String {
    format!("{part:?}").to_lowercase()
}
