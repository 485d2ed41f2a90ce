//! Tells the warehouse's state to whoever scrapes: dbt leaves a row a run in Postgres and ends.

use std::time::Duration;

use churn_runtime::CancellationToken;
use churn_runtime::metrics::{Metrics, catalogue};
use churn_store::{Store, WarehouseRun};

/// A run comes once an hour or so, and the alert should come within a minute.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Shows the newest run as metrics until `stop`. While Postgres does not answer the last figures stand; their time tells.
pub(crate) async fn watch(store: Store, metrics: Metrics, stop: CancellationToken) {
    let mut readable = true;
    let mut told = 0.0;
    loop {
        match store.newest_warehouse_run().await {
            Ok(run) => {
                readable = true;
                if let Some(run) = run {
                    show(&run, &metrics);
                    if run.finished_at > told && !run.broken.is_empty() {
                        tracing::warn!(broken = run.broken.join(", "), "the warehouse's newest run failed");
                    }
                    told = run.finished_at;
                }
            }
            // Once, not every time.
            Err(error) if readable => {
                tracing::warn!(%error, "the warehouse's runs cannot be read; trying on");
                readable = false;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Registered with the first run only: before it there is nothing to show, not a zero.
fn show(run: &WarehouseRun, metrics: &Metrics) {
    metrics.gauge(&catalogue::WAREHOUSE_TESTS).set(f64::from(run.tests));
    metrics.gauge(&catalogue::WAREHOUSE_TESTS_FAILED).set(f64::from(run.tests_failed));
    metrics.gauge(&catalogue::WAREHOUSE_MODEL_ERRORS).set(f64::from(run.model_errors));
    metrics.gauge(&catalogue::WAREHOUSE_SKIPPED).set(f64::from(run.skipped));
    metrics.gauge(&catalogue::WAREHOUSE_MODEL_SECONDS).set(run.model_seconds);
    metrics.gauge(&catalogue::WAREHOUSE_FINISHED).set(run.finished_at);
    if let Some(at) = run.succeeded_at {
        metrics.gauge(&catalogue::WAREHOUSE_SUCCEEDED).set(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_a_metric() {
        let metrics = Metrics::new();
        assert!(!metrics.render().contains("churn_warehouse"));
        let broken = vec!["assert_aggregates_add_up".to_owned()];
        let mut run = WarehouseRun {
            finished_at: 2005.0,
            tests: 80,
            tests_failed: 1,
            model_errors: 0,
            skipped: 0,
            model_seconds: 4.5,
            broken,
            succeeded_at: None,
        };
        show(&run, &metrics);
        let shown = metrics.render();
        assert!(shown.contains("\nchurn_warehouse_failed_tests 1\n"), "{shown}");
        assert!(shown.contains("\nchurn_warehouse_finished_timestamp_seconds 2005\n"), "{shown}");
        assert!(!shown.contains("churn_warehouse_succeeded_timestamp_seconds"), "{shown}");
        (run.tests_failed, run.succeeded_at) = (0, Some(2005.0));
        show(&run, &metrics);
        let shown = metrics.render();
        assert!(shown.contains("\nchurn_warehouse_failed_tests 0\n"), "{shown}");
        assert!(shown.contains("\nchurn_warehouse_succeeded_timestamp_seconds 2005\n"), "{shown}");
    }
}
