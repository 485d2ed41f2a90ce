//! No bytes panic, and none leave half a row.

use churn_domain::{EventBatch, OutcomeBatch, ScoreBatch};
use churn_wire::{Codec, EventCodec, Framed, OutcomeCodec, ScoreCodec, to_json};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::rows::{encode, plain_event, plain_outcome, plain_score};

const ROUNDS: usize = 20_000;

/// Random bytes, or a good record with bytes changed, cut off, put in or swapped for extreme lengths.
fn mutate(rng: &mut ChaCha8Rng, good: &[u8]) -> Vec<u8> {
    if rng.random_ratio(1, 4) {
        return (0..rng.random_range(0..300)).map(|_| rng.random()).collect();
    }
    let mut bytes = good.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len().max(1)).min(bytes.len());
        match rng.random_range(0..4) {
            0 if at < bytes.len() => bytes[at] = rng.random(),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, rng.random()),
            // The largest length that a varint can claim.
            _ => drop(bytes.splice(at..at, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])),
        }
    }
    bytes
}

/// Decodes mutations behind a good row; `lengths` are those of all columns.
fn assail<C: Codec>(seed: u64, row: &C::Batch, lengths: impl Fn(&C::Batch) -> Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (codec, good) = (C::default(), encode::<C>(row));
    let mut batch = C::Batch::default();
    codec.decode_into(&good, &mut batch).unwrap();
    let (mut rows, mut refused) = (1, 0);
    for _ in 0..ROUNDS {
        let bytes = mutate(&mut rng, &good);
        match codec.decode_into(&bytes, &mut batch) {
            Ok(()) => rows += 1,
            Err(_) => refused += 1,
        }
        assert!(lengths(&batch).iter().all(|&len| len == rows), "{bytes:02x?}");
        let _ = Framed::parse(&bytes, Some(&good));
        let _ = Framed::parse(&bytes, None);
    }
    assert!(refused > ROUNDS / 2, "only {refused} of {ROUNDS} refused");
    codec.decode_into(&good, &mut batch).unwrap();
    let mut again = Vec::new();
    codec.encode_into(&batch, rows, &mut again);
    assert_eq!(again, good);
}

fn event_lengths(batch: &EventBatch) -> Vec<usize> {
    let location = &batch.location;
    let mut lengths = vec![
        batch.stream.len(),
        batch.sequence.len(),
        batch.event_time_ms.len(),
        batch.customer_id.len(),
        batch.synthesizer_version.len(),
        location.zip_code.len(),
        location.city.len(),
        location.county.len(),
        location.latitude.len(),
        location.longitude.len(),
    ];
    lengths.extend(batch.features.columns().iter().map(churn_domain::Column::len));
    lengths
}

fn score_lengths(batch: &ScoreBatch) -> Vec<usize> {
    let mut lengths = event_lengths(&batch.event);
    lengths.extend([batch.score_id.len(), batch.probability.len(), batch.label.len(), batch.threshold.len()]);
    lengths.extend([batch.model_version.len(), batch.model_hash.len(), batch.scored_at_ms.len()]);
    lengths.extend([batch.lineage.schema_id.len(), batch.lineage.partition.len(), batch.lineage.offset.len()]);
    lengths.push(batch.reasons.len());
    lengths
}

fn outcome_lengths(batch: &OutcomeBatch) -> Vec<usize> {
    let mut lengths = vec![batch.stream.len(), batch.sequence.len(), batch.event_time_ms.len()];
    lengths.extend([batch.customer_id.len(), batch.churned.len(), batch.observed_at_ms.len()]);
    lengths
}

#[test]
fn hostile_events_neither_panic_nor_leave_half_a_row() {
    assail::<EventCodec>(1, &plain_event(), event_lengths);
}

#[test]
fn hostile_scores_neither_panic_nor_leave_half_a_row() {
    assail::<ScoreCodec>(2, &plain_score(), score_lengths);
}

#[test]
fn hostile_outcomes_neither_panic_nor_leave_half_a_row() {
    assail::<OutcomeCodec>(3, &plain_outcome(), outcome_lengths);
}

#[test]
fn every_cut_of_a_record_is_refused() {
    let good = encode::<ScoreCodec>(&plain_score());
    let mut batch = ScoreBatch::default();
    for end in 0..good.len() {
        ScoreCodec::default().decode_into(&good[..end], &mut batch).unwrap_err();
    }
    assert!(batch.is_empty());
}

#[test]
fn hostile_bytes_do_not_panic_the_renderer() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let good = encode::<EventCodec>(&plain_event());
    for _ in 0..2_000 {
        let _ = to_json(churn_wire::Record::CustomerEvent.avsc(), &mutate(&mut rng, &good));
    }
}
