//! Scored events whose outcome is known, for whoever learns from them or compares models on them.

use std::ops::Range;

use churn_domain::{Column, FEATURES, Feature, Table, Text};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use ulid::Ulid;
use uuid::Uuid;

use crate::error::StoreError;
use crate::store::Store;

/// Parts of the window that each give their share of the rows: were the newest rows taken alone, a busy stream's window would
/// be seconds long. More parts cost a look into an index each.
const SLICES: u64 = 64;

/// Labelled events, the oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labelled {
    /// Id of each score.
    pub score_id: Vec<Uuid>,
    /// When each event happened, epoch milliseconds.
    pub event_time_ms: Vec<i64>,
    /// Whose event each is.
    pub customer_id: Text,
    /// Features as they were scored.
    pub features: Table,
    /// Whether the customer left.
    pub churned: Vec<bool>,
}

impl Labelled {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.churned.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.churned.is_empty()
    }
}

/// A plan that reads whole tables would be right for no window: rows are few, and found by their id.
const SETTINGS: [&str; 3] =
    ["set local enable_hashjoin = off", "set local enable_mergejoin = off", "set local statement_timeout = '2min'"];

const ENDS: &str = "select
    (select score_id from churn.outcome where score_id >= $1 and score_id < $2 order by score_id limit 1),
    (select score_id from churn.outcome where score_id >= $1 and score_id < $2 order by score_id desc limit 1)";

impl Store {
    /// Labelled events of a window of event time (epoch milliseconds), at most about `most` of them, spread evenly over the window.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn labelled_rows(&self, window: Range<i64>, most: usize) -> Result<Labelled, StoreError> {
        let failed = self.failed("read labelled events");
        let mut transaction = self.pool().begin().await.map_err(&failed)?;
        for setting in SETTINGS {
            sqlx::query(setting).execute(&mut *transaction).await.map_err(&failed)?;
        }
        // A stream that is younger than the window gives all of its rows, not those of the few parts that it has reached.
        let ends: (Option<Uuid>, Option<Uuid>) = sqlx::query_as(ENDS)
            .bind(first_id(window.start))
            .bind(first_id(window.end))
            .fetch_one(&mut *transaction)
            .await
            .map_err(&failed)?;
        let (Some(oldest), Some(newest)) = ends else { return Ok(Labelled::default()) };
        let (low, high) = slices(&(time_of(oldest)..time_of(newest) + 1));
        let quota = i64::try_from(most.div_ceil(low.len().max(1))).unwrap_or(i64::MAX);
        let statement = statement();
        let mut labelled = Labelled::default();
        // Slice by slice, so that the driver never holds more rows than one of them.
        for (low, high) in low.into_iter().zip(high) {
            let rows = sqlx::query(AssertSqlSafe(statement.as_str()))
                .bind(low)
                .bind(high)
                .bind(quota)
                .fetch_all(&mut *transaction)
                .await
                .map_err(&failed)?;
            rows.iter().rev().try_for_each(|row| labelled.push(row)).map_err(&failed)?;
        }
        Ok(labelled)
    }

    /// How many labelled events there are in a window of event time; counting ends at `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_labelled(&self, window: Range<i64>, most: usize) -> Result<usize, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "select count(*) from (
                 select from churn.outcome where score_id >= $1 and score_id < $2 limit $3
             ) as labelled",
        )
        .bind(first_id(window.start))
        .bind(first_id(window.end))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_one(self.pool())
        .await
        .map_err(self.failed("count labelled events"))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }
}

impl Labelled {
    fn push(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let score_id: Uuid = row.try_get(0)?;
        let customer_id: Option<&str> = row.try_get(1)?;
        let churned = row.try_get(2)?;
        for (at, column) in self.features.columns_mut().iter_mut().enumerate() {
            match column {
                Column::Category(words) => words.push(row.try_get(3 + at)?),
                Column::Number(values) => values.push(row.try_get::<Option<f64>, _>(3 + at)?.unwrap_or(f64::NAN)),
            }
        }
        self.event_time_ms.push(time_of(score_id));
        self.score_id.push(score_id);
        self.customer_id.push(customer_id);
        self.churned.push(churned);
        Ok(())
    }
}

/// The latest outcomes of a slice first, because the limit is to cut off at its old end; each then finds its score by its id.
fn statement() -> String {
    let features: Vec<String> = FEATURES.iter().map(selected).collect();
    format!(
        "select truth.score_id, truth.customer_id, truth.churned, {}
         from (
             select score_id, customer_id, churned from churn.outcome
             where score_id >= $1 and score_id < $2 order by score_id desc limit $3
         ) as truth
         inner join churn.scored_event as scored
             on truth.score_id = scored.score_id and scored.score_id >= $1 and scored.score_id < $2
         order by truth.score_id desc",
        features.join(", ")
    )
}

fn selected(feature: &Feature) -> String {
    match feature.kind {
        churn_domain::Kind::Flag => format!("scored.{}::int::double precision", feature.name),
        _ if feature.is_category() => format!("scored.{}", feature.name),
        _ => format!("scored.{}::double precision", feature.name),
    }
}

/// Bounds of the window's parts, the oldest first.
fn slices(window: &Range<i64>) -> (Vec<Uuid>, Vec<Uuid>) {
    let span = u64::try_from(window.end - window.start).unwrap_or(0);
    let count = SLICES.min(span);
    let bound =
        |at: u64| first_id(window.start + (u128::from(span) * u128::from(at) / u128::from(count.max(1))) as i64);
    ((0..count).map(bound).collect(), (1..=count).map(bound).collect())
}

fn time_of(id: Uuid) -> i64 {
    Ulid(id.as_u128()).timestamp_ms().cast_signed()
}

/// The smallest id of a millisecond.
fn first_id(ms: i64) -> Uuid {
    Uuid::from_u128(Ulid::from_parts(ms.max(0).cast_unsigned(), 0).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_the_window_without_gap_or_overlap() {
        for window in [1_000..1_000_000, 5..8, 0..1, 7..7] {
            let (low, high) = slices(&window);
            assert_eq!(low.len() as i64, (window.end - window.start).min(64));
            assert_eq!(low[low.len().min(1)..], high[..high.len().saturating_sub(1)]);
            if let (Some(first), Some(last)) = (low.first(), high.last()) {
                assert_eq!((*first, *last), (first_id(window.start), first_id(window.end)));
            }
        }
    }
}
