//! What a real MLflow is told by a trainer, and that one that is away holds up nothing.

use anyhow::{Context, Result};
use churn_mlflow::{Mirror, MlflowConfig};
use churn_runtime::config::HumanDuration;
use churn_testkit::{OwnMlflow, http_client};
use churn_wire::RetrainReason;
use serde_json::Value;

use crate::stack::{Stack, config, request};

async fn asked(mlflow: &OwnMlflow, call: &str) -> Result<Value> {
    let url = format!("{}/api/2.0/mlflow/{call}", mlflow.url());
    Ok(http_client().get(url).send().await?.error_for_status()?.json().await?)
}

/// The version that an alias points at.
async fn version_of(mlflow: &OwnMlflow, alias: &str) -> Result<Value> {
    let answer = asked(mlflow, &format!("registered-models/alias?name=churnstream-model&alias={alias}")).await?;
    answer.get("model_version").cloned().with_context(|| format!("no version in {answer}"))
}

/// What the gate said of a version, as its run tells it.
async fn gate_reason(mlflow: &OwnMlflow, version: &Value) -> Result<String> {
    let run = version["run_id"].as_str().with_context(|| format!("no run: {version}"))?;
    let run = asked(mlflow, &format!("runs/get?run_id={run}")).await?;
    let tags = run.pointer("/run/data/tags").and_then(Value::as_array).with_context(|| format!("no tags: {run}"))?;
    let reason = tags.iter().find(|tag| tag["key"] == "churn.gate_reason").and_then(|tag| tag["value"].as_str());
    Ok(reason.with_context(|| format!("no reason: {run}"))?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mlflow_knows_of_a_decision_before_the_pointer_moves_and_is_not_waited_for_when_it_is_away() -> Result<()> {
    let (mlflow, stack) = tokio::try_join!(OwnMlflow::start(), Stack::new())?;
    let timeout = HumanDuration::from_secs(60);
    let config_of = MlflowConfig { url: mlflow.url().to_owned(), timeout, ..MlflowConfig::default() };
    let mirror = Mirror::new(&config_of, stack.registry.clone())?;
    // The first model is known already: what is measured is the challenger's way.
    mirror.round().await?;
    stack.events(0..7_000, |_, left| !left).await?;
    let trainer = stack.mirrored_trainer(config(), mirror).await?;
    stack.ask(&[request(1, RetrainReason::Performance, Some("v1"))]).await?;
    let answer = &stack.answers(1).await?[0];
    assert_eq!((answer.status.as_str(), stack.champion().await?.as_str()), ("promoted", "v2"), "{answer:?}");
    // Nobody has mirrored since the challenger was published: MLflow stands where the registry stood before the promotion.
    let (challenger, champion) = (version_of(&mlflow, "challenger").await?, version_of(&mlflow, "champion").await?);
    assert_eq!((challenger["version"].as_str(), champion["version"].as_str()), (Some("2"), Some("1")));
    let told = gate_reason(&mlflow, &challenger).await?;
    assert!(answer.detail.contains(&told), "{told}: {}", answer.detail);

    mlflow.kill9().await?;
    stack.ask(&[request(2, RetrainReason::Manual, None)]).await?;
    let answers = stack.answers(2).await?;
    let second = answers.iter().find(|answer| answer.candidate.as_deref() == Some("v3"));
    assert!(second.is_some_and(|second| second.decision.is_some() && second.status != "failed"), "{answers:?}");
    trainer.stop().await
}
