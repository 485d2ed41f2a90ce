//! The servers of a demo: its own, or those that are configured.
//!
//! On a Kafka that is configured the demo makes topics, groups and schema subjects of its own, named after the time, and
//! deletes them at its end: it neither counts nor disturbs what others do there.

use std::sync::Arc;

use anyhow::Context;
use churn_runtime::clock::now_ms;
use churn_runtime::exit::{Ending, reasons};
use churn_store::private::PrivatePostgres;
use churn_store::{PostgresConfig, Store};
use churn_stream::Cluster;
use churn_synthesizer::OnStop;
use churn_wire::{SchemaRegistry, register_all};

use crate::app::{App, Shared};
use crate::commands::setup;
use crate::config::Config;

/// A broker, a Postgres and a schema registry that answer.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) cluster: Cluster,
    pub(crate) store: Store,
    pub(crate) schemas: Arc<SchemaRegistry>,
    postgres: PostgresConfig,
    private: Option<PrivatePostgres>,
}

impl Servers {
    pub(crate) async fn start(app: &App, shared: &Shared) -> anyhow::Result<Self> {
        let config = app.config();
        let ((private, postgres, store), (cluster, schemas)) =
            tokio::try_join!(postgres(config), kafka(config, shared))?;
        Ok(Self { cluster, store, schemas: Arc::new(schemas), postgres, private })
    }

    /// The configuration; on a database that outlives the run with a stream of its own, so that its rows are told from those of
    /// other runs. On its own server the same seed gives the same stream.
    pub(crate) fn demo_config(&self, config: &Config) -> Config {
        let mut config = config.clone();
        config.postgres = self.postgres.clone();
        config.kafka = self.cluster.config().clone();
        // Nothing comes after the demo.
        config.synthesizer.on_stop = OnStop::Send;
        if self.private.is_none() {
            config.synthesizer.stream = run_name();
        }
        config
    }

    /// Where a user finds them; a password is masked.
    pub(crate) fn places(&self) -> String {
        let password = self.private.as_ref().map(|private| private.folder().join("password"));
        let password = password.map(|file| format!(", its password in {}", file.display())).unwrap_or_default();
        format!("Kafka at {}, Postgres at {}{password}", self.cluster.brokers(), self.postgres.url)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.store.close().await;
        if !self.cluster.is_embedded() {
            self.tidy().await;
        }
        match self.private {
            Some(private) => private.stop().await.context("stop the private Postgres"),
            None => Ok(()),
        }
    }

    /// Deletes what the run made on servers that stay. What is left when that fails does no harm, and is named.
    async fn tidy(&self) {
        let topics = self.cluster.topics();
        if let Err(error) = self.cluster.delete_topics().await {
            tracing::warn!(
                error = reasons(&error),
                prefix = self.cluster.config().topic_prefix,
                "demo topics are left"
            );
        }
        if let Err(error) = self.schemas.delete_all(&setup::records(topics)).await {
            tracing::warn!(
                error = reasons(&error),
                prefix = self.cluster.config().topic_prefix,
                "demo subjects are left"
            );
        }
    }
}

/// Tells this run from all others, in one word.
fn run_name() -> String {
    format!("demo-{:x}", now_ms())
}

async fn postgres(config: &Config) -> anyhow::Result<(Option<PrivatePostgres>, PostgresConfig, Store)> {
    if !config.postgres.url.is_empty() {
        let store =
            Store::connect(&config.postgres).await.map_err(Ending::of).context("connect to Postgres (postgres.url)")?;
        return Ok((None, config.postgres.clone(), store));
    }
    let private = PrivatePostgres::start(&config.postgres.private)
        .await
        .map_err(Ending::of)
        .context("start a private Postgres")?;
    let config = private.configure(&config.postgres);
    let store = Store::connect(&config).await.map_err(Ending::of).context("connect to the private Postgres")?;
    Ok((Some(private), config, store))
}

async fn kafka(config: &Config, shared: &Shared) -> anyhow::Result<(Cluster, SchemaRegistry)> {
    if config.kafka.brokers.is_empty() {
        let cluster = Cluster::embedded(&config.kafka, &shared.progress).await.context("start the embedded broker")?;
        let schemas = SchemaRegistry::builtin();
        register_all(&schemas, &setup::records(cluster.topics()))
            .await
            .map_err(Ending::of)
            .context("register the schemas")?;
        return Ok((cluster, schemas));
    }
    let mut config = config.clone();
    config.kafka.topic_prefix = format!("{}{}-", config.kafka.topic_prefix, run_name());
    let cluster = setup::connect_kafka(&config, shared).await?;
    setup::create_topics(&cluster).await?;
    let schemas =
        SchemaRegistry::open(&config.schema_registry).context("open the schema registry (schema_registry.url)")?;
    register_all(&schemas, &setup::records(cluster.topics()))
        .await
        .map_err(Ending::of)
        .context("register the schemas")?;
    Ok((cluster, schemas))
}
