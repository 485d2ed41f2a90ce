use anyhow::Result;
use churn_domain::ScoreId;
use churn_store::{Audit, Target};

use crate::batches::{advance, outcomes, ready, scores};

#[tokio::test]
async fn an_audit_counts_lost_repeated_and_invented_events() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let mut batch = scores(0, 100);
    // 41 is stored a second time under another id, and 40 is thereby lost.
    batch.event.sequence[40] = 41;
    batch.score_id[40] = ScoreId::from_bits(7);
    writer.write(&batch, &outcomes(10, 80), &advance(&claim, 100)).await?;
    let scored = ready.store.audit(Target::Score, "s", 0..=97).await?;
    assert_eq!(scored, Audit { stored: 98, duplicates: 1, lost: 1, unexpected: 2 });
    let known = ready.store.audit(Target::Outcome, "s", 0..=99).await?;
    assert_eq!(known, Audit { stored: 80, duplicates: 0, lost: 20, unexpected: 0 });
    assert_eq!(ready.store.audit(Target::Score, "other", 0..=9).await?, Audit { lost: 10, ..Audit::default() });
    assert_eq!(ready.store.count_rows(Target::Score, "s").await?, 100);
    Ok(())
}
