//! `churn run`: one part, or all of them, until asked to stop.
//!
//! The admin server answers before the first part starts, and is the last to close. From a request to stop on, one grace time
//! bounds everything: what is not drained by then is given up with exit code 1.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use churn_registry::{Kind, Registry};
use churn_runtime::CancellationToken;
use churn_runtime::exit::{Ending, reasons};
use churn_runtime::http::RunningServer;
use churn_runtime::shutdown::Shutdown;
use churn_serving::{ChampionWatch, ModelSlot};
use churn_store::Store;
use churn_stream::Cluster;
use churn_synth::Generator;
use churn_synthesizer::Source;
use churn_trainer::Trainer;
use churn_wire::SchemaRegistry;
use tokio::sync::Notify;

use super::{admin, setup};
use crate::app::{App, Shared};
use crate::bootstrap;
use crate::cli::PartName;
use crate::config::Config;
use crate::parts::{Platform, Running};

/// Time between two questions to a server whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Time between two attempts of the api to reach Kafka.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);
/// How long requests that are open at the end may take.
const CLOSE: Duration = Duration::from_secs(1);

pub(super) async fn run(app: &App, part: PartName) -> anyhow::Result<()> {
    let shutdown = Shutdown::install().context("listen for signals")?;
    shutdown.insist(app.grace());
    let work = async {
        match part {
            PartName::Api => api(app, &shutdown).await,
            _ => stream(app, part, &shutdown).await,
        }
    };
    let what = format!("{} (grace)", name(part));
    shutdown.grace(app.grace(), &what, work).await?
}

async fn stream(app: &App, part: PartName, shutdown: &Shutdown) -> anyhow::Result<()> {
    let mut shared = Shared::new();
    shared.trace(app.config())?;
    shared.health.expect(components(part).iter().copied());
    let platform = connect(app, part, shared).await?;
    let stop = shutdown.token();
    let source = if includes(part, PartName::Synthesizer) { Some(source(&platform).await?) } else { None };
    if includes(part, PartName::Scorer) || includes(part, PartName::Monitor) {
        platform.watch_models(includes(part, PartName::Scorer), &stop).await?;
    }
    // One mirror: of the parts that are told of MLflow's address, the trainer keeps it; a monitor where it alone is told.
    if part == PartName::Monitor {
        platform.mirror_models(&stop)?;
    }
    let trainer = if includes(part, PartName::Trainer) { Some(platform.trainer(&stop).await?) } else { None };
    let mut extra = trainer.as_ref().map_or_else(Router::new, Trainer::routes);
    if part == PartName::All {
        extra = extra.merge(platform.api(source.as_ref().map(|source| source.generator.clone())));
    }
    if includes(part, PartName::Synthesizer) {
        extra = extra.merge(platform.shared.scenarios.routes());
    }
    let server = serve(&name(part), app, &platform.shared, extra).await?;
    let result = parts(&platform, part, source, trainer, shutdown).await;
    platform.shared.traces.flush(CLOSE).await;
    close(result, server.stop(CLOSE).await)
}

/// Whether `part` is `one` or everything.
fn includes(part: PartName, one: PartName) -> bool {
    part == one || part == PartName::All
}

/// What a part depends on, and what it says itself: all of it must be up before `/readyz` is.
fn components(part: PartName) -> &'static [&'static str] {
    match part {
        PartName::Synthesizer => &["kafka", "synthesizer"],
        PartName::Scorer => &["kafka", "model", "scorer"],
        PartName::Sink => &["kafka", "database", "postgres", "sink"],
        PartName::Monitor => &["kafka", "model", "monitor"],
        PartName::Trainer => &["kafka", "database", "trainer", "training"],
        PartName::Api => &["model"],
        PartName::All => &[
            "kafka",
            "database",
            "model",
            "monitor",
            "postgres",
            "scorer",
            "sink",
            "synthesizer",
            "trainer",
            "training",
        ],
    }
}

async fn connect(app: &App, part: PartName, shared: Shared) -> anyhow::Result<Platform> {
    let config = app.config().clone();
    if includes(part, PartName::Sink) || includes(part, PartName::Trainer) {
        setup::require_postgres(&config)?;
    }
    let registry = app.registry().await?;
    let cluster = setup::connect_kafka(&config, &shared).await?;
    let schemas =
        SchemaRegistry::open(&config.schema_registry).context("open the schema registry (schema_registry.url)")?;
    Ok(Platform { config, cluster, schemas: Arc::new(schemas), registry, models: ModelSlot::new(), shared })
}

/// Runs the parts until the first of them ends, by itself or asked to, and drains the others with it.
async fn parts(
    platform: &Platform,
    part: PartName,
    source: Option<Source>,
    trainer: Option<Trainer>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut parts = Running::default();
    let stop = shutdown.token();
    ask_servers(platform, part, &stop)?;
    if includes(part, PartName::Sink) {
        let Some(sink) = platform.sink(&stop).await? else { return Ok(()) };
        parts.spawn("sink", sink.run(stop.clone()));
    }
    if includes(part, PartName::Scorer) {
        parts.spawn("scorer", platform.scorer().await?.run(stop.clone()));
    }
    if includes(part, PartName::Monitor) {
        platform.watch_warehouse(&stop)?;
        parts.spawn("monitor", platform.monitor().await?.run(stop.clone()));
    }
    if let Some(trainer) = trainer {
        parts.spawn("trainer", trainer.run(stop.clone()));
    }
    if let Some(source) = source {
        parts.spawn("synthesizer", platform.synthesizer(source).await?.run(stop.clone()));
    }
    let first = parts.next().await;
    shutdown.trigger("a part ended");
    let rest = parts.all().await;
    match (first, rest) {
        (Ok(_), rest) => rest,
        (Err(first), rest) => {
            told("another part failed", rest);
            Err(first)
        }
    }
}

/// Keeps asking the servers whether they are there, for `/readyz` of a part that may be idle.
fn ask_servers(platform: &Platform, part: PartName, stop: &CancellationToken) -> anyhow::Result<()> {
    let health = &platform.shared.health;
    let cluster = platform.cluster.clone();
    tokio::spawn(health.component("kafka").watch(ASK_EVERY, stop.clone(), async move || cluster.ping().await));
    if includes(part, PartName::Sink) || includes(part, PartName::Trainer) {
        let store = Store::unconnected(&platform.config.postgres).map_err(Ending::of)?;
        tokio::spawn(health.component("database").watch(ASK_EVERY, stop.clone(), async move || store.ping().await));
    }
    Ok(())
}

async fn api(app: &App, shutdown: &Shutdown) -> anyhow::Result<()> {
    let (shared, registry, models) = (Shared::new(), app.registry().await?, ModelSlot::new());
    shared.health.expect(components(PartName::Api).iter().copied());
    let generator = generator(&registry).await?;
    let mut watch = ChampionWatch::new(registry, models.clone(), shared.health.component("model"), &shared.metrics);
    // Without a usable model the api still runs and answers 503: it recovers by itself when a champion comes.
    if let Err(error) = watch.look().await {
        tracing::warn!(error = reasons(&error), "no model is in place");
    }
    let config = app.config();
    let news = news(app, &shared, &shutdown.token());
    tokio::spawn(watch.run(config.scorer.model_poll.get(), news, shutdown.token()));
    let routes = churn_api::routes(config.api.clone(), models, generator, &shared.metrics);
    let server = serve("api", app, &shared, routes).await?;
    tracing::info!(listen = %server.local_addr(), "the api answers");
    shutdown.requested().await;
    close(Ok(()), server.stop(app.grace()).await)
}

/// Listens for promotions in the background where a Kafka is configured: the api runs as well without.
fn news(app: &App, shared: &Shared, stop: &CancellationToken) -> Arc<Notify> {
    let (news, config) = (Arc::new(Notify::new()), app.config().clone());
    if config.kafka.brokers.trim().is_empty() {
        return news;
    }
    let (told, shared, stop) = (Arc::clone(&news), shared.clone(), stop.clone());
    tokio::spawn(async move {
        let connected = stop.run_until_cancelled(connect_for_news(&config, &shared)).await;
        let Some((cluster, schemas)) = connected else { return };
        let heard = churn_updates::listen(&cluster, &schemas, &shared.metrics, &stop);
        while stop.run_until_cancelled(heard.notified()).await.is_some() {
            told.notify_one();
        }
    });
    news
}

async fn connect_for_news(config: &Config, shared: &Shared) -> (Cluster, Arc<SchemaRegistry>) {
    loop {
        let connected = async {
            let schemas = SchemaRegistry::open(&config.schema_registry).context("open the schema registry")?;
            anyhow::Ok((setup::connect_kafka(config, shared).await?, Arc::new(schemas)))
        };
        match connected.await {
            Ok(connected) => return connected,
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "promotions are not heard; the slow poll finds them");
            }
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn serve(part: &str, app: &App, shared: &Shared, extra: Router) -> anyhow::Result<RunningServer> {
    admin::serve(part, app.config(), shared, extra, &CancellationToken::new()).await
}

/// The result of the work; what went wrong while closing is the answer only where nothing went wrong before.
fn close(work: anyhow::Result<()>, closed: Result<(), churn_runtime::http::HttpError>) -> anyhow::Result<()> {
    let closed = closed.context("stop the HTTP server");
    if work.is_err() {
        told("could not close in order", closed);
        return work;
    }
    closed
}

fn told(what: &'static str, result: anyhow::Result<()>) {
    if let Err(error) = result {
        tracing::error!(error = %format!("{error:#}"), "{what}");
    }
}

async fn generator(registry: &Registry) -> anyhow::Result<Option<Arc<Generator>>> {
    match registry.champion(Kind::Generator).await.map_err(Ending::of)? {
        Some(champion) => Ok(Some(Arc::new(bootstrap::load_generator(registry, &champion).await?))),
        None => Ok(None),
    }
}

async fn source(platform: &Platform) -> anyhow::Result<Source> {
    let registry = &platform.registry;
    let champion = registry.champion(Kind::Generator).await.map_err(Ending::of).context("look up the generator")?;
    let champion =
        champion.with_context(|| format!("{} has no generator; run `churn setup` first", registry.place()))?;
    let generator = Arc::new(bootstrap::load_generator(registry, &champion).await?);
    let generators = Arc::new(bootstrap::RegistryGenerators(registry.clone()));
    Ok(Source {
        generator,
        version: champion.version.to_string(),
        generators,
        scenarios: platform.shared.scenarios.clone(),
    })
}

fn name(part: PartName) -> String {
    format!("{part:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use churn_runtime::exit::Exit;
    use churn_runtime::http::HttpError;

    use super::*;

    #[test]
    fn an_error_while_closing_does_not_hide_that_of_the_part() {
        let cut_off = || Err(HttpError::Grace(CLOSE));
        let failed = close(Err(Ending::external("kafka is gone").into()), cut_off()).unwrap_err();
        assert_eq!(crate::exit::of(&failed), Exit::Unavailable);
        assert!(close(Ok(()), cut_off()).unwrap_err().to_string().contains("HTTP server"));
        assert!(close(Ok(()), Ok(())).is_ok());
    }
}
