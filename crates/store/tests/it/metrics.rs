use anyhow::Result;
use churn_store::{Dataset, ModelMetrics};

use crate::batches::ready;

#[tokio::test]
async fn the_newest_window_of_a_model_is_found_with_the_figures_that_are_asked_for() -> Result<()> {
    let ready = ready().await?;
    let store = &ready.store;
    let metrics = |dataset, start_ms, values: &[(&'static str, f64)]| ModelMetrics {
        version: "v1".into(),
        dataset,
        start_ms,
        end_ms: start_ms + 1_001,
        values: values.to_vec(),
    };
    assert_eq!(store.latest_metrics("v1", Dataset::Live, &["auc"]).await?, None);
    for (start, auc) in [(5_000, 0.8), (9_000, 0.7), (1_000, 0.6)] {
        let figures = [("rows", 100.0), ("auc", auc), ("brier", f64::NAN)];
        store.record_metrics(&metrics(Dataset::Live, start, &figures)).await?;
    }
    store.record_metrics(&metrics(Dataset::Test, 20_000, &[("rows", 7.0), ("auc", 0.9)])).await?;
    let found = store.latest_metrics("v1", Dataset::Live, &["auc", "brier", "rows"]).await?;
    assert_eq!(found, Some((10_001, vec![("auc".to_owned(), 0.7), ("rows".to_owned(), 100.0)])));
    assert!(store.has_metrics("v1", Dataset::Test).await? && !store.has_metrics("v1", Dataset::Training).await?);
    // A window is recorded once.
    store.record_metrics(&metrics(Dataset::Live, 9_000, &[("rows", 1.0), ("auc", 0.1)])).await?;
    assert_eq!(
        store.latest_metrics("v1", Dataset::Live, &["auc"]).await?,
        Some((10_001, vec![("auc".to_owned(), 0.7)]))
    );
    assert_eq!(store.latest_metrics("v2", Dataset::Live, &["auc"]).await?, None);
    Ok(())
}
