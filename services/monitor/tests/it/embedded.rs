//! On the broker inside the process.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, Event, KafkaConfig, Position};
use churn_testkit::poll_until;
use churn_wire::{Framed, RareRecord, Record, RetrainReason, RetrainRequest, SchemaRegistry};

use crate::stream::{PATIENCE, Running, SHIFT, WINDOW_ROWS, Writer, assert_same, expected, outcomes, scores};

pub(crate) async fn parts() -> Result<(Cluster, Progress, Arc<SchemaRegistry>)> {
    let progress = Progress::new();
    let cluster = Cluster::embedded(&KafkaConfig::default(), &progress).await?;
    Ok((cluster, progress, Arc::new(SchemaRegistry::builtin())))
}

pub(crate) async fn embedded() -> Result<(Running, Writer)> {
    let (cluster, progress, schemas) = parts().await?;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grown_errors_ask_the_trainer_once_for_a_new_model() -> Result<()> {
    let (running, writer) = embedded().await?;
    let topic = writer.cluster.topics().retrain_requests.clone();
    let mut trainer = writer.cluster.consumer(&writer.progress.stage("trainer"), "trainer", &[&topic]).await?;
    let Event::Assigned(partitions) = trainer.next().await else { bail!("expected partitions") };
    let begin: Vec<_> = partitions.into_iter().map(|partition| (partition, Position::Stored)).collect();
    trainer.assign(&begin).await?;

    writer.scores(&scores(0..SHIFT, "v1")).await?;
    writer.outcomes(&outcomes(0..SHIFT)).await?;
    let calm = running.when(|s| s.current().is_some_and(|m| m.performance.is_some())).await?;
    assert_eq!((calm.models[0].performance_alarm, calm.retrain_requests), (None, 0));
    // From here on, those who seemed to stay leave and the others stay.
    let wrong = SHIFT..SHIFT + 4 * WINDOW_ROWS as i64;
    let mut opposite = outcomes(wrong.clone());
    opposite.churned.iter_mut().for_each(|churned| *churned = !*churned);
    // The customers are those of before, so that only the errors speak.
    let mut same = scores(wrong.start - SHIFT..wrong.end - SHIFT, "v1");
    same.event.sequence.iter_mut().for_each(|sequence| *sequence += SHIFT);
    same.event.event_time_ms.iter_mut().for_each(|time| *time += SHIFT);
    for row in 0..same.len() {
        same.score_id[row] = same.event.score_id(row);
    }
    writer.scores(&same).await?;
    writer.outcomes(&opposite).await?;
    running.when(|s| s.retrain_requests > 0 && s.current().is_some_and(|m| m.labelled_rows == 5_000)).await?;

    let Event::Records(records) = tokio::time::timeout(PATIENCE, trainer.next()).await? else { bail!("no request") };
    let value = records.get(0).context("a request")?.value().context("a value")?.to_vec();
    let framed = Framed::parse(&value, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let request = RetrainRequest::decode(framed.payload, Record::RetrainRequest.avsc())
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    assert_eq!((request.reason, request.champion_version.as_deref()), (RetrainReason::Performance, Some("v1")));
    let evidence: serde_json::Value = serde_json::from_str(&request.detail.context("evidence")?)?;
    assert!(evidence["now"].as_f64() > evidence["before"].as_f64(), "{evidence}");
    let metrics = running.metrics.clone();
    let last = running.stop().await?;
    assert_eq!((records.len(), last.retrain_requests), (1, 1), "the alarm lasts and the request is not repeated");
    let text = metrics.render();
    for metric in [
        "churn_model_alarm{kind=\"performance\",model_version=\"v1\"} 1",
        "churn_model_alarm{kind=\"drift\",model_version=\"v1\"} 0",
        "churn_monitor_retrain_requests_total{reason=\"performance\"} 1",
    ] {
        assert!(text.contains(metric), "no {metric} in\n{text}");
    }
    trainer.close().await;
    Ok(())
}
