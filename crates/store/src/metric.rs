//! Metrics of models: on the rows of their training, on rows that they had not seen, and live.

use crate::error::StoreError;
use crate::store::Store;

/// The rows that a metric is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// Rows that the model was fitted on.
    Training,
    /// Rows of the same kind that it had not seen.
    Test,
    /// Scored events whose outcome became known.
    Live,
}

impl Dataset {
    fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// The figures of one model over one window.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelMetrics {
    /// The model.
    pub version: String,
    /// The rows.
    pub dataset: Dataset,
    /// Event time from which rows counted, epoch milliseconds; for training and test the time at which they were recorded.
    pub start_ms: i64,
    /// Event time before which rows counted, epoch milliseconds.
    pub end_ms: i64,
    /// Names and values.
    pub values: Vec<(&'static str, f64)>,
}

impl Store {
    /// Records figures. Those of a window that was recorded before stay as they were.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is recorded then.
    pub async fn record_metrics(&self, found: &ModelMetrics) -> Result<(), StoreError> {
        let (names, values): (Vec<&str>, Vec<f64>) =
            found.values.iter().filter(|(_, v)| v.is_finite()).copied().unzip();
        sqlx::query(
            "insert into churn.model_metric (model_version, dataset, metric, window_start, window_end, value)
             select $1, $2, metric, to_timestamp($3 / 1000.0), to_timestamp($4 / 1000.0), value
               from unnest($5::text[], $6::float8[]) as figure (metric, value)
             on conflict do nothing",
        )
        .bind(&found.version)
        .bind(found.dataset.name())
        .bind(found.start_ms as f64)
        .bind(found.end_ms as f64)
        .bind(names)
        .bind(values)
        .execute(self.pool())
        .await
        .map_err(self.failed("record a model's metrics"))?;
        Ok(())
    }

    /// The figures of the newest window of a model, of those that are asked for: its end in epoch milliseconds, names and values.
    /// None while there is no window. A window is known by its number of rows, `rows`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn latest_metrics(
        &self,
        version: &str,
        dataset: Dataset,
        names: &[&str],
    ) -> Result<Option<(i64, Vec<(String, f64)>)>, StoreError> {
        let found: Vec<(i64, String, f64)> = sqlx::query_as(
            "with newest as (
                 select window_start, window_end from churn.model_metric
                 where model_version = $1 and dataset = $2 and metric = 'rows'
                 order by window_start desc, window_end desc limit 1
             )
             select round(extract(epoch from window_end) * 1000)::bigint, metric, value
             from churn.model_metric join newest using (window_start, window_end)
             where model_version = $1 and dataset = $2 and metric = any($3)
             order by metric",
        )
        .bind(version)
        .bind(dataset.name())
        .bind(names)
        .fetch_all(self.pool())
        .await
        .map_err(self.failed("read a model's metrics"))?;
        let at_ms = found.first().map(|(at_ms, ..)| *at_ms);
        Ok(at_ms.map(|at_ms| (at_ms, found.into_iter().map(|(_, name, value)| (name, value)).collect())))
    }

    /// Whether figures of these rows were recorded for a model.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_metrics(&self, version: &str, dataset: Dataset) -> Result<bool, StoreError> {
        sqlx::query_scalar("select exists (select from churn.model_metric where model_version = $1 and dataset = $2)")
            .bind(version)
            .bind(dataset.name())
            .fetch_one(self.pool())
            .await
            .map_err(self.failed("look for a model's metrics"))
    }
}
