//! What is stored, read back: the rows of a span of time, and everything about one score.

use churn_domain::{Column, FEATURES, Kind, ScoreId, Table};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::error::StoreError;
use crate::store::Store;

/// Rows of a span of time.
#[derive(Debug, Default)]
pub struct StoredRows {
    /// How many there are in all.
    pub total: u64,
    /// The features of all of them, or of a sample.
    pub features: Table,
    /// Their probabilities; empty for customers that were never scored.
    pub probability: Vec<f64>,
}

/// All columns of a score and of its outcome, as JSON objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreHistory {
    /// The row of `scored_event`.
    pub score: Option<String>,
    /// The row of `outcome`.
    pub outcome: Option<String>,
    /// The row of `model` of the model that scored, where the trainer wrote one.
    pub model: Option<String>,
}

impl Store {
    /// The scored events of a span of event time, epoch milliseconds, the end excluded. Of more than `most` rows a sample,
    /// chosen by the hash of the id, so that asking again gives the same one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn scored_between(&self, from_ms: i64, to_ms: i64, most: u64) -> Result<StoredRows, StoreError> {
        let failed = self.failed("read scored events");
        let ids = [from_ms, to_ms].map(|time| Uuid::from_u128(u128::from(time.max(0).cast_unsigned()) << 80));
        let total: i64 =
            sqlx::query_scalar("select count(*) from churn.scored_event where score_id >= $1 and score_id < $2")
                .bind(ids[0])
                .bind(ids[1])
                .fetch_one(self.pool())
                .await
                .map_err(&failed)?;
        let total = total.cast_unsigned();
        let one_in = i64::try_from(total.div_ceil(most.max(1)).max(1)).unwrap_or(i64::MAX);
        let statement = format!(
            "select {}, probability from churn.scored_event
              where score_id >= $1 and score_id < $2 and hashtext(score_id::text) % $3 = 0",
            columns()
        );
        let query = sqlx::query(AssertSqlSafe(statement)).bind(ids[0]).bind(ids[1]).bind(one_in);
        let rows = query.fetch_all(self.pool()).await.map_err(&failed)?;
        let features = table(&rows).map_err(&failed)?;
        let probability =
            rows.iter().map(|row| row.try_get("probability")).collect::<Result<_, _>>().map_err(&failed)?;
        Ok(StoredRows { total, features, probability })
    }

    /// The real customers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reference_customers(&self) -> Result<StoredRows, StoreError> {
        let failed = self.failed("read the reference customers");
        let statement = format!("select {} from churn.reference_customer", columns());
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(self.pool()).await.map_err(&failed)?;
        let features = table(&rows).map_err(&failed)?;
        Ok(StoredRows { total: rows.len() as u64, features, probability: Vec::new() })
    }

    /// Everything that is stored of a score.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history_of(&self, id: ScoreId) -> Result<ScoreHistory, StoreError> {
        let failed = self.failed("read a score's history");
        let row = sqlx::query(
            "select (select to_jsonb(s)::text from churn.scored_event s where s.score_id = $1) as score,
                    (select to_jsonb(o)::text from churn.outcome o where o.score_id = $1) as outcome,
                    (select to_jsonb(m)::text from churn.model m join churn.scored_event s on s.model_hash = m.manifest_hash
                      where s.score_id = $1) as model",
        )
        .bind(id.uuid())
        .fetch_one(self.pool())
        .await
        .map_err(&failed)?;
        let part = |name: &str| row.try_get::<Option<String>, _>(name).map_err(&failed);
        Ok(ScoreHistory { score: part("score")?, outcome: part("outcome")?, model: part("model")? })
    }
}

/// The features as numbers and words.
fn columns() -> String {
    let columns = FEATURES.iter().map(|feature| match feature.kind {
        Kind::Flag => format!("{0}::int::float8 as {0}", feature.name),
        Kind::Category(_) => feature.name.to_owned(),
        Kind::Integer { .. } | Kind::Money { .. } => format!("{0}::float8 as {0}", feature.name),
    });
    columns.collect::<Vec<_>>().join(", ")
}

fn table(rows: &[PgRow]) -> Result<Table, sqlx::Error> {
    let mut table = Table::default();
    for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
        for row in rows {
            match column {
                Column::Category(words) => words.push(row.try_get(feature.name)?),
                Column::Number(values) => {
                    values.push(row.try_get::<Option<f64>, _>(feature.name)?.unwrap_or(f64::NAN));
                }
            }
        }
    }
    Ok(table)
}
