//! Stored scores by their id, for outcomes that come long after.

use churn_domain::{FEATURES, ScoreId};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::error::StoreError;
use crate::store::Store;

/// What was stored of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredScore {
    /// Probability of churn.
    pub probability: f64,
    /// The label at the threshold.
    pub predicted: bool,
    /// The model that scored.
    pub model_version: String,
    /// The features asked for, as text.
    pub features: Vec<Option<String>>,
    /// The event's stored outcome and when it became known, epoch milliseconds.
    pub outcome: Option<(bool, i64)>,
}

impl Store {
    /// The scores with these ids, in any order, with some of their features; those that are not stored are left out. Each
    /// id is one look-up by primary key in one partition, and one more for its outcome.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn scores_by_id(
        &self,
        ids: &[ScoreId],
        features: &[&str],
    ) -> Result<Vec<(ScoreId, StoredScore)>, StoreError> {
        let failed = self.failed("look up stored scores");
        // Only names of this program become part of the statement.
        let known = features.iter().filter(|name| FEATURES.iter().any(|feature| feature.name == **name));
        let columns: String = known.map(|name| format!(", s.{name}::text as \"feature_{name}\"")).collect();
        // Sub-selects, so that no plan ever reads a whole partition of outcomes.
        let statement = format!(
            "select s.score_id, s.probability, s.label, s.model_version,
                    (select o.churned from churn.outcome o where o.score_id = s.score_id) as churned,
                    (select (extract(epoch from o.observed_at) * 1000)::bigint
                       from churn.outcome o where o.score_id = s.score_id) as observed_at_ms
                    {columns}
               from churn.scored_event s
              where s.score_id = any($1)"
        );
        let wanted: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = sqlx::query(AssertSqlSafe(statement)).bind(wanted).fetch_all(self.pool()).await.map_err(&failed)?;
        rows.iter().map(|row| read(row, features)).collect::<Result<_, _>>().map_err(&failed)
    }
}

fn read(row: &PgRow, features: &[&str]) -> Result<(ScoreId, StoredScore), sqlx::Error> {
    let id: Uuid = row.try_get("score_id")?;
    let churned: Option<bool> = row.try_get("churned")?;
    let observed: Option<i64> = row.try_get("observed_at_ms")?;
    let feature = |name: &&str| row.try_get::<Option<String>, _>(format!("feature_{name}").as_str());
    let score = StoredScore {
        probability: row.try_get("probability")?,
        predicted: row.try_get("label")?,
        model_version: row.try_get("model_version")?,
        features: features.iter().map(feature).collect::<Result<_, _>>()?,
        outcome: churned.zip(observed),
    };
    Ok((ScoreId::from_bits(id.as_u128()), score))
}
