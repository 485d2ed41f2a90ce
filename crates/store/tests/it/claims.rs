use anyhow::{Context, Result};
use churn_store::{Target, TopicPartition, WriteError};

use crate::batches::{SCORES, advance, outcomes, ready, scores};

#[tokio::test]
async fn a_first_claim_has_no_position_and_a_later_one_resumes() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    assert_eq!((claim.next_offset, claim.epoch), (None, 1));
    writer.write(&scores(0, 3), &outcomes(0, 0), &advance(&claim, 3)).await?;
    let (_successor, claim) = ready.owner().await?;
    assert_eq!((claim.next_offset, claim.epoch), (Some(3), 2));
    Ok(())
}

#[tokio::test]
async fn a_fenced_writer_writes_nothing() -> Result<()> {
    let ready = ready().await?;
    let (mut old, old_claim) = ready.owner().await?;
    old.write(&scores(0, 5), &outcomes(0, 0), &advance(&old_claim, 5)).await?;
    let (mut new, new_claim) = ready.owner().await?;

    let stale = churn_store::Claim { next_offset: Some(5), ..old_claim };
    let error = old.write(&scores(5, 5), &outcomes(5, 5), &advance(&stale, 10)).await.unwrap_err();
    // Its connection was ended, so the first it hears is either that or, after connecting again, that it is fenced.
    let error = match error {
        WriteError::Unavailable(_) => {
            old.write(&scores(5, 5), &outcomes(5, 5), &advance(&stale, 10)).await.unwrap_err()
        }
        error => error,
    };
    assert!(matches!(&error, WriteError::Fenced { partitions } if partitions == "customer-scores.v1[0]"), "{error}");
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 5);
    assert_eq!(ready.store.count_rows(Target::Outcome, "s").await?, 0);

    new.write(&scores(5, 5), &outcomes(0, 0), &advance(&new_claim, 10))
        .await
        .context("the successor is not disturbed")?;
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 10);
    Ok(())
}

#[tokio::test]
async fn a_fence_holds_without_the_end_of_the_connection() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    sqlx::query("update churn.consumer_offset set epoch = epoch + 1").execute(ready.store.pool()).await?;
    let error = writer.write(&scores(0, 5), &outcomes(0, 5), &advance(&claim, 5)).await.unwrap_err();
    assert!(matches!(error, WriteError::Fenced { .. }), "{error}");
    assert_eq!(ready.number("select count(*) from churn.scored_event").await?, 0);
    let open = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    assert_eq!(ready.number(open).await?, 0, "a refused batch holds no lock");
    Ok(())
}

#[tokio::test]
async fn a_batch_from_an_unexpected_position_writes_nothing() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    writer.write(&scores(0, 5), &outcomes(0, 0), &advance(&claim, 5)).await?;
    let error = writer.write(&scores(5, 5), &outcomes(0, 0), &advance(&claim, 10)).await.unwrap_err();
    assert!(matches!(error, WriteError::Fenced { .. }), "{error}");
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 5);
    Ok(())
}

#[tokio::test]
async fn a_paused_owner_is_ended_by_its_successor_and_blocks_nobody() -> Result<()> {
    let ready = ready().await?;
    let (mut paused, _) = ready.owner().await?;
    // Its rows lie in an open transaction, and hold their ids locked, for as long as it lives.
    let staged = paused.stage(&scores(0, 100), &outcomes(0, 100)).await?;
    let (mut successor, claim) = ready.owner().await?;
    let written = successor.write(&scores(0, 100), &outcomes(0, 100), &advance(&claim, 100)).await?;
    assert_eq!((written.rows, written.outcomes, written.duplicates), (100, 100, 0));
    let late = staged.commit(&advance(&churn_store::Claim { epoch: 1, ..claim }, 100)).await.unwrap_err();
    assert!(matches!(late, WriteError::Unavailable(_)), "{late}");
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 100);
    Ok(())
}

#[tokio::test]
async fn a_released_partition_changes_hands_without_the_end_of_a_connection() -> Result<()> {
    let ready = ready().await?;
    let mut first = ready.writer().await?;
    let (zero, one) = (TopicPartition::new(SCORES, 0), TopicPartition::new(SCORES, 1));
    let claims = first.claim(&[one.clone(), zero.clone()]).await?;
    assert_eq!(claims.iter().map(|claim| claim.partition).collect::<Vec<_>>(), [0, 1]);
    first.release(std::slice::from_ref(&one)).await?;
    let mut second = ready.writer().await?;
    let moved = second.claim(&[one]).await?;
    assert_eq!(moved[0].epoch, 2);
    first
        .write(&scores(0, 5), &outcomes(0, 0), &advance(&claims[0], 5))
        .await
        .context("the first goes on with what it kept")?;
    second.write(&scores(5, 5), &outcomes(0, 0), &advance(&moved[0], 5)).await?;
    Ok(())
}

#[tokio::test]
async fn a_fenced_writer_that_connects_again_leaves_its_successor_alone() -> Result<()> {
    let ready = ready().await?;
    let (mut old, old_claim) = ready.owner().await?;
    let (mut new, new_claim) = ready.owner().await?;
    for _ in 0..3 {
        assert!(old.write(&scores(0, 1), &outcomes(0, 0), &advance(&old_claim, 1)).await.is_err());
    }
    new.write(&scores(0, 1), &outcomes(0, 0), &advance(&new_claim, 1)).await.context("its connection still stands")?;
    Ok(())
}

#[tokio::test]
async fn positions_that_could_not_be_resolved_are_refused() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let twice = [advance(&claim, 1), advance(&claim, 2)].concat();
    let back = advance(&churn_store::Claim { next_offset: Some(5), ..claim }, 5);
    for offsets in [&[][..], &twice, &back] {
        let error = writer.write(&scores(0, 1), &outcomes(0, 0), offsets).await.unwrap_err();
        assert!(matches!(error, WriteError::Internal(_)), "{error}");
    }
    assert_eq!(ready.number("select count(*) from churn.scored_event").await?, 0);
    Ok(())
}
