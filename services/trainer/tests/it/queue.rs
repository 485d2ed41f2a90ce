//! Many requests, many trainers, one training at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use churn_runtime::config::HumanDuration;
use churn_store::Store;
use churn_testkit::poll_until;
use churn_trainer::{Step, TrainerConfig};
use churn_wire::{RetrainReason, RetrainRequest};

use crate::stack::{PATIENCE, Stack, config, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_requests_are_one_training_and_each_is_answered() -> Result<()> {
    let stack = Stack::new().await?;
    let reasons = [RetrainReason::Drift, RetrainReason::Performance, RetrainReason::Schedule, RetrainReason::Manual];
    let mut requests: Vec<RetrainRequest> =
        (0..10).map(|number| request(number, reasons[number as usize % 4], None)).collect();
    // The same one again is the same one.
    requests.push(requests[3].clone());
    // Nobody works before all of them have arrived: another has the lease until then.
    let token = stack.store.take_lease("trainer", "the test", PATIENCE).await?.context("nobody has the lease")?;
    let trainer = stack.trainer(config()).await?;
    stack.ask(&requests).await?;
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(open_count(&stack.store).await? == 10)).await?;
    stack.store.release_lease("trainer", token).await?;
    let answers = stack.answers(10).await?;
    let count = |status: &str| answers.iter().filter(|answer| answer.status == status).count();
    // Its data are those of the champion: no better, so the champion stays.
    assert_eq!((answers.len(), count("rejected"), count("merged")), (10, 1, 9), "{answers:?}");
    let begun = trainer.handle.happenings().iter().filter(|happening| happening.step == Step::Started).count();
    assert_eq!(begun, 1);
    let metrics = trainer.metrics.render();
    assert!(metrics.contains("churn_trainer_requests_total{reason=\"manual\"} 2"), "{metrics}");
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_that_was_killed_is_followed_by_another_that_finishes_its_work() -> Result<()> {
    let stack = Stack::new().await?;
    stack.events(0..7_000, |_, left| !left).await?;
    let slow = TrainerConfig { budget: HumanDuration::from_secs(30), ..config() };
    let first = stack.trainer(slow).await?;
    stack.ask(&[request(1, RetrainReason::Performance, Some("v1"))]).await?;
    let handle = first.handle.clone();
    poll_until(PATIENCE, async || handle.happenings().iter().any(|happening| happening.step == Step::Started)).await?;
    first.kill().await;
    let second = stack.trainer(TrainerConfig { group: "another".into(), ..config() }).await?;
    let answer = &stack.answers(1).await?[0];
    assert_eq!((answer.status.as_str(), answer.attempts), ("promoted", 2), "{answer:?}");
    let tokens: i64 = sqlx::query_scalar("select token from churn.lease").fetch_one(stack.store.pool()).await?;
    assert_eq!(tokens, 2, "the second has a token of its own");
    second.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_trainers_one_stands_by_until_the_other_is_gone() -> Result<()> {
    let stack = Stack::new().await?;
    let patient = TrainerConfig { lease: HumanDuration::from_secs(60), ..config() };
    let first = stack.trainer(patient.clone()).await?;
    let held = "\nchurn_trainer_lease_held 1";
    poll_until(PATIENCE, async || first.metrics.render().contains(held)).await?;
    let second = stack.trainer(TrainerConfig { group: "another".into(), ..patient }).await?;
    // It has looked at everything once, the lease among it.
    poll_until(PATIENCE, async || second.health.ready()).await?;
    assert!(!second.metrics.render().contains(held));
    // One that ends in order keeps nobody waiting for its lease.
    first.stop().await?;
    poll_until(Duration::from_secs(20), async || second.metrics.render().contains(held)).await?;
    second.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_training_that_is_stopped_waits_for_the_next_start_and_one_that_kills_is_given_up() -> Result<()> {
    let stack = Stack::new().await?;
    let slow = TrainerConfig { budget: HumanDuration::from_secs(60), ..config() };
    let first = stack.trainer(slow).await?;
    stack.ask(&[request(1, RetrainReason::Manual, None)]).await?;
    let handle = first.handle.clone();
    poll_until(PATIENCE, async || handle.happenings().iter().any(|happening| happening.step == Step::Started)).await?;
    first.stop().await?;
    let (status, attempts) = open(&stack.store).await?;
    assert_eq!((status.as_str(), attempts), ("requested", 0));
    // As if it had taken three trainers with it.
    sqlx::query("update churn.retrain_audit set status = 'running', attempts = 3").execute(stack.store.pool()).await?;
    let second = stack.trainer(TrainerConfig { group: "another".into(), ..config() }).await?;
    let answer = &stack.answers(1).await?[0];
    assert!(answer.status == "failed" && answer.detail.contains("begun 3 times"), "{answer:?}");
    second.stop().await
}

async fn open(store: &Store) -> Result<(String, i32)> {
    sqlx::query_as("select status, attempts from churn.retrain_audit")
        .fetch_one(store.pool())
        .await
        .context("the one request")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_that_was_stopped_between_a_promotion_and_its_account_is_followed_by_one_that_writes_it() -> Result<()>
{
    let stack = Stack::new().await?;
    let asked = request(1, RetrainReason::Performance, Some("v1"));
    stack.promote_by(&format!("trainer, request {}", asked.request_id), false).await?;
    let trainer = stack.trainer(config()).await?;
    // Of another complaint about the same champion there is nothing more to write.
    stack.ask(&[request(2, RetrainReason::Performance, Some("v1"))]).await?;
    assert_eq!(stack.answers(1).await?[0].status, "skipped");
    stack.ask(&[asked]).await?;
    let answers = stack.answers(2).await?;
    let promoted = answers.iter().find(|answer| answer.status == "promoted");
    let promoted = promoted.with_context(|| format!("{answers:?}"))?;
    assert_eq!((promoted.candidate.as_deref(), promoted.reason.as_str()), (Some("v2"), "performance"), "{answers:?}");
    assert!(trainer.handle.happenings().iter().all(|happening| happening.step != Step::Started), "nothing was trained");
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complaint_about_a_former_champion_is_answered_without_a_training() -> Result<()> {
    let stack = Stack::new().await?;
    stack.promote(false).await?;
    let trainer = stack.trainer(config()).await?;
    stack.ask(&[request(1, RetrainReason::Drift, Some("v1"))]).await?;
    let answer = &stack.answers(1).await?[0];
    assert_eq!(answer.status, "skipped", "{answer:?}");
    assert!(answer.detail.contains("about v1, and v2 is the champion"), "{}", answer.detail);
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cooldown_holds_alarms_back_and_not_people_and_a_bad_request_holds_nobody_up() -> Result<()> {
    let stack = Stack::new().await?;
    let rested = TrainerConfig { cooldown: HumanDuration::from_secs(3_600), ..config() };
    let trainer = stack.trainer(rested).await?;
    let nonsense = RetrainRequest { request_id: "no ulid".into(), ..request(1, RetrainReason::Manual, None) };
    stack.ask(&[nonsense, request(2, RetrainReason::Manual, None)]).await?;
    stack.answers(1).await?;
    stack.ask(&[request(3, RetrainReason::Drift, Some("v1"))]).await?;
    let waits = "\nchurn_trainer_waiting_requests 1";
    poll_until(PATIENCE, async || trainer.metrics.render().contains(waits)).await?;
    assert_eq!(open_count(&stack.store).await?, 1, "it waits for the cooldown");
    stack.ask(&[request(4, RetrainReason::Manual, None)]).await?;
    let answers = stack.answers(3).await?;
    assert_eq!(answers.iter().filter(|answer| answer.status == "merged").count(), 1, "{answers:?}");
    let metrics = trainer.metrics.render();
    assert!(metrics.contains("churn_dead_letters_total{class=\"undecodable\",stage=\"trainer\"} 1"), "{metrics}");
    trainer.stop().await
}

async fn open_count(store: &Store) -> Result<i64> {
    sqlx::query_scalar("select count(*) from churn.retrain_audit where status = 'requested'")
        .fetch_one(store.pool())
        .await
        .context("count the open requests")
}
