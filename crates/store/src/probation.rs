//! Comparisons of a champion with its predecessor: `churn.probation_look`.

use sqlx::Row;

use crate::error::StoreError;
use crate::store::Store;

/// A champion on probation: one version, since one promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reign {
    /// SHA-256 of its manifest, hexadecimal.
    pub manifest_hash: String,
    /// When it was promoted, epoch milliseconds.
    pub promoted_at_ms: i64,
}

/// What is stored of a reign's comparisons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// How many were begun.
    pub begun: u32,
    /// What the last one said, a JSON document; `None` where there was none or a trainer was lost in it.
    pub last_verdict: Option<String>,
}

impl Store {
    /// The comparisons that a champion has had.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn probation_looks(&self, reign: &Reign) -> Result<Looks, StoreError> {
        let failed = self.failed("read the comparisons of a probation");
        let last = sqlx::query(
            "select look, verdict::text as verdict from churn.probation_look
             where manifest_hash = $1 and promoted_at = 'epoch'::timestamptz + $2 * interval '1 ms'
             order by look desc limit 1",
        )
        .bind(&reign.manifest_hash)
        .bind(reign.promoted_at_ms)
        .fetch_optional(self.pool())
        .await
        .map_err(&failed)?;
        let Some(last) = last else { return Ok(Looks::default()) };
        let read = || -> Result<Looks, sqlx::Error> {
            let begun: i32 = last.try_get("look")?;
            Ok(Looks { begun: begun.max(0).cast_unsigned(), last_verdict: last.try_get("verdict")? })
        };
        read().map_err(&failed)
    }

    /// Counts a comparison before it is made. False when it was counted already: somebody else makes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_look(&self, reign: &Reign, look: u32, labelled_events: usize) -> Result<bool, StoreError> {
        let begun = sqlx::query(
            "insert into churn.probation_look (manifest_hash, promoted_at, look, labelled_events)
             values ($1, 'epoch'::timestamptz + $2 * interval '1 ms', $3, $4)
             on conflict do nothing",
        )
        .bind(&reign.manifest_hash)
        .bind(reign.promoted_at_ms)
        .bind(i32::try_from(look).unwrap_or(i32::MAX))
        .bind(i64::try_from(labelled_events).unwrap_or(i64::MAX))
        .execute(self.pool())
        .await
        .map_err(self.failed("count a comparison of a probation"))?;
        Ok(begun.rows_affected() == 1)
    }

    /// Writes down what a comparison said, a JSON document.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_look(&self, reign: &Reign, look: u32, verdict: &str) -> Result<(), StoreError> {
        sqlx::query(
            "update churn.probation_look set verdict = $4::jsonb
             where manifest_hash = $1 and promoted_at = 'epoch'::timestamptz + $2 * interval '1 ms' and look = $3",
        )
        .bind(&reign.manifest_hash)
        .bind(reign.promoted_at_ms)
        .bind(i32::try_from(look).unwrap_or(i32::MAX))
        .bind(verdict)
        .execute(self.pool())
        .await
        .map_err(self.failed("write down a comparison of a probation"))?;
        Ok(())
    }
}
