//! A champion that turns out worse than the one before.

use anyhow::{Context, Result};
use churn_registry::Kind;
use churn_store::Reign;
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
    stack.events(0..3_000, |_, left| !left).await?;
    poll_until(PATIENCE, async || {
        Ok::<_, anyhow::Error>(verdicts(&stack).await? == [(1, Some(false)), (2, Some(false))])
    })
    .await?;
    assert_eq!(stack.champion().await?, "v2");
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_a_trainer_was_lost_in_is_not_taken_again() -> Result<()> {
    let stack = Stack::new().await?;
    stack.promote(true).await?;
    looked(&stack, 1, None).await?;
    let trainer = stack.trainer(config()).await?;
    stack.events(0..3_000, |_, left| left).await?;
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.champion().await? == "v1")).await?;
    assert_eq!(verdicts(&stack).await?, [(1, None), (2, Some(true))]);
    let least: i64 = sqlx::query_scalar("select labelled_events from churn.probation_look where look = 2")
        .fetch_one(stack.store.pool())
        .await?;
    assert!(least >= 2_000, "the second look is at twice the rows of the first: {least}");
    trainer.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_that_nobody_acted_upon_is_acted_upon_by_the_next_trainer() -> Result<()> {
    let stack = Stack::new().await?;
    stack.promote(true).await?;
    looked(&stack, 4, Some(VERDICT)).await?;
    let trainer = stack.trainer(config()).await?;
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.champion().await? == "v1")).await?;
    let answer = &stack.answers(1).await?[0];
    assert!(answer.reason == "rollback" && answer.detail.contains("0.4000 instead of 0.8000"), "{answer:?}");
    trainer.stop().await
}

const VERDICT: &str = r#"{"passed": true, "reason": "better", "figures": {"rows": 8000, "positives": 2000,
    "log_loss": {"challenger": 0.4, "champion": 0.8, "difference": -0.4, "interval": null, "p_value": 0.001}, "auc": null,
    "ece": {"challenger": 0.01, "champion": 0.3, "difference": -0.29}, "slices": [], "microseconds": 1.0, "objections": []}}"#;

/// As a trainer leaves it that is lost in this look, or after it.
async fn looked(stack: &Stack, look: u32, verdict: Option<&str>) -> Result<()> {
    let champion = stack.registry.champion(Kind::Model).await?.context("a champion")?;
    let reign = Reign {
        manifest_hash: champion.manifest_sha256.clone(),
        promoted_at_ms: champion.promoted_at.as_millisecond(),
    };
    assert!(stack.store.begin_look(&reign, look, 1_000).await?);
    assert!(!stack.store.begin_look(&reign, look, 1_000).await?, "it is counted once");
    if let Some(verdict) = verdict {
        stack.store.end_look(&reign, look, verdict).await?;
    }
    Ok(())
}

/// The looks that were taken, and whether the predecessor passed.
async fn verdicts(stack: &Stack) -> Result<Vec<(i32, Option<bool>)>> {
    let query = "select look, (verdict ->> 'passed')::boolean from churn.probation_look order by look";
    Ok(sqlx::query_as(query).fetch_all(stack.store.pool()).await?)
}
