//! The trainer: a new model when one is asked for, and the champion's place only when it is better.
//!
//! Promise: each request is answered once and ends in a row of `churn.retrain_audit`, which says who asked, why, what was trained on
//! which rows, and what the gate said. Of any number of trainers one works at a time (a lease); one that dies is followed by another,
//! which finishes what was begun. The champion changes only through the gate, and returns by itself where the new one turns
//! out worse. A training takes few threads and steps back behind everything else. It knows none of the other parts.

mod config;
mod core;
mod data;
mod handle;
mod hook;
mod http;
mod lease;
mod metrics;
mod pipeline;
mod probation;
mod request;
mod schedule;
mod training;
mod worker;

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use churn_mlflow::Mirror;
use churn_registry::Registry;
use churn_runtime::CancellationToken;
use churn_runtime::clock::now_ms;
use churn_runtime::exit::Ending;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_store::Store;
use churn_stream::{Cluster, Retries};
use churn_wire::SchemaRegistry;
use tokio::sync::Notify;

pub use config::TrainerConfig;
pub use data::Baseline;
pub use handle::{Happening, Step, TrainerHandle};

use crate::core::Core;
use crate::hook::Programs;
use crate::http::Desk;
use crate::lease::Lease;
use crate::metrics::TrainerMetrics;
use crate::pipeline::Intake;
use crate::probation::Probation;
use crate::schedule::Schedule;
use crate::worker::Worker;

/// Name of the stage in progress, metrics and dead letters.
const STAGE: &str = "trainer";

/// A trainer that has joined its group and waits to run.
#[derive(Debug)]
pub struct Trainer {
    intake: Intake,
    worker: Worker,
    handle: TrainerHandle,
    desk: Desk,
}

/// What a trainer works with.
#[derive(Debug)]
pub struct Tools {
    /// Where the queue and the labelled rows are.
    pub store: Store,
    /// Where the models are.
    pub registry: Registry,
    /// The rows that the first model was fitted on.
    pub baseline: Baseline,
    /// The mirror that is to know of a decision before a promotion, where there is one.
    pub mirror: Option<Mirror>,
}

impl Trainer {
    /// Joins the group.
    ///
    /// # Errors
    /// Kafka is out of reach, or a setting cannot be used.
    pub async fn start(
        config: TrainerConfig,
        cluster: &Cluster,
        schemas: &Arc<SchemaRegistry>,
        tools: Tools,
        progress: &Progress,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let Tools { store, registry, baseline, mirror } = tools;
        let schedule =
            Schedule::parse(&config.schedule).map_err(Ending::usage).context("read the schedule (trainer.schedule)")?;
        let stage = progress.stage(STAGE);
        let topic = &cluster.topics().retrain_requests;
        let consumer = cluster
            .consumer(&stage, &config.group, &[topic])
            .await
            .map_err(Ending::of)
            .context("join the trainer's group")?;
        let (bell, handle, metrics) = (Arc::new(Notify::new()), TrainerHandle::default(), Parts::new(metrics));
        let lease = Lease::new(store.clone(), holder(), config.lease.get());
        let desk =
            Desk { store: store.clone(), metrics: metrics.own.clone(), handle: handle.clone(), bell: bell.clone() };
        let intake = Intake {
            cluster: cluster.clone(),
            consumer,
            schemas: schemas.clone(),
            store: store.clone(),
            stage,
            metrics: metrics.own.clone(),
            handle: handle.clone(),
            retries: metrics.retries,
            health: health.component("trainer"),
            bell: bell.clone(),
        };
        let baseline = Arc::new(baseline);
        let core = Core {
            config,
            store,
            registry,
            cluster: cluster.clone(),
            schemas: schemas.clone(),
            baseline,
            mirror,
            metrics: metrics.own,
            handle: handle.clone(),
        };
        let worker = Worker {
            core,
            lease,
            schedule,
            probation: Probation::default(),
            started_ms: now_ms(),
            bell,
            health: health.component("training"),
            programs: Programs::default(),
            versions_recorded: false,
        };
        Ok(Self { intake, worker, handle, desk })
    }

    /// Where its steps can be read while it runs and after.
    pub fn handle(&self) -> TrainerHandle {
        self.handle.clone()
    }

    /// The routes by which a training is asked for.
    pub fn routes(&self) -> Router {
        http::routes(self.desk.clone())
    }

    /// Waits for a Postgres that is away; then hears of requests and answers them until asked to stop. A training that is under way
    /// then is begun again at the next start.
    ///
    /// # Errors
    /// Going on would be wrong: Postgres refuses or lacks its tables, a setting is wrong, or records are gone.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        if !self.intake.await_tables(&stop).await? {
            return Ok(());
        }
        // The first to end takes the other with it.
        let both = stop.child_token();
        let (intake, worker) = (self.intake.run(both.clone()), self.worker.run(both.clone()));
        let ending = |result: anyhow::Result<()>| {
            both.cancel();
            result
        };
        let (heard, worked) = tokio::join!(async { ending(intake.await) }, async { ending(worker.await) });
        heard.and(worked)
    }
}

/// What counts.
struct Parts {
    own: TrainerMetrics,
    retries: Retries,
}

impl Parts {
    fn new(metrics: &Metrics) -> Self {
        Self { own: TrainerMetrics::new(metrics), retries: Retries::new(STAGE, metrics) }
    }
}

/// Tells this process from all others, for whoever looks at the lease.
fn holder() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".into());
    format!("{host}:{}:{}", std::process::id(), ulid::Ulid::generate())
}
