//! `churn retrain`: asks the trainer for a new model, and may wait for its answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::Ending;
use churn_store::{RequestStatus, Store};
use churn_stream::Outgoing;
use churn_wire::{RareRecord, Record, RetrainReason, RetrainRequest, SchemaRegistry, write_prefix};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tokio::task::block_in_place;
use ulid::Ulid;
use uuid::Uuid;

use super::setup;
use crate::app::{App, Shared};

/// Time for the broker to take the request.
const SEND_WITHIN: Duration = Duration::from_secs(20);
/// Time between two looks at the answer.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What to ask for.
#[derive(Debug, Args)]
pub(crate) struct Retrain {
    /// Why; it is kept with the request.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Waits for the answer: exit 0 with a new champion, 1 without one. Needs Postgres.
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait at most.
    #[arg(long, value_name = "TIME", default_value = "15m", requires = "wait")]
    pub(crate) timeout: HumanDuration,
}

#[derive(Debug, Serialize)]
struct Answer {
    request_id: String,
    /// `requested` without --wait; otherwise what became of it.
    status: String,
    detail: Option<String>,
    model_version: Option<String>,
    champion_version: Option<String>,
}

pub(super) async fn run(app: &App, args: &Retrain) -> anyhow::Result<()> {
    let id = Ulid::generate();
    send(app, id, &args.reason).await?;
    let status = if args.wait { Some(answer(app, id, args.timeout).await?) } else { None };
    let promoted = status.as_ref().is_none_or(|status| status.status == "promoted");
    let said = Answer {
        request_id: id.to_string(),
        status: status.as_ref().map_or_else(|| "requested".to_owned(), |status| status.status.clone()),
        detail: status.as_ref().and_then(|status| status.detail.clone()),
        model_version: status.as_ref().and_then(|status| status.candidate_version.clone()),
        champion_version: status.and_then(|status| status.champion_version),
    };
    app.answer(&said, |said| {
        let detail = said.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
        format!("request {} {}{detail}", said.request_id, said.status)
    })?;
    if promoted { Ok(()) } else { bail!("no new champion came of request {id}: {}", said.status) }
}

async fn send(app: &App, id: Ulid, why: &str) -> anyhow::Result<()> {
    let shared = Shared::new();
    let cluster = setup::connect_kafka(app.config(), &shared).await?;
    let schemas = SchemaRegistry::open(&app.config().schema_registry).map(Arc::new);
    let schemas = schemas.context("open the schema registry (schema_registry.url)")?;
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "operator".into());
    let request = RetrainRequest {
        request_id: id.to_string(),
        requested_at: now_ms(),
        reason: RetrainReason::Manual,
        champion_version: None,
        detail: Some(json!({ "by": user, "why": why }).to_string()),
    };
    let topic = cluster.topics().retrain_requests.clone();
    let schema = schemas.id_of(&topic, Record::RetrainRequest).await.map_err(Ending::of);
    let mut value = Vec::new();
    write_prefix(schema.context("look up the request's schema; `churn setup` registers it")?, &mut value);
    value.extend(request.encode().context("write the request")?);
    let mut producer =
        cluster.producer(&shared.progress.stage("retrain")).map_err(Ending::of).context("make a producer")?;
    block_in_place(|| {
        producer.send(Outgoing::new(&topic, request.request_id.as_bytes(), &value).at(request.requested_at))?;
        producer.flush(SEND_WITHIN)
    })
    .map_err(Ending::of)
    .context("send the request")
}

/// What became of the request, or of the one that it was merged into.
async fn answer(app: &App, id: Ulid, timeout: HumanDuration) -> anyhow::Result<RequestStatus> {
    let store = setup::connect_postgres(app.config()).await?;
    let (watch, mut id) = (Stopwatch::start(), Uuid::from_u128(id.0));
    let answered = loop {
        match status(&store, id).await? {
            Some(RequestStatus { merged_into: Some(other), .. }) => id = other,
            Some(status) if !["requested", "running"].contains(&status.status.as_str()) => break status,
            _ if watch.elapsed() >= timeout.get() => bail!(Ending::external(format!(
                "request {} has no answer after {timeout}; does a trainer run (`churn run trainer`)?",
                Ulid(id.as_u128())
            ))),
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    };
    store.close().await;
    Ok(answered)
}

async fn status(store: &Store, id: Uuid) -> anyhow::Result<Option<RequestStatus>> {
    store.request_status(id).await.map_err(Ending::of).context("look up the request")
}
