//! Versions of the model, for readers of SQL: `churn.model` and `churn.model_metric`.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::store::Store;

/// A version as the registry has it. Documents are JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// The version, such as `v3`.
    pub version: String,
    /// SHA-256 of the manifest, hexadecimal.
    pub manifest_hash: String,
    /// The learner.
    pub learner: String,
    /// When it was made, epoch milliseconds.
    pub created_at_ms: i64,
    /// How good it is.
    pub metrics: String,
    /// What the gate said; `None` where it was never asked.
    pub decision: Option<String>,
    /// Figures on the very customers that it was fitted on, by name.
    pub training: Vec<(String, f64)>,
    /// Figures on customers whom it had not seen, by name: those held out, or else those out of fold.
    pub test: Vec<(String, f64)>,
}

impl Store {
    /// Hashes of the versions that are stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn known_models(&self) -> Result<BTreeSet<String>, StoreError> {
        let hashes: Vec<String> = sqlx::query_scalar("select manifest_hash from churn.model")
            .fetch_all(self.pool())
            .await
            .map_err(self.failed("read the known models"))?;
        Ok(hashes.into_iter().collect())
    }

    /// Stores a version with its figures, in one transaction. The same version of another registry makes way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_model(&self, model: &ModelRow) -> Result<(), StoreError> {
        let failed = self.failed("record a model");
        let mut transaction = self.pool().begin().await.map_err(&failed)?;
        sqlx::query(
            "insert into churn.model (version, manifest_hash, kind, created_at, metrics, decision)
             values ($1, $2, $3, 'epoch'::timestamptz + $4 * interval '1 ms', $5::jsonb, $6::jsonb)
             on conflict (version) do update
                 set manifest_hash = excluded.manifest_hash, kind = excluded.kind, created_at = excluded.created_at,
                     metrics = excluded.metrics, decision = excluded.decision",
        )
        .bind(&model.version)
        .bind(&model.manifest_hash)
        .bind(&model.learner)
        .bind(model.created_at_ms)
        .bind(&model.metrics)
        .bind(&model.decision)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        let figures = [("training", &model.training), ("test", &model.test)];
        let figures = figures.into_iter().flat_map(|(set, figures)| figures.iter().map(move |figure| (set, figure)));
        let (sets, figures): (Vec<&str>, Vec<&(String, f64)>) = figures.unzip();
        let (names, values): (Vec<&str>, Vec<f64>) =
            figures.into_iter().map(|(name, value)| (name.as_str(), *value)).unzip();
        sqlx::query(
            "insert into churn.model_metric (model_version, dataset, metric, window_start, window_end, value)
             select $1, dataset, metric, at, at, value
             from unnest($3::text[], $4::text[], $5::double precision[]) as figure (dataset, metric, value),
                  (select 'epoch'::timestamptz + $2 * interval '1 ms' as at) as fit
             on conflict do nothing",
        )
        .bind(&model.version)
        .bind(model.created_at_ms)
        .bind(sets)
        .bind(names)
        .bind(values)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }
}
