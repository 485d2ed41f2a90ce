//! Puts the parts together: what each of them needs, and how they run and stop in one process.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use churn_api::routes;
use churn_domain::csv::ReadOptions;
use churn_mlflow::Mirror;
use churn_monitor::Monitor;
use churn_registry::{Registry, Version};
use churn_runtime::CancellationToken;
use churn_runtime::exit::Ending;
use churn_scorer::Scorer;
use churn_serving::{ChampionWatch, ModelSlot, Shadowing};
use churn_sink::Sink;
use churn_store::Store;
use churn_stream::Cluster;
use churn_synth::Generator;
use churn_synthesizer::{Source, Synthesizer};
use churn_trainer::{Baseline, Tools, Trainer};
use churn_wire::SchemaRegistry;
use tokio::task::JoinSet;

use crate::app::Shared;
use crate::config::Config;
use crate::live_figures::LiveMirror;
use crate::{bootstrap, shipped, warehouse};

/// The servers that parts talk to, and what they share in this process.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
    pub(crate) schemas: Arc<SchemaRegistry>,
    pub(crate) registry: Registry,
    pub(crate) models: ModelSlot,
    pub(crate) shared: Shared,
}

impl Platform {
    /// Loads the champion and keeps looking for a new one until `stop`: whenever one is announced, and now and then. Where this
    /// process scores the stream, models are loaded into the champion's shadow as well.
    ///
    /// # Errors
    /// The champion is refused, or the registry cannot be read.
    pub(crate) async fn watch_models(&self, scores: bool, stop: &CancellationToken) -> anyhow::Result<()> {
        let health = self.shared.health.component("model");
        let mut watch = ChampionWatch::new(self.registry.clone(), self.models.clone(), health, &self.shared.metrics);
        if scores {
            watch = watch.with_shadows(self.shadowing()?, &self.shared.metrics);
        }
        watch.look().await.map_err(Ending::of).context("load the champion")?;
        let news = churn_updates::listen(&self.cluster, &self.schemas, &self.shared.metrics, stop);
        tokio::spawn(watch.run(self.config.scorer.model_poll.get(), news, stop.clone()));
        Ok(())
    }

    fn shadowing(&self) -> anyhow::Result<Shadowing> {
        let config = &self.config.scorer;
        let versions = config.shadow.iter().map(|version| version.parse::<Version>().map_err(Ending::usage));
        let versions = versions.collect::<Result<_, _>>().context("scorer.shadow")?;
        Ok(Shadowing { versions, predecessor: config.predecessor_shadow.get() })
    }

    /// Keeps MLflow up to date until `stop`, where one is configured. Nothing waits for it but a promotion, for a while.
    ///
    /// # Errors
    /// Its address cannot be used.
    pub(crate) fn mirror_models(&self, stop: &CancellationToken) -> anyhow::Result<Option<Mirror>> {
        if self.config.mlflow.url.is_empty() {
            return Ok(None);
        }
        let mirror = Mirror::new(&self.config.mlflow, self.registry.clone()).map_err(Ending::of)?;
        tokio::spawn(mirror.clone().run(stop.clone()));
        if !self.config.postgres.url.is_empty() {
            let live = LiveMirror {
                mirror: mirror.clone(),
                registry: self.registry.clone(),
                postgres: self.config.postgres.clone(),
                interval: self.config.mlflow.live_interval,
            };
            tokio::spawn(live.run(stop.clone()));
        }
        Ok(Some(mirror))
    }

    /// Shows what became of the warehouse's runs until `stop`, where there is a Postgres. Nothing waits for it.
    ///
    /// # Errors
    /// Its address cannot be used.
    pub(crate) fn watch_warehouse(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        if !self.config.postgres.url.is_empty() {
            let store = Store::unconnected(&self.config.postgres).map_err(Ending::of)?;
            tokio::spawn(warehouse::watch(store, self.shared.metrics.clone(), stop.clone()));
        }
        Ok(())
    }

    pub(crate) async fn synthesizer(&self, source: Source) -> anyhow::Result<Synthesizer> {
        let config = self.config.synthesizer.clone();
        let Shared { progress, metrics, health, .. } = &self.shared;
        Synthesizer::start(config, source, &self.cluster, &self.schemas, progress, metrics, health)
            .await
            .context("start the synthesizer")
            .map(|synthesizer| synthesizer.traced(&self.shared.traces))
    }

    pub(crate) async fn scorer(&self) -> anyhow::Result<Scorer> {
        let config = self.config.scorer.clone();
        let Shared { progress, metrics, health, .. } = &self.shared;
        Scorer::start(config, &self.cluster, &self.schemas, self.models.clone(), progress, metrics, health)
            .await
            .context("start the scorer")
            .map(|scorer| scorer.traced(&self.shared.traces))
    }

    /// None when it was asked to stop while it waited for Postgres.
    pub(crate) async fn sink(&self, stop: &CancellationToken) -> anyhow::Result<Option<Sink>> {
        let config = self.config.sink.clone();
        let Shared { progress, metrics, health, .. } = &self.shared;
        let sink =
            Sink::start(config, &self.cluster, &self.schemas, &self.config.postgres, progress, metrics, health, stop)
                .await
                .context("start the sink")?;
        Ok(sink.map(|sink| sink.traced(&self.shared.traces)))
    }

    pub(crate) async fn monitor(&self) -> anyhow::Result<Monitor> {
        let config = self.config.monitor.clone();
        let Shared { progress, metrics, health, .. } = &self.shared;
        let mut monitor =
            Monitor::start(config, &self.cluster, &self.schemas, self.models.clone(), progress, metrics, health)
                .await
                .context("start the monitor")?;
        if !self.config.postgres.url.is_empty() {
            let store = Store::unconnected(&self.config.postgres).map_err(Ending::of)?;
            monitor.look_up_in(store.clone());
            // The embedded broker begins with every process, and so does what is known of it.
            if !self.cluster.is_embedded() {
                monitor.remember_in(store);
            }
        }
        // A process has one monitor.
        let _ = self.shared.monitor.set(monitor.handle());
        Ok(monitor)
    }

    /// The trainer, and with it the one mirror of the registry.
    pub(crate) async fn trainer(&self, stop: &CancellationToken) -> anyhow::Result<Trainer> {
        let config = &self.config;
        let tools = Tools {
            store: Store::unconnected(&config.postgres).map_err(Ending::of)?,
            registry: self.registry.clone(),
            baseline: Baseline::new(
                shipped::customers(config.data.customers.as_deref(), ReadOptions::default())?,
                bootstrap::source(config),
            ),
            mirror: self.mirror_models(stop)?,
        };
        let Shared { progress, metrics, health, .. } = &self.shared;
        Trainer::start(config.trainer.clone(), &self.cluster, &self.schemas, tools, progress, metrics, health)
            .await
            .context("start the trainer")
    }

    pub(crate) fn api(&self, generator: Option<Arc<Generator>>) -> Router {
        routes(self.config.api.clone(), self.models.clone(), generator, &self.shared.metrics)
    }
}

/// Running parts, by name.
#[derive(Debug, Default)]
pub(crate) struct Running {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Running {
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        part: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, part.await) });
    }

    /// Waits for the next part to end; never, when none runs. A part that panicked is an error.
    ///
    /// # Errors
    /// Why the part failed, with its name.
    pub(crate) async fn next(&mut self) -> anyhow::Result<&'static str> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(ended) => {
                let (name, result) = ended.context("a part was torn down")?;
                result.map(|()| name).with_context(|| format!("the {name} failed"))
            }
        }
    }

    /// Waits until all parts have ended.
    ///
    /// # Errors
    /// The first failure; the others are logged.
    pub(crate) async fn all(&mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        while !self.tasks.is_empty() {
            match self.next().await {
                Ok(name) => tracing::info!(part = name, "drained"),
                Err(error) if first.is_ok() => first = Err(error),
                Err(error) => tracing::error!(error = %format!("{error:#}"), "another part failed"),
            }
        }
        first
    }
}
