//! `churn setup`: everything that has to be there before parts run. Safe to repeat, and to run twice at once.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, bail};
use churn_domain::csv::ReadOptions;
use churn_registry::Kind;
use churn_runtime::clock::now_ms;
use churn_runtime::exit::Ending;
use churn_runtime::shutdown::Shutdown;
use churn_store::{DAY_MS, Duty, Store};
use churn_stream::{Cluster, TopicReport, TopicState, Topics};
use churn_wire::{Plan, Record, SchemaRegistry, plan_all, register_all};
use serde::Serialize;

use crate::app::{App, Shared};
use crate::config::Config;
use crate::{bootstrap, shipped};

/// Partitions of the score tables are made for this time around now; a maintenance command goes on from there, and the default
/// partition takes what lies outside.
const BEFORE: Duration = Duration::from_secs(2 * 86_400);
const AHEAD: Duration = Duration::from_secs(14 * 86_400);

/// Below it, setting up would be all that is done.
const SHORTEST: Duration = Duration::from_secs(1);

/// One thing that was done, found done, or would be done.
#[derive(Debug, Serialize)]
struct Step {
    what: String,
    result: String,
}

#[derive(Debug, Default, Serialize)]
struct Steps(Vec<Step>);

impl Steps {
    fn add(&mut self, what: impl Into<String>, result: impl Into<String>) {
        self.0.push(Step { what: what.into(), result: result.into() });
    }

    fn topics(&mut self, topics: &[TopicReport]) -> anyhow::Result<()> {
        for topic in topics {
            let result = match topic.state {
                TopicState::Missing => "would be made".to_owned(),
                TopicState::Created => "made".to_owned(),
                TopicState::Existing => "stands".to_owned(),
                TopicState::WrongPartitions { have, want } => bail!(Ending::data(format!(
                    "topic {} has {have} partitions, expected {want}: set kafka.partitions to {have}, or make the topic anew",
                    topic.name
                ))),
            };
            let warning = topic.warning.as_ref().map(|warning| format!("; warning: {warning}")).unwrap_or_default();
            self.add(format!("topic {}", topic.name), result + &warning);
        }
        Ok(())
    }
}

pub(super) async fn run(app: &App, dry_run: bool) -> anyhow::Result<()> {
    let config = app.config();
    let mut steps = Steps::default();
    let cluster = connect_kafka(config, &Shared::new()).await?;
    let store = connect_postgres(config).await?;
    let registry = app.registry().await?;
    registry.check().await.map_err(Ending::of).context("write to the registry")?;
    let schemas =
        SchemaRegistry::open(&config.schema_registry).context("open the schema registry (schema_registry.url)")?;
    if config.schema_registry.url.is_empty() {
        steps.add("schema registry", "none (schema_registry.url): no other program can read the records");
    }
    if dry_run {
        plan(config, &cluster, &store, &schemas, &mut steps).await?;
        for kind in [Kind::Generator, Kind::Model] {
            let champion = registry.champion(kind).await.map_err(Ending::of)?;
            let result =
                champion.map_or_else(|| "would be made".to_owned(), |champion| format!("{} stands", champion.version));
            steps.add(format!("{kind}"), result);
        }
    } else {
        steps.topics(&create_topics(&cluster).await?)?;
        let topics = cluster.topics();
        for schema in
            register_all(&schemas, &records(topics)).await.map_err(Ending::of).context("register the schemas")?
        {
            steps.add(format!("schema {}", schema.subject), if schema.is_new { "registered" } else { "stands" });
        }
        for (what, result) in database(config, &store).await? {
            steps.add(what, result);
        }
        let bar = bootstrap::progress_bar();
        let (_, generator) = bootstrap::generator(&registry, config, &bar).await?;
        steps.add("generator", format!("{} stands", generator.version));
        let trained = bootstrap::model(&registry, config, &bar).await?;
        steps.add("model", if trained { "trained and promoted" } else { "stands" });
        bar.finish_and_clear();
    }
    store.close().await;
    app.answer(&steps, |steps| {
        steps.0.iter().map(|step| format!("{}: {}", step.what, step.result)).collect::<Vec<_>>().join("\n")
    })
}

/// [`run`] at once and then every so often, until SIGTERM. The first time has to succeed; a later one that fails is said, and tried
/// again sooner.
pub(super) async fn keep(app: &App, every: Duration) -> anyhow::Result<()> {
    if every < SHORTEST {
        bail!(Ending::usage("--every needs a second or more, such as 12h"));
    }
    let shutdown = Shutdown::install().context("listen for signals")?;
    let mut pause = every;
    run(app, false).await?;
    loop {
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        // To its end: a migration is not left half-way for a signal.
        pause = match run(app, false).await {
            Ok(()) => every,
            Err(error) => {
                tracing::error!(error = %format!("{error:#}"), "setup failed; it is tried again");
                every / 10
            }
        };
    }
}

/// Tables, partitions and reference rows.
///
/// # Errors
/// The server refuses, or the data cannot be read.
pub(crate) async fn database(config: &Config, store: &Store) -> anyhow::Result<Vec<(String, String)>> {
    let mut done = Vec::new();
    let applied = store.migrate().await.map_err(Ending::of).context("migrate the database")?;
    done.push(("migrations".into(), format!("{} stand", applied.applied.len())));
    let made = store.ensure_partitions(around_now(), DAY_MS).await.map_err(Ending::of).context("make partitions")?;
    done.push(("partitions".into(), format!("{} made", made.len())));
    let customers = shipped::customers(config.data.customers.as_deref(), ReadOptions::default())?;
    let loaded = store.load_reference(&customers).await.map_err(Ending::of).context("load the reference customers")?;
    done.push(("reference customers".into(), format!("{loaded} loaded")));
    Ok(done)
}

/// Connects to the configured cluster.
///
/// # Errors
/// None is configured, or it does not answer.
pub(crate) async fn connect_kafka(config: &Config, shared: &Shared) -> anyhow::Result<Cluster> {
    if config.kafka.brokers.is_empty() {
        bail!(Ending::usage("no Kafka is configured: set kafka.brokers (CHURN__KAFKA__BROKERS), or try `churn demo`"));
    }
    Cluster::connect(&config.kafka, &shared.progress)
        .await
        .map_err(Ending::of)
        .context("connect to Kafka (kafka.brokers)")
}

/// Says what to do where no Postgres is configured.
///
/// # Errors
/// None is.
pub(crate) fn require_postgres(config: &Config) -> anyhow::Result<()> {
    if config.postgres.url.is_empty() {
        bail!(Ending::usage("no Postgres is configured: set postgres.url (CHURN__POSTGRES__URL), or try `churn demo`"));
    }
    Ok(())
}

/// Connects to the configured database.
///
/// # Errors
/// None is configured, or it does not answer.
pub(crate) async fn connect_postgres(config: &Config) -> anyhow::Result<Store> {
    require_postgres(config)?;
    Store::connect(&config.postgres).await.map_err(Ending::of).context("connect to Postgres (postgres.url)")
}

/// Creates the topics that are missing.
///
/// # Errors
/// The cluster refuses, or topics that are joined by key have unequal numbers of partitions.
pub(crate) async fn create_topics(cluster: &Cluster) -> anyhow::Result<Vec<TopicReport>> {
    let reports = cluster
        .create_topics(&cluster.topics().specs(cluster.config()))
        .await
        .map_err(Ending::of)
        .context("create the topics")?;
    cluster.check_co_partitioned().await.map_err(Ending::of).context("compare the topics")?;
    Ok(reports)
}

/// What each topic holds.
pub(crate) fn records(topics: &Topics) -> [(&str, Record); 6] {
    [
        (&topics.events, Record::CustomerEvent),
        (&topics.outcomes, Record::CustomerOutcome),
        (&topics.scores, Record::CustomerScore),
        (&topics.shadow, Record::CustomerScore),
        (&topics.retrain_requests, Record::RetrainRequest),
        (&topics.model_updates, Record::ModelUpdate),
    ]
}

async fn plan(
    config: &Config,
    cluster: &Cluster,
    store: &Store,
    schemas: &SchemaRegistry,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let topics = cluster
        .inspect_topics(&cluster.topics().specs(cluster.config()))
        .await
        .map_err(Ending::of)
        .context("look at the topics")?;
    steps.topics(&topics)?;
    let planned =
        plan_all(schemas, &records(cluster.topics())).await.map_err(Ending::of).context("compare the schemas")?;
    for schema in planned {
        let result = match schema.plan {
            Plan::Registered(id) => format!("stands, id {id}"),
            Plan::Register => "would be registered".into(),
            Plan::Incompatible(reason) => bail!(Ending::data(format!("schema {}: {reason}", schema.subject))),
        };
        steps.add(format!("schema {}", schema.subject), result);
    }
    store.check_permissions(Duty::Setup).await.map_err(Ending::of).context("check the permissions in Postgres")?;
    steps.add("permissions in Postgres", "sufficient");
    let status = store.migration_status().await.map_err(Ending::of).context("look at the migrations")?;
    steps.add("migrations", format!("{} stand, {} would be applied", status.applied.len(), status.pending.len()));
    let customers = shipped::customers(config.data.customers.as_deref(), ReadOptions::default())?;
    steps.add("reference customers", format!("{} would be loaded where missing", customers.len()));
    Ok(())
}

fn around_now() -> Range<i64> {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    now_ms() - ms(BEFORE)..now_ms() + ms(AHEAD)
}
