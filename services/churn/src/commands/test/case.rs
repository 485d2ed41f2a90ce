//! The file of cases.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// When an event happened that does not say so: 2026-01-01T00:00:00Z.
const EVENT_TIME_MS: i64 = 1_767_225_600_000;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// Version of the model, such as `v3`; the champion without it.
    pub(super) model: Option<String>,
    /// The cases.
    pub(super) cases: Vec<Case>,
}

/// One event and what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) input: Input,
    pub(super) expect: Expectation,
}

/// What the topic holds.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    /// An event, by the names of its fields.
    Event(Map<String, Value>),
    /// A value of these bytes, framing and all.
    Hex(Vec<u8>),
    /// A record without a value.
    Null,
}

/// What the pipeline has to make of it; a field that is not named may be anything.
#[derive(Debug, PartialEq)]
pub(super) enum Expectation {
    /// Fields of the score, and so columns of the row that is stored.
    Score(Map<String, Value>),
    /// Fields of the dead letter: class, field, message.
    DeadLetter(Map<String, Value>),
}

/// A case as it is written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    event: Option<Map<String, Value>>,
    hex: Option<String>,
    #[serde(default)]
    null_value: bool,
    expect: WrittenExpectation,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenExpectation {
    score: Option<Map<String, Value>>,
    row: Option<Map<String, Value>>,
    dead_letter: Option<Map<String, Value>>,
}

impl Cases {
    /// # Errors
    /// There is nothing to test, or two cases have one name.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.cases.is_empty() {
            return Err("there is no case".to_owned());
        }
        for (place, case) in self.cases.iter().enumerate() {
            if self.cases[..place].iter().any(|other| other.name == case.name) {
                return Err(format!("two cases are named {:?}", case.name));
            }
        }
        Ok(())
    }
}

impl TryFrom<Written> for Case {
    type Error = String;

    fn try_from(case: Written) -> Result<Self, String> {
        let name = case.name;
        let input = match (case.event, case.hex, case.null_value) {
            (Some(event), None, false) => Input::Event(event),
            (None, Some(hex), false) => Input::Hex(bytes(&hex).map_err(|problem| format!("case {name:?}: {problem}"))?),
            (None, None, true) => Input::Null,
            _ => return Err(format!("case {name:?}: expected one of event, hex and null_value")),
        };
        let expect = match (case.expect.score, case.expect.row, case.expect.dead_letter) {
            (Some(fields), None, None) | (None, Some(fields), None) => Expectation::Score(fields),
            (None, None, Some(fields)) => Expectation::DeadLetter(fields),
            _ => return Err(format!("case {name:?}: expect one of score, row and dead_letter")),
        };
        Ok(Self { name, input, expect })
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let nibble = |digit: u8| (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    bytes.ok_or_else(|| "hex holds something else than pairs of hexadecimal digits".to_owned())
}

/// The event with what every event has and most cases do not care for.
pub(super) fn complete(event: &Map<String, Value>, place: usize) -> Value {
    let mut record = json!({
        "stream": "test",
        "sequence": place,
        "event_time": EVENT_TIME_MS,
        "customer_id": format!("case-{place}"),
    });
    for (name, value) in event {
        record[name] = value.clone();
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_leaves_open_what_it_means_is_refused_by_name() {
        for text in [
            "{name: a, expect: {score: {}}}",
            "{name: a, event: {}, hex: '00', expect: {score: {}}}",
            "{name: a, event: {}, expect: {}}",
            "{name: a, event: {}, expect: {score: {}, dead_letter: {}}}",
            "{name: a, hex: '0g', expect: {score: {}}}",
        ] {
            let error = serde_norway::from_str::<Case>(text).unwrap_err().to_string();
            assert!(error.contains("case \"a\""), "{text}: {error}");
        }
        assert!(serde_norway::from_str::<Case>("{name: a, evnt: {}}").is_err());
    }

    #[test]
    fn hexadecimal_digits_may_have_space_between_them() {
        assert_eq!(bytes("00 0a\nFF"), Ok(vec![0, 10, 255]));
        assert!(bytes("0").is_err() && bytes("zz").is_err());
    }
}
