//! On the broker inside the process.

use std::sync::Arc;

use anyhow::{Context, Result};
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, KafkaConfig};
use churn_testkit::poll_until;
use churn_wire::SchemaRegistry;

use crate::stream::{PATIENCE, Running, SHIFT, WINDOW_ROWS, Writer, assert_same, expected, outcomes, scores};

async fn embedded() -> Result<(Running, Writer)> {
    let progress = Progress::new();
    let cluster = Cluster::embedded(&KafkaConfig::default(), &progress).await?;
    let schemas = Arc::new(SchemaRegistry::builtin());
    // Consumers before producers, or the producers would not be held back.
    let running = Running::start(&cluster, &progress, &schemas).await?;
    Ok((running, Writer { cluster, progress, schemas }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_before_and_after_their_scores_give_the_figures_of_all_rows() -> Result<()> {
    let (running, writer) = embedded().await?;
    writer.outcomes(&outcomes((0..SHIFT).step_by(2))).await?;
    writer.scores(&scores(0..SHIFT, "v1")).await?;
    writer.outcomes(&outcomes((1..SHIFT).step_by(2))).await?;
    let snapshot = running.when(|s| s.current().is_some_and(|m| m.labelled_rows == SHIFT.unsigned_abs())).await?;
    let model = snapshot.current().context("a model")?;
    assert_same(&model.total, &expected(0..SHIFT));
    assert_eq!((model.version.as_str(), model.label_coverage, snapshot.waiting), ("v1", Some(1.0), 0));
    assert_eq!((model.auc, model.log_loss), (model.recent.auc, model.recent.log_loss));
    let text = running.metrics.render();
    for metric in [
        format!("churn_model_auc_ratio{{model_version=\"v1\"}} {}", model.recent.auc.context("both classes")?),
        format!("churn_model_labelled_rows_total{{model_version=\"v1\"}} {SHIFT}"),
        "churn_model_label_coverage_ratio{model_version=\"v1\"} 1".to_owned(),
        "churn_monitor_join_window_records 0".to_owned(),
    ] {
        assert!(text.contains(&metric), "no {metric} in\n{text}");
    }
    assert!(running.health.ready());
    running.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shift_is_seen_against_both_references_and_names_its_features() -> Result<()> {
    let (running, writer) = embedded().await?;
    writer.scores(&scores(0..SHIFT, "v1")).await?;
    let calm = running.when(|s| s.current().is_some_and(|m| m.scored_rows == SHIFT.unsigned_abs())).await?;
    assert_eq!(calm.drifted_features(), Vec::<String>::new());
    assert!(!calm.models[0].live_drift.is_empty());
    writer.scores(&scores(SHIFT..SHIFT + 2 * WINDOW_ROWS as i64, "v1")).await?;
    let shifted = running.when(|s| !s.drifted_features().is_empty()).await?;
    assert_eq!(shifted.drifted_features(), ["monthly_charges", "total_charges"]);
    let trained = running.when(|s| s.models[0].training_drift.iter().any(|f| f.drifted)).await?;
    let names: Vec<_> = trained.models[0].training_drift.iter().filter(|f| f.drifted).map(|f| f.feature).collect();
    assert_eq!(names, ["monthly_charges", "total_charges"]);
    let text = running.metrics.render();
    assert!(text.contains("churn_model_drifted_features{model_version=\"v1\",reference=\"live\"} 2"), "{text}");
    assert!(text.contains("churn_model_feature_psi{feature=\"tenure\",model_version=\"v1\",reference=\"training\"}"));
    assert!(!text.contains("NaN"));
    running.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_repeated_and_contradicting_records_are_counted_and_change_no_figure() -> Result<()> {
    let (running, writer) = embedded().await?;
    writer.scores(&scores(0..500, "v1")).await?;
    writer.outcomes(&outcomes(0..500)).await?;
    let before = running.when(|s| s.current().is_some_and(|m| m.labelled_rows == 500)).await?;
    writer.scores(&scores(0..5, "v1")).await?;
    writer.outcomes(&outcomes(0..3)).await?;
    let mut lie = outcomes([7]);
    lie.churned[0] = !lie.churned[0];
    writer.outcomes(&lie).await?;
    let garbage = vec![vec![], b"{}".to_vec(), vec![0, 0, 0, 0, 1, 2, 3], vec![0; 300]];
    let topics = writer.cluster.topics().clone();
    writer.values(topics.scores.clone(), garbage.clone()).await?;
    writer.values(topics.outcomes.clone(), garbage).await?;
    let progress = running.progress.clone();
    poll_until(PATIENCE, || async { progress.drained(&[&topics.scores, &topics.outcomes]) }).await?;
    let metrics = running.metrics.clone();
    let after = running.stop().await?;
    assert_eq!(after.models, before.models);
    assert_eq!((after.bad_records, after.contradictions), (8, 1));
    let text = metrics.render();
    for (kind, count) in [("score", 5), ("outcome", 3), ("contradiction", 1)] {
        assert!(text.contains(&format!("churn_monitor_repeated_total{{kind=\"{kind}\"}} {count}")), "{text}");
    }
    Ok(())
}
