//! Every door by which bytes from outside come in, each as a function that takes any bytes.
//!
//! A function returns whether the bytes were let in, and panics where a rule is broken: the code behind the door panicked, or
//! left something half done. `fuzz/` runs them under cargo-fuzz; the tests of this crate replay its corpora on stable Rust.
//! Development only.

use churn_domain::csv::{ReadOptions, UnknownCategory, read, read_locations};
use churn_domain::{EventBatch, OutcomeBatch};
use churn_registry::{Kind, Manifest, Version};
use churn_wire::{Codec, EventCodec, Framed, OutcomeCodec, Record, ScoreCodec, to_json};

/// A door.
pub type Door = fn(&[u8]) -> bool;

/// All doors by name, which is also that of the fuzz target and of its corpus.
pub const DOORS: [(&str, Door); 5] =
    [("avro", avro), ("framing", framing), ("csv", csv), ("manifest", manifest), ("http_rows", http_rows)];

/// Customers that one request may hold.
const MOST_ROWS: usize = 10_000;

/// A record: the first byte says which, the rest is its body.
pub fn avro(bytes: &[u8]) -> bool {
    let Some((which, body)) = bytes.split_first() else { return false };
    match which % 3 {
        0 => {
            let mut batch = EventBatch::default();
            let let_in = decodes::<EventCodec>(body, &mut batch);
            assert!(batch.is_rectangular() && batch.len() == usize::from(let_in), "half a row is left");
            let _ = to_json(Record::CustomerEvent.avsc(), body);
            let_in
        }
        1 => {
            let mut batch = OutcomeBatch::default();
            let let_in = decodes::<OutcomeCodec>(body, &mut batch);
            assert_eq!(batch.sequence.len(), usize::from(let_in), "half a row is left");
            let_in
        }
        _ => decodes::<ScoreCodec>(body, &mut churn_domain::ScoreBatch::default()),
    }
}

/// What was let in is written again as the very same bytes, or it was not what it seemed to be.
fn decodes<C: Codec>(body: &[u8], batch: &mut C::Batch) -> bool {
    let codec = C::default();
    if codec.decode_into(body, batch).is_err() {
        return false;
    }
    let mut written = Vec::new();
    codec.encode_into(batch, 0, &mut written);
    let mut again = C::Batch::default();
    assert!(codec.decode_into(&written, &mut again).is_ok(), "what was written cannot be read");
    true
}

/// A value with its framing; the first byte says how many of those after it are the header.
pub fn framing(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first() else { return false };
    if *length == 0 {
        return Framed::parse(rest, None).is_ok();
    }
    let (header, value) = rest.split_at(usize::from(*length - 1).min(rest.len()));
    Framed::parse(value, Some(header)).is_ok()
}

/// A file of customers, read in every way, and a file of locations.
pub fn csv(bytes: &[u8]) -> bool {
    let _ = read_locations(bytes);
    let ways = [(UnknownCategory::Reject, false), (UnknownCategory::Keep, false), (UnknownCategory::Keep, true)];
    let mut let_in = false;
    for (unknown_category, skip_bad_rows) in ways {
        if let Ok(customers) = read(bytes, ReadOptions { unknown_category, skip_bad_rows }) {
            assert!(customers.features.is_rectangular(), "columns of different lengths");
            let_in = true;
        }
    }
    let_in
}

/// A manifest of the registry.
pub fn manifest(bytes: &[u8]) -> bool {
    let version: Version = match "v1".parse() {
        Ok(version) => version,
        Err(_) => unreachable!("v1 is a version"),
    };
    let parsed = Manifest::parse(bytes, Kind::Model, version);
    parsed.is_ok_and(|manifest| {
        let outside = |name: &str| name.contains(['/', '\\']) || name.starts_with('.');
        assert!(!manifest.files.iter().any(|file| outside(&file.name)), "a file outside of the artifact");
        true
    })
}

/// The body of `POST /v1/predict`.
pub fn http_rows(bytes: &[u8]) -> bool {
    churn_api::parse_customers(bytes, MOST_ROWS).is_ok_and(|table| {
        assert!(table.is_rectangular() && !table.is_empty(), "columns of different lengths");
        true
    })
}
