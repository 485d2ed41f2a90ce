//! What the gate lets pass, and what is written down of it.

use anyhow::{Context, Result};
use churn_registry::{Kind, Version};
use churn_wire::RetrainReason;
use serde_json::Value;

use crate::stack::{Stack, config, request, shipped};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_better_model_takes_the_champions_place_and_every_figure_is_written_down_first() -> Result<()> {
    let stack = Stack::new().await?;
    // The concept has turned round.
    stack.events(0..7_000, |_, left| !left).await?;
    let script = r#"echo "$CHURN_MODEL_VERSION after $CHURN_PREVIOUS_VERSION" > "$0""#;
    let told = tempfile::NamedTempFile::new()?;
    let after = ["sh", "-c", script, told.path().to_str().context("a path")?];
    let trainer = stack
        .trainer(churn_trainer::TrainerConfig { after_promotion: after.map(str::to_owned).into(), ..config() })
        .await?;
    stack.ask(&[request(1, RetrainReason::Performance, Some("v1"))]).await?;
    let answers = stack.answers(1).await?;
    let answer = &answers[0];
    assert_eq!((answer.status.as_str(), answer.candidate.as_deref()), ("promoted", Some("v2")), "{answer:?}");
    assert_eq!((answer.reason.as_str(), answer.requested_by.as_str()), ("performance", "monitor"));
    assert_eq!(stack.champion().await?, "v2");

    let training: Value = serde_json::from_str(answer.training.as_deref().context("training")?)?;
    assert!(training["learned_from"]["recent"].as_u64() > Some(5_500), "{training}");
    assert_eq!(training["learned_from"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(training["held_out"]["shipped"], 0, "{training}");
    let decision: Value = serde_json::from_str(answer.decision.as_deref().context("a decision")?)?;
    let of_row =
        |path: &str| decision.pointer(path).and_then(Value::as_f64).with_context(|| format!("{path}: {decision}"));
    assert!(of_row("/figures/log_loss/challenger")? < of_row("/figures/log_loss/champion")? - 0.2, "{decision}");
    let manifest = stack.registry.manifest(Kind::Model, "v2".parse::<Version>()?).await?;
    assert_eq!(serde_json::to_value(manifest.decision.context("a decision")?)?, decision, "the manifest says the same");
    assert_eq!(manifest.lineage["learned_from"], training["learned_from"]);
    let (stored, learner): (String, String) =
        sqlx::query_as("select decision::text, kind from churn.model where version = 'v2'")
            .fetch_one(stack.store.pool())
            .await?;
    assert_eq!(serde_json::from_str::<Value>(&stored)?, decision, "and so does churn.model");
    assert!(learner != "unknown", "{learner}");
    let [first, second] = [log_losses(&stack, "v1").await?, log_losses(&stack, "v2").await?];
    assert_eq!(second.test, of_row("/figures/log_loss/challenger")?, "those held out");
    let first_manifest = stack.registry.manifest(Kind::Model, "v1".parse::<Version>()?).await?;
    let of_first = |at: &str| Value::Object(first_manifest.metrics.clone()).pointer(at).and_then(Value::as_f64);
    assert_eq!(Some(first.test), of_first("/learners/0/metrics/log_loss"), "nobody was held out: those out of fold");
    assert_eq!(Some(first.training), of_first("/fitted/log_loss"));
    assert_eq!(Some(second.training), manifest.metrics["fitted"]["log_loss"].as_f64(), "those it was fitted on");
    assert!(first.training < first.test && second.training != second.test, "{first:?} {second:?}");

    churn_testkit::poll_until(crate::stack::PATIENCE, async || {
        Ok::<_, std::io::Error>(std::fs::read_to_string(told.path())?.trim() == "v2 after v1")
    })
    .await?;
    let metrics = trainer.metrics.render();
    assert!(metrics.contains("churn_trainer_trainings_total{outcome=\"promoted\"} 1"), "{metrics}");
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worse_model_is_refused_and_kept_with_the_reason() -> Result<()> {
    let stack = Stack::new().await?;
    // Those who may be learned from tell the opposite of the truth about those who are held out.
    stack.events(0..6_000, |held_out, left| left == held_out).await?;
    let trainer = stack.trainer(config()).await?;
    stack.ask(&[request(1, RetrainReason::Drift, Some("v1"))]).await?;
    let answer = &stack.answers(1).await?[0];
    assert_eq!((answer.status.as_str(), stack.champion().await?.as_str()), ("rejected", "v1"), "{answer:?}");
    for reason in ["not better by more than chance", "AUC", "calibration error"] {
        assert!(answer.detail.contains(reason), "no {reason} in {}", answer.detail);
    }
    let manifest = stack.registry.manifest(Kind::Model, "v2".parse::<Version>()?).await?;
    let decision = manifest.decision.context("a decision")?;
    assert!(!decision.passed && decision.reason == answer.detail, "{decision:?}");
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_trained_on_ends_in_a_row_that_says_why() -> Result<()> {
    let stack = Stack::new().await?;
    // Nobody leaves, and there is nothing else to learn from.
    stack.events(0..3_000, |_, _| false).await?;
    let unlabelled = churn_domain::csv::Customers { label: None, ..Default::default() };
    let mut config = config();
    config.gate_min_rows = 100;
    let trainer = stack.trainer_with(config.clone(), unlabelled).await?;
    stack.ask(&[request(1, RetrainReason::Manual, None)]).await?;
    let answer = &stack.answers(1).await?[0];
    assert_eq!((answer.status.as_str(), answer.requested_by.as_str()), ("failed", "operator"), "{answer:?}");
    assert!(answer.detail.contains("only 0 of the customers have churn = Yes"), "{}", answer.detail);
    assert!(answer.training.as_deref().is_some_and(|training| training.contains("sha256")), "{answer:?}");
    trainer.stop().await?;

    let few = Stack::new().await?;
    few.events(0..40, |_, left| left).await?;
    let trainer = few.trainer_with(config, churn_domain::csv::Customers { label: None, ..Default::default() }).await?;
    few.ask(&[request(1, RetrainReason::Manual, None)]).await?;
    let answer = &few.answers(1).await?[0];
    assert!(answer.status == "failed" && answer.detail.contains("held out of 40 labelled events"), "{answer:?}");
    assert!(!shipped().is_empty());
    trainer.stop().await
}

#[derive(Debug)]
struct LogLosses {
    training: f64,
    test: f64,
}

async fn log_losses(stack: &Stack, version: &str) -> Result<LogLosses> {
    let query =
        "select value from churn.model_metric where model_version = $1 and dataset = $2 and metric = 'log_loss'";
    let of = async |dataset: &str| -> Result<f64> {
        sqlx::query_scalar(query)
            .bind(version)
            .bind(dataset)
            .fetch_one(stack.store.pool())
            .await
            .with_context(|| format!("the {dataset} figures of {version}"))
    };
    Ok(LogLosses { training: of("training").await?, test: of("test").await? })
}
