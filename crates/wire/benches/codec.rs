//! Rows a second of the fast path on one core: `cargo bench -p churn-wire --profile dev`.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads the clock and prints")]

use std::hint::black_box;
use std::time::Instant;

use churn_domain::{Column, EventBatch, FEATURES, Kind, Lineage, OutcomeBatch, ScoreBatch};
use churn_wire::{Codec, EventCodec, OutcomeCodec, ScoreCodec};

const ROWS: usize = 10_000;
const ROUNDS: usize = 200;

fn main() {
    measure::<EventCodec>("event", &events());
    measure::<ScoreCodec>("score", &scores());
    measure::<OutcomeCodec>("outcome", &outcomes());
}

fn measure<C: Codec>(name: &str, batch: &C::Batch) {
    let codec = C::default();
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for row in 0..C::rows(batch) {
        codec.encode_into(batch, row, &mut bytes);
        ends.push(bytes.len());
    }
    let mut out = Vec::with_capacity(bytes.len());
    let encode = rows_a_second(|| {
        out.clear();
        (0..ROWS).for_each(|row| codec.encode_into(black_box(batch), row, &mut out));
        black_box(&out);
    });
    let decode = rows_a_second(|| {
        let mut into = C::Batch::default();
        let mut start = 0;
        for &end in &ends {
            codec.decode_into(black_box(&bytes[start..end]), &mut into).expect("our own bytes decode");
            start = end;
        }
        black_box(&into);
    });
    println!("{name:8} {:4} bytes  encode {encode:5.2} M/s  decode {decode:5.2} M/s", bytes.len() / ROWS);
}

/// Millions a second in the best of many short rounds: the machine has other work, which only ever takes time.
fn rows_a_second(mut work: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    ROWS as f64 / (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min) / 1e6
}

fn events() -> EventBatch {
    let mut batch = EventBatch::default();
    for row in 0..ROWS {
        batch.stream.push(Some("synthesizer-0"));
        batch.sequence.push(1_000_000 + row as i64);
        batch.event_time_ms.push(1_764_000_000_000 + row as i64);
        batch.customer_id.push(Some(&format!("01JD8Z3M0QK7X8Y9Z{row:09}")));
        batch.synthesizer_version.push(Some("2026-11-23T10:00:00Z-0a1b2c3d"));
        for (index, (feature, column)) in FEATURES.iter().zip(batch.features.columns_mut()).enumerate() {
            let turn = row + index;
            match column {
                Column::Category(words) => words.push(Some(feature.categories()[turn % feature.categories().len()])),
                Column::Number(values) => values.push(match feature.kind {
                    Kind::Flag => (turn % 2) as f64,
                    Kind::Integer { .. } => (turn % 73) as f64,
                    _ => (turn % 12_000) as f64 / 100.0,
                }),
            }
        }
        batch.location.zip_code.push(Some("90210"));
        batch.location.city.push(Some("Beverly Hills"));
        batch.location.county.push(Some("Los Angeles County"));
        batch.location.latitude.push(34.0901);
        batch.location.longitude.push(-118.4065);
    }
    batch
}

fn scores() -> ScoreBatch {
    let event = events();
    let mut lineage = Lineage::default();
    let mut batch = ScoreBatch { event: EventBatch::default(), ..ScoreBatch::default() };
    for row in 0..ROWS {
        batch.score_id.push(event.score_id(row));
        batch.probability.push(row as f64 / ROWS as f64);
        batch.label.push(row % 2 == 0);
        batch.threshold.push(0.5);
        batch.model_version.push(Some("3"));
        batch.model_hash.push(Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"));
        batch.scored_at_ms.push(1_764_000_000_100);
        lineage.push(100_001, 3, row as i64);
        for place in 0..3 {
            batch.reasons.push((row + 5 * place) % FEATURES.len(), 1.0 / (2 + row) as f32);
        }
        batch.reasons.end_row();
    }
    ScoreBatch { event, lineage, ..batch }
}

fn outcomes() -> OutcomeBatch {
    let event = events();
    OutcomeBatch {
        stream: event.stream,
        sequence: event.sequence,
        event_time_ms: event.event_time_ms.clone(),
        customer_id: event.customer_id,
        churned: (0..ROWS).map(|row| row % 4 == 0).collect(),
        observed_at_ms: event.event_time_ms,
    }
}
