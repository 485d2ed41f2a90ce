//! A champion that turns out worse than the one before.

use anyhow::{Context, Result};
use churn_registry::Kind;
use churn_testkit::poll_until;
use churn_trainer::Step;

use crate::stack::{PATIENCE, Stack, config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_champion_that_is_worse_on_new_events_makes_way_for_its_predecessor_once() -> Result<()> {
    let stack = Stack::new().await?;
    // It passed, says its manifest; it knows the opposite of the truth.
    stack.promote(true).await?;
    assert_eq!(stack.champion().await?, "v2");
    let trainer = stack.trainer(config()).await?;
    tokio::time::sleep(std::time::Duration::from_millis(3_200)).await;
    stack.events(0..3_000, |_, left| left).await?;
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.champion().await? == "v1")).await?;
    let champion = stack.registry.champion(Kind::Model).await?.context("a champion")?;
    assert!(champion.by == "trainer" && champion.reason.contains("v1 is better than v2 on"), "{champion:?}");
    let answer = &stack.answers(1).await?[0];
    assert_eq!((answer.status.as_str(), answer.reason.as_str()), ("promoted", "rollback"), "{answer:?}");
    assert_eq!((answer.candidate.as_deref(), answer.requested_by.as_str()), (Some("v1"), "trainer"));
    assert!(answer.decision.as_deref().is_some_and(|decision| decision.contains("log_loss")), "{answer:?}");

    // It has returned, and is not on probation itself.
    stack.events(3_000..6_000, |_, left| !left).await?;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!((stack.champion().await?.as_str(), stack.answers(1).await?.len()), ("v1", 1));
    let back = trainer.handle.happenings().iter().filter(|happening| happening.step == Step::RolledBack).count();
    assert_eq!(back, 1);
    assert!(trainer.metrics.render().contains("churn_trainer_rollbacks_total 1"));
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_champion_that_is_better_on_new_events_stays() -> Result<()> {
    let stack = Stack::new().await?;
    stack.promote(true).await?;
    let trainer = stack.trainer(config()).await?;
    tokio::time::sleep(std::time::Duration::from_millis(3_200)).await;
    stack.events(0..3_000, |_, left| !left).await?;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(stack.champion().await?, "v2");
    trainer.stop().await
}
