//! Who an event is, and how its score is named.

use sha2::{Digest, Sha256};
use ulid::Ulid;
use uuid::Uuid;

/// What tells an event from every other: the stream that emitted it and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId<'a> {
    /// Name of the stream.
    pub stream: &'a str,
    /// Place in the stream, from 0.
    pub sequence: i64,
}

/// A score's identity: a ULID whose 48 bits of time are the event's and whose 80 other bits are the first of
/// SHA-256 over `stream:sequence`, so that scoring an event again, anywhere, gives the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScoreId(Ulid);

impl ScoreId {
    /// Derives the id of the score of this event. Times before 1970 or past the year 10889 do not fit the 48 bits:
    /// readers refuse them ([`crate::EventBatch`] documents the accepted bounds).
    pub fn derive(event: EventId<'_>, event_time_ms: i64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(event.stream.as_bytes());
        hasher.update(b":");
        let mut digits = [0; 20];
        hasher.update(decimal(event.sequence, &mut digits));
        let digest = hasher.finalize();
        let mut random = [0; 16];
        random[6..].copy_from_slice(&digest[..10]);
        Self(Ulid::from_parts(event_time_ms.max(0).cast_unsigned(), u128::from_be_bytes(random)))
    }

    /// The same 128 bits as a UUID, as they are stored: rows sort by event time.
    pub fn uuid(self) -> Uuid {
        Uuid::from_u128(self.0.0)
    }

    /// The id with these 128 bits.
    pub fn from_bits(bits: u128) -> Self {
        Self(Ulid(bits))
    }

    /// The 128 bits.
    pub fn bits(self) -> u128 {
        self.0.0
    }

    /// The event's time in epoch milliseconds.
    pub fn time_ms(self) -> i64 {
        self.0.timestamp_ms().cast_signed()
    }
}

/// As a ULID, or as the UUID of the same bits.
impl std::str::FromStr for ScoreId {
    type Err = InvalidScoreId;

    fn from_str(text: &str) -> Result<Self, InvalidScoreId> {
        let ulid = text.parse::<Ulid>().ok().map(Self);
        let uuid = || Uuid::try_parse(text).ok().map(|uuid| Self::from_bits(uuid.as_u128()));
        ulid.or_else(uuid).ok_or_else(|| InvalidScoreId(text.to_owned()))
    }
}

/// Text that names no score.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no score's id, expected a ULID such as 01HF7YAT00ABCDEFGHJKMNPQRS, or the same as a UUID")]
pub struct InvalidScoreId(pub String);

impl std::fmt::Display for ScoreId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The number's decimal digits, without an allocation: this runs once an event in three parts.
fn decimal(number: i64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: `python3 crates/domain/tests/golden_ids.py` (hashlib and Crockford's base 32).
    #[test]
    fn ids_equal_the_golden_vectors() {
        let golden = include_str!("../tests/golden_ids.csv");
        let mut checked = 0;
        for line in golden.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let event = EventId { stream: fields[0], sequence: fields[1].parse().unwrap() };
            let id = ScoreId::derive(event, fields[2].parse().unwrap());
            assert_eq!((id.to_string().as_str(), id.uuid().to_string().as_str()), (fields[3], fields[4]));
            checked += 1;
        }
        assert_eq!(checked, 5);
    }

    #[test]
    fn an_id_is_read_as_ulid_and_as_uuid_and_nothing_else_is_one() {
        let id = ScoreId::derive(EventId { stream: "s", sequence: 1 }, 1_700_000_000_000);
        assert_eq!((id.to_string().parse(), id.uuid().to_string().parse()), (Ok(id), Ok(id)));
        assert!("s:1".parse::<ScoreId>().unwrap_err().to_string().contains("\"s:1\""));
    }

    #[test]
    fn ids_sort_by_event_time() {
        let at = |ms| ScoreId::derive(EventId { stream: "s", sequence: 1 }, ms);
        assert!(at(1_000).uuid() < at(1_001).uuid());
        assert_eq!(at(1_234).time_ms(), 1_234);
    }
}
