use anyhow::{Context, Result};
use churn_domain::csv::{ReadOptions, read};
use churn_domain::{Column, FEATURES, Interned, Kind, ScoreBatch, Text};
use sqlx::AssertSqlSafe;

use crate::batches::{advance, outcomes, ready, scores};

/// Every column of a stored score as text, as the server prints it.
async fn stored(ready: &crate::batches::Ready, columns: &str) -> Result<Vec<Vec<Option<String>>>> {
    let texts = columns.split(", ").map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", ");
    let query = format!("select array[{texts}] from churn.scored_event order by sequence");
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_all(ready.store.pool())
        .await
        .context("cannot read the stored scores")
}

fn features_as_text(batch: &ScoreBatch, row: usize) -> Vec<Option<String>> {
    let columns = FEATURES.iter().zip(batch.event.features.columns());
    let text = |(feature, column): (&churn_domain::Feature, &Column)| match column {
        Column::Category(words) => words.get(row).map(str::to_owned),
        Column::Number(values) if values[row].is_nan() => None,
        Column::Number(values) => Some(match feature.kind {
            Kind::Flag => (values[row] == 1.0).to_string(),
            Kind::Money { .. } => format!("{:.2}", values[row]),
            _ => values[row].to_string(),
        }),
    };
    columns.map(text).collect()
}

fn words(column: &Interned, row: usize) -> Option<String> {
    column.get(row).map(str::to_owned)
}

fn text(column: &Text, row: usize) -> Option<String> {
    column.get(row).map(str::to_owned)
}

fn number(value: f64) -> Option<String> {
    (!value.is_nan()).then(|| value.to_string())
}

#[tokio::test]
async fn every_column_of_a_score_comes_back_with_missing_and_unknown_values() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let batch = scores(0, 60);
    let written = writer.write(&batch, &outcomes(0, 0), &advance(&claim, 60)).await?;
    assert_eq!((written.rows, written.duplicates), (60, 0));

    let features = FEATURES.map(|feature| feature.name).join(", ");
    let found = stored(&ready, &features).await?;
    let expected: Vec<_> = (0..60).map(|row| features_as_text(&batch, row)).collect();
    assert_eq!(found, expected);
    assert!(found.iter().flatten().any(Option::is_none));
    assert!(found.iter().flatten().flatten().any(|value| value == "a word that nobody knows"));

    let rest = "score_id, stream, sequence, customer_id, synthesizer_version, zip_code, city, county, latitude, longitude, \
                probability, label, threshold, model_version, model_hash, event_schema_id, source_partition, source_offset";
    let event = &batch.event;
    let expected: Vec<Vec<Option<String>>> = (0..60)
        .map(|row| {
            vec![
                Some(batch.score_id[row].uuid().to_string()),
                words(&event.stream, row),
                Some(event.sequence[row].to_string()),
                text(&event.customer_id, row),
                words(&event.synthesizer_version, row),
                text(&event.location.zip_code, row),
                text(&event.location.city, row),
                text(&event.location.county, row),
                number(event.location.latitude[row]),
                number(event.location.longitude[row]),
                number(batch.probability[row]),
                Some(batch.label[row].to_string()),
                number(batch.threshold[row]),
                words(&batch.model_version, row),
                words(&batch.model_hash, row),
                Some(batch.lineage.schema_id[row].to_string()),
                Some(batch.lineage.partition[row].to_string()),
                Some(batch.lineage.offset[row].to_string()),
            ]
        })
        .collect();
    assert_eq!(stored(&ready, rest).await?, expected);

    let reasons = "select coalesce((select array_agg(format('%s=%s', r ->> 'feature', (r ->> 'contribution')::real) order by place)
        from jsonb_array_elements(reasons) with ordinality as all_of(r, place)), '{}') from churn.scored_event order by sequence";
    let found: Vec<Vec<String>> = sqlx::query_scalar(reasons).fetch_all(ready.store.pool()).await?;
    let expected: Vec<Vec<String>> =
        (0..60).map(|row| batch.reasons.row(row).map(|(feature, by)| format!("{feature}={by}")).collect()).collect();
    assert_eq!(found, expected);
    assert!(found.iter().any(Vec::is_empty) && found.iter().any(|reasons| reasons.len() == 2));
    let nulls = "select count(*) from churn.scored_event where reasons is null";
    assert_eq!(ready.number(nulls).await?, 15);

    let times = "(extract(epoch from event_time) * 1000)::bigint, (extract(epoch from scored_at) * 1000)::bigint";
    let expected: Vec<_> = (0..60)
        .map(|row| vec![Some(event.event_time_ms[row].to_string()), Some(batch.scored_at_ms[row].to_string())])
        .collect();
    assert_eq!(stored(&ready, times).await?, expected);
    Ok(())
}

#[tokio::test]
async fn outcomes_meet_their_scores_by_id() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let written = writer.write(&scores(0, 10), &outcomes(5, 10), &advance(&claim, 10)).await?;
    assert_eq!((written.rows, written.outcomes), (10, 10));
    let met = "select count(*) from churn.scored_event join churn.outcome using (score_id, stream, sequence, customer_id, event_time)";
    assert_eq!(ready.number(met).await?, 5);
    let right = "select count(*) from churn.outcome
        where churned = (sequence % 3 = 0) and observed_at = event_time + interval '2 s'";
    assert_eq!(ready.number(right).await?, 10);
    Ok(())
}

#[tokio::test]
async fn rows_that_postgres_cannot_store_are_named_and_the_others_stored() -> Result<()> {
    let ready = ready().await?;
    let (mut writer, claim) = ready.owner().await?;
    let (mut batch, mut results) = (scores(0, 6), outcomes(0, 3));
    batch.event.customer_id = [Some("a"), Some("b\0"), Some("c"), None, Some("e"), Some("f")].into_iter().collect();
    batch.probability[2] = f64::NAN;
    batch.event.event_time_ms[4] = i64::MAX;
    batch.reasons = churn_domain::Reasons::default();
    batch.reasons.end_rows(5);
    batch.reasons.push(0, f32::NAN);
    batch.reasons.end_row();
    results.observed_at_ms[0] = i64::MIN;
    let written = writer.write(&batch, &results, &advance(&claim, 6)).await?;
    let rejected: Vec<(usize, &str)> =
        written.rejected.iter().map(|rejected| (rejected.row, rejected.reason.as_str())).collect();
    let words = ["zero byte", "probability", "customer_id is missing", "event_time", "reasons", "observed_at"];
    assert_eq!(rejected.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 0]);
    assert!(rejected.iter().zip(words).all(|((_, reason), word)| reason.contains(word)), "{rejected:?}");
    assert_eq!((written.rows, written.outcomes, written.conflicts.len()), (1, 2, 0));
    Ok(())
}

#[tokio::test]
async fn reference_customers_are_replaced_as_a_whole() -> Result<()> {
    let ready = ready().await?;
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv"))?;
    let customers = read(file, ReadOptions::default())?;
    for _ in 0..2 {
        assert_eq!(ready.store.load_reference(&customers).await?, 7_043);
    }
    assert_eq!(ready.number("select count(*) from churn.reference_customer").await?, 7_043);
    assert_eq!(ready.number("select count(*) from churn.reference_customer where total_charges is null").await?, 11);
    assert_eq!(ready.number("select count(*) from churn.reference_customer where churned").await?, 1_869);
    Ok(())
}
