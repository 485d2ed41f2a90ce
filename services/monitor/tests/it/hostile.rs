//! Windows and labels that nobody should send: each is counted or shown, and no figure is ever without a value.

use anyhow::{Context, Result, ensure};
use churn_domain::{Column, FEATURES, ScoreBatch};
use churn_runtime::config::HumanDuration;
use churn_testkit::poll_until;

use crate::embedded::embedded;
use crate::stream::{PATIENCE, Running, SHIFT, WINDOW_ROWS, outcomes, scores};

/// Every series with its value. Fails where one is no number.
fn series(text: &str) -> Result<Vec<(&str, f64)>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let parsed = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').with_context(|| format!("no value in {line:?}"))?;
        let value: f64 = value.parse().with_context(|| format!("no number in {line:?}"))?;
        ensure!(value.is_finite(), "{line}");
        Ok((name, value))
    });
    parsed.collect()
}

/// The value of the one series that begins so.
fn value(text: &str, name: &str) -> Result<f64> {
    let found: Vec<f64> = series(text)?.into_iter().filter(|(one, _)| *one == name).map(|(_, value)| value).collect();
    ensure!(found.len() == 1, "{} series {name}", found.len());
    Ok(found[0])
}

/// The customers of before, two windows of them, their features changed by `change`.
fn changed(first: i64, change: impl Fn(&mut Column, &'static [&'static str])) -> ScoreBatch {
    let rows = 2 * WINDOW_ROWS as i64;
    let mut batch = scores(0..rows, "v1");
    for (row, sequence) in (first..first + rows).enumerate() {
        batch.event.sequence[row] = sequence;
        batch.event.event_time_ms[row] += first;
        batch.score_id[row] = batch.event.score_id(row);
    }
    let columns = FEATURES.iter().zip(batch.event.features.columns_mut());
    columns.for_each(|(feature, column)| change(column, feature.categories()));
    batch
}

fn all(words: &mut churn_domain::Interned, word: Option<&str>) {
    let rows = words.len();
    words.clear();
    (0..rows).for_each(|_| words.push(word));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_window_however_odd_leaves_a_figure_without_a_number() -> Result<()> {
    let (running, writer) = embedded().await?;
    // No rows at all.
    running.when(|s| s.published_at_ms > 0).await?;
    series(&running.metrics.render())?;

    writer.scores(&scores(0..SHIFT, "v1")).await?;
    writer.outcomes(&outcomes(0..SHIFT)).await?;
    running.when(|s| s.current().is_some_and(|m| m.labelled_rows == SHIFT.unsigned_abs())).await?;
    let mut seen = SHIFT.unsigned_abs();
    type Change = fn(&mut Column, &'static [&'static str]);
    let cases: [(&str, Change); 4] = [
        ("missing", |column, _| match column {
            Column::Category(words) => all(words, None),
            Column::Number(values) => values.fill(f64::NAN),
        }),
        ("constant", |column, known| match column {
            Column::Category(words) => all(words, known.first().copied()),
            Column::Number(values) => values.fill(1.0),
        }),
        ("infinite", |column, known| match column {
            Column::Category(words) => all(words, known.last().copied()),
            Column::Number(values) => values.fill(f64::INFINITY),
        }),
        ("unknown", |column, _| match column {
            Column::Category(words) => all(words, Some("Weekly, of course")),
            Column::Number(_) => {}
        }),
    ];
    for (case, (name, change)) in (1..).zip(cases) {
        let batch = changed(case * 100_000, change);
        seen += batch.len() as u64;
        writer.scores(&batch).await?;
        // What the reader refuses is counted; all else is seen.
        let bad = |s: &churn_monitor::MonitorSnapshot| s.bad_records;
        let all = |s: &churn_monitor::MonitorSnapshot| s.current().is_some_and(|m| m.scored_rows + bad(s) == seen);
        running.when(all).await.context(name)?;
        let text = running.metrics.render();
        series(&text).context(name)?;
        match name {
            "infinite" => {
                assert_eq!(value(&text, "churn_monitor_bad_records_total{class=\"undecodable\"}")?, batch.len() as f64);
            }
            "missing" => {
                assert_eq!(
                    value(&text, "churn_model_feature_missing_ratio{feature=\"contract\",model_version=\"v1\"}")?,
                    1.0
                );
                assert_eq!(value(&text, "churn_model_alarm{kind=\"quality\",model_version=\"v1\"}")?, 1.0);
                // Since then none of them had a value.
                let seen = "churn_model_feature_seen_timestamp_seconds{feature=\"tenure\",model_version=\"v1\"}";
                let newest = "churn_model_newest_event_timestamp_seconds{model_version=\"v1\"}";
                assert!(value(&text, newest)? - value(&text, seen)? > 90.0, "{text}");
            }
            "unknown" => {
                assert_eq!(
                    value(&text, "churn_model_feature_unseen_ratio{feature=\"contract\",model_version=\"v1\"}")?,
                    1.0
                );
                let other = "{model_version=\"v1\",segment=\"contract\",value=\"(other)\"}";
                assert_eq!(value(&text, &format!("churn_model_segment_rows_ratio{other}"))?, 1.0);
                assert_eq!(value(&text, &format!("churn_model_segment_unseen_ratio{other}"))?, 1.0);
            }
            _ => {}
        }
    }
    running.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_of_one_class_or_of_other_features_has_the_figures_that_are_defined() -> Result<()> {
    let (running, writer) = embedded().await?;
    let mut batch = scores(0..SHIFT, "other features");
    batch.probability.fill(0.0);
    batch.label.fill(false);
    writer.scores(&batch).await?;
    let mut stayed = outcomes(0..SHIFT);
    stayed.churned.fill(false);
    writer.outcomes(&stayed).await?;
    running.when(|s| s.current().is_some_and(|m| m.labelled_rows == SHIFT.unsigned_abs())).await?;
    running.when(|s| s.current().is_some_and(|m| m.training_refused.is_some())).await?;
    writer.scores(&scores(SHIFT..SHIFT + 10, "v1")).await?;
    running.when(|s| s.current().is_some_and(|m| m.version == "v1" && m.training_refused.is_some())).await?;
    let metrics = running.metrics.clone();
    running.stop().await?;
    let text = metrics.render();
    let of = |name: &str| value(&text, &format!("{name}{{model_version=\"other features\"}}"));
    assert_eq!((of("churn_model_accuracy_ratio")?, of("churn_model_brier_ratio")?), (1.0, 0.0));
    for undefined in ["churn_model_auc_ratio", "churn_model_precision_ratio", "churn_model_average_precision_ratio"] {
        assert!(of(undefined).is_err(), "{undefined} of one class");
    }
    let segment = "{model_version=\"other features\",segment=\"senior_citizen\",value=\"Yes\"}";
    assert_eq!(value(&text, &format!("churn_model_segment_brier_ratio{segment}"))?, 0.0);
    assert_eq!(value(&text, &format!("churn_model_segment_alarm{segment}"))?, 0.0);
    assert_eq!(of("churn_model_training_reference_refused")?, 1.0);
    assert_eq!(value(&text, "churn_model_training_reference_refused{model_version=\"v1\"}")?, 0.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_of_events_that_nobody_scored_are_counted_once_they_are_given_up() -> Result<()> {
    let (cluster, progress, schemas) = crate::embedded::parts().await?;
    let running = Running::start_as(&cluster, &progress, &schemas, None, |config| {
        config.join_max_age = HumanDuration::from_millis(200);
    })
    .await?;
    let writer = crate::stream::Writer { cluster, progress, schemas };
    writer.outcomes(&outcomes(0..50)).await?;
    let metrics = running.metrics.clone();
    let counted =
        || async { (value(&metrics.render(), "churn_monitor_orphan_outcomes_total").ok()? == 50.0).then_some(()) };
    poll_until(PATIENCE, counted).await.with_context(|| metrics.render())?;
    let given_up = running.stop().await?;
    assert_eq!((given_up.orphan_outcomes, given_up.waiting), (50, 0));
    assert_eq!(value(&metrics.render(), "churn_monitor_evictions_total{kind=\"outcome\"}")?, 50.0);
    Ok(())
}
