use anyhow::Result;
use churn_store::{DAY_MS, Target};

use crate::batches::{NOON_MS, advance, outcomes, ready, scores};

const MIDNIGHT_MS: i64 = NOON_MS - NOON_MS % DAY_MS;

#[tokio::test]
async fn rows_go_to_the_partition_of_their_time() -> Result<()> {
    let ready = ready().await?;
    let made = ready.store.ensure_partitions(NOON_MS..NOON_MS + DAY_MS, DAY_MS).await?;
    let names: Vec<&str> = made.iter().map(|partition| partition.name.as_str()).collect();
    assert_eq!(names, ["scored_event_20261123", "scored_event_20261124", "outcome_20261123", "outcome_20261124"]);
    let (mut writer, claim) = ready.owner().await?;
    let (mut batch, mut results) = (scores(0, 3), outcomes(0, 3));
    for (row, time) in [MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS - 1, MIDNIGHT_MS + DAY_MS].into_iter().enumerate() {
        batch.event.event_time_ms[row] = time;
        batch.score_id[row] = batch.event.score_id(row);
        results.event_time_ms[row] = time;
    }
    writer.write(&batch, &results, &advance(&claim, 3)).await?;
    assert_eq!(ready.number("select count(*) from churn.scored_event_20261123").await?, 2);
    assert_eq!(ready.number("select count(*) from churn.scored_event_20261124").await?, 1);
    assert_eq!(ready.number("select count(*) from churn.outcome_20261124").await?, 1);
    assert_eq!(ready.number("select count(*) from churn.scored_event_default").await?, 0);
    Ok(())
}

#[tokio::test]
async fn making_partitions_again_makes_only_what_is_missing() -> Result<()> {
    let ready = ready().await?;
    assert_eq!(ready.store.ensure_partitions(MIDNIGHT_MS..MIDNIGHT_MS + 2 * DAY_MS, DAY_MS).await?.len(), 4);
    assert_eq!(ready.store.ensure_partitions(MIDNIGHT_MS..MIDNIGHT_MS + 3 * DAY_MS, DAY_MS).await?.len(), 2);
    assert_eq!(ready.store.ensure_partitions(MIDNIGHT_MS..MIDNIGHT_MS + 3 * DAY_MS, DAY_MS).await?.len(), 0);
    let listed = ready.store.partitions().await?;
    assert_eq!(listed.len(), 6);
    assert_eq!((listed[0].table, listed[0].time_ms.clone()), (Target::Outcome, MIDNIGHT_MS..MIDNIGHT_MS + DAY_MS));
    Ok(())
}

#[tokio::test]
async fn rows_of_the_default_partition_move_to_the_one_that_is_made_for_them() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    writer.write(&scores(0, 10), &outcomes(0, 10), &advance(&claim, 10)).await?;
    assert_eq!(ready.number("select count(*) from churn.scored_event_default").await?, 10);
    ready.store.ensure_partitions(NOON_MS..NOON_MS + 1, DAY_MS / 24).await?;
    assert_eq!(ready.number("select count(*) from churn.scored_event_20261123t1200").await?, 10);
    assert_eq!(ready.number("select count(*) from churn.scored_event_default").await?, 0);
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 10);
    let again = writer
        .write(&scores(5, 10), &outcomes(0, 0), &advance(&churn_store::Claim { next_offset: Some(10), ..claim }, 20))
        .await?;
    assert_eq!((again.rows, again.duplicates), (5, 5));
    Ok(())
}

#[tokio::test]
async fn old_partitions_are_dropped_whole() -> Result<()> {
    let ready = ready().await?;
    ready.store.ensure_partitions(MIDNIGHT_MS..MIDNIGHT_MS + 3 * DAY_MS, DAY_MS).await?;
    let dropped = ready.store.drop_partitions_before(MIDNIGHT_MS + 2 * DAY_MS - 1).await?;
    assert_eq!(dropped.len(), 2);
    assert_eq!(ready.store.partitions().await?.len(), 4);
    Ok(())
}
