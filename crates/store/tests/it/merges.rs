use anyhow::Result;
use churn_domain::ScoreId;
use churn_store::{Claim, Conflict, Target};

use crate::batches::{advance, outcomes, ready, scores};

fn at(claim: &Claim, next_offset: i64) -> Claim {
    Claim { next_offset: Some(next_offset), ..claim.clone() }
}

#[tokio::test]
async fn a_redelivered_batch_inserts_no_duplicates() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    writer.write(&scores(0, 50), &outcomes(0, 50), &advance(&claim, 50)).await?;
    let again = writer.write(&scores(25, 50), &outcomes(25, 50), &advance(&at(&claim, 50), 100)).await?;
    assert_eq!((again.rows, again.outcomes, again.duplicates, again.conflicts.len()), (25, 25, 50, 0));
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 75);
    // The same connection takes plain batches and merges in turn.
    let plain = writer.write(&scores(75, 5), &outcomes(75, 5), &advance(&at(&claim, 100), 105)).await?;
    assert_eq!((plain.rows, plain.duplicates), (5, 0));
    let third = writer.write(&scores(70, 10), &outcomes(0, 0), &advance(&at(&claim, 105), 110)).await?;
    assert_eq!((third.rows, third.duplicates), (0, 10));
    Ok(())
}

#[tokio::test]
async fn a_score_under_a_newer_model_is_a_duplicate_and_the_first_stands() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    writer.write(&scores(0, 5), &outcomes(0, 0), &advance(&claim, 5)).await?;
    let mut newer = scores(0, 5);
    newer.probability.fill(0.99);
    newer.model_version = Default::default();
    (0..5).for_each(|_| newer.model_version.push(Some("v2")));
    newer.lineage.offset.fill(77);
    let written = writer.write(&newer, &outcomes(0, 0), &advance(&at(&claim, 5), 10)).await?;
    assert_eq!((written.rows, written.duplicates, written.conflicts.len()), (0, 5, 0));
    assert_eq!(ready.number("select count(*) from churn.scored_event where model_version = 'v1'").await?, 5);
    Ok(())
}

#[tokio::test]
async fn other_content_under_a_stored_id_is_a_conflict_and_the_first_stands() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    writer.write(&scores(0, 5), &outcomes(0, 5), &advance(&claim, 5)).await?;
    let (mut changed, mut denied) = (scores(0, 6), outcomes(0, 6));
    changed.event.customer_id = [Some("somebody else")].into_iter().chain((1..6).map(|_| None)).collect();
    let original = scores(0, 6);
    changed.event.customer_id.truncate(1);
    (1..6).for_each(|row| changed.event.customer_id.push_from(&original.event.customer_id, row));
    denied.churned[2] = !denied.churned[2];
    let written = writer.write(&changed, &denied, &advance(&at(&claim, 5), 11)).await?;
    let conflicts = [Conflict { which: Target::Score, row: 0 }, Conflict { which: Target::Outcome, row: 2 }];
    assert_eq!(written.conflicts, conflicts);
    assert_eq!((written.rows, written.outcomes, written.duplicates), (1, 1, 8));
    assert_eq!(ready.number("select count(*) from churn.scored_event where customer_id = 'somebody else'").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_id_twice_in_a_batch_is_stored_once() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let mut batch = scores(0, 3);
    let original = scores(0, 3);
    batch.push_from(&original, 1);
    batch.push_from(&original, 2);
    // Another event under the id of the first row.
    batch.score_id[4] = ScoreId::from_bits(batch.score_id[0].bits());
    let written = writer.write(&batch, &outcomes(0, 0), &advance(&claim, 5)).await?;
    assert_eq!((written.rows, written.duplicates), (3, 1));
    assert_eq!(written.conflicts, [Conflict { which: Target::Score, row: 4 }]);
    Ok(())
}

#[tokio::test]
async fn rejected_rows_keep_their_numbers_in_a_merge() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    writer.write(&scores(0, 4), &outcomes(0, 0), &advance(&claim, 4)).await?;
    let mut batch = scores(0, 4);
    batch.probability[0] = 2.0;
    batch.event.sequence[3] = 9;
    let written = writer.write(&batch, &outcomes(0, 0), &advance(&at(&claim, 4), 8)).await?;
    assert_eq!(written.rejected.iter().map(|rejected| rejected.row).collect::<Vec<_>>(), [0]);
    assert_eq!(written.conflicts, [Conflict { which: Target::Score, row: 3 }]);
    assert_eq!((written.rows, written.duplicates), (0, 2));
    Ok(())
}

#[tokio::test]
async fn a_staged_batch_that_is_dropped_stores_nothing() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let staged = writer.stage(&scores(0, 5), &outcomes(0, 0)).await?;
    assert_eq!(staged.written().rows, 5);
    drop(staged);
    let (mut other, claim_of_other) = ready.owner_of(1).await?;
    let free = other.write(&scores(0, 3), &outcomes(0, 0), &advance(&claim_of_other, 1)).await?;
    assert_eq!(free.rows, 3, "nobody waits for the ids of a dropped batch");
    let written = writer.write(&scores(3, 5), &outcomes(0, 0), &advance(&claim, 5)).await?;
    assert_eq!((written.rows, written.duplicates), (5, 0));
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 8);
    Ok(())
}
