//! How fast scores are stored, on a private server with `fsync` on: `cargo run -p churn-store --example copy_rate --
//! 100000 10000` (rows, rows a batch). Prints the time of each step.
#![allow(clippy::print_stdout)]

use std::time::Duration;

use anyhow::{Context, Result};
use churn_domain::{Column, FEATURES, Kind, OutcomeBatch, ScoreBatch};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_store::private::PrivatePostgres;
use churn_store::{DAY_MS, OffsetAdvance, PostgresConfig, PrivateConfig, SinkWriter, Store, Target, TopicPartition};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<i64>());
    let rows = arguments.next().transpose().context("rows")?.unwrap_or(100_000);
    let batch_rows = arguments.next().transpose().context("rows a batch")?.unwrap_or(10_000);
    let mut watch = Stopwatch::start();
    let server = PrivatePostgres::start(&PrivateConfig::default()).await?;
    say("start a private server", watch.lap(), 0);
    let config = server.configure(&PostgresConfig::default());
    let store = Store::connect(&config).await?;
    store.migrate().await?;
    let now = now_ms();
    store.ensure_partitions(now - DAY_MS..now + DAY_MS, DAY_MS).await?;
    say("migrate and make partitions", watch.lap(), 0);

    let mut writer = SinkWriter::connect(&config, "sink", "measure").await?;
    let claims = writer.claim(&[TopicPartition::new("scores", 0)]).await?;
    let mut next = None;
    let (mut storing, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for from in (0..rows).step_by(usize::try_from(batch_rows)?) {
        let batch = scores(from..rows.min(from + batch_rows), now);
        watch.lap();
        let to = from + i64::try_from(batch.len())?;
        let offsets =
            [OffsetAdvance { topic: "scores".into(), partition: 0, expected: next, next: to, epoch: claims[0].epoch }];
        let written = writer.write(&batch, &OutcomeBatch::default(), &offsets).await?;
        anyhow::ensure!(written.rows == batch.len() as u64, "{written:?}");
        next = Some(to);
        let took = watch.lap();
        storing += took;
        slowest = slowest.max(took);
    }
    say("store", storing, rows);
    say("slowest batch", slowest, batch_rows);

    let again = scores(0..batch_rows.min(rows), now);
    let offsets = [OffsetAdvance {
        topic: "scores".into(),
        partition: 0,
        expected: next,
        next: rows + 1,
        epoch: claims[0].epoch,
    }];
    watch.lap();
    writer.write(&again, &OutcomeBatch::default(), &offsets).await?;
    say("store a batch again", watch.lap(), batch_rows);
    let audit = store.audit(Target::Score, "measure", 0..=rows - 1).await?;
    say("audit", watch.lap(), rows);
    println!("{audit:?}");
    writer.close().await;
    store.close().await;
    watch.lap();
    server.stop().await?;
    say("stop", watch.lap(), 0);
    Ok(())
}

fn say(step: &str, took: Duration, rows: i64) {
    let rate = if rows > 0 { format!(", {:.0} rows/s", rows as f64 / took.as_secs_f64()) } else { String::new() };
    println!("{step}: {took:.2?}{rate}");
}

fn scores(sequences: std::ops::Range<i64>, now: i64) -> ScoreBatch {
    let mut batch = ScoreBatch::default();
    for sequence in sequences {
        let event = &mut batch.event;
        event.stream.push(Some("measure"));
        event.sequence.push(sequence);
        event.event_time_ms.push(now + sequence / 50);
        event.customer_id.push(Some("01JDABCDEFGHJKMNPQRSTVWXYZ"));
        event.synthesizer_version.push(Some("3f9d2a"));
        for (feature, column) in FEATURES.iter().zip(event.features.columns_mut()) {
            match (column, feature.kind) {
                (Column::Category(words), _) => words.push_code((sequence % 3) as u16),
                (Column::Number(values), Kind::Flag) => values.push((sequence % 2) as f64),
                (Column::Number(values), Kind::Money { .. }) => values.push((sequence % 10_000) as f64 / 100.0),
                (Column::Number(values), _) => values.push((sequence % 73) as f64),
            }
        }
        event.location.zip_code.push(Some("90001"));
        event.location.city.push(Some("Los Angeles"));
        event.location.county.push(Some("Los Angeles County"));
        event.location.latitude.push(33.9731);
        event.location.longitude.push(-118.2479);
        let row = event.len() - 1;
        batch.score_id.push(batch.event.score_id(row));
        batch.probability.push(0.25);
        batch.label.push(false);
        batch.threshold.push(0.5);
        batch.model_version.push(Some("20261123T120000Z"));
        batch.model_hash.push(Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        batch.scored_at_ms.push(now);
        batch.lineage.push(1, 0, sequence);
        for place in 0..3 {
            batch.reasons.push(((sequence + 5 * place) % 19) as usize, 1.0 / (2.0 + sequence as f32));
        }
        batch.reasons.end_row();
    }
    batch
}
