//! Whether what was made is what was expected.

use serde_json::{Map, Value};

use super::Made;
use super::case::Expectation;

/// Largest difference between numbers that count as equal.
const TOLERANCE: f64 = 1e-9;

/// Every difference, in words; none where the case passes.
pub(super) fn differences(expected: &Expectation, made: &Made) -> Vec<String> {
    match (expected, made) {
        (Expectation::Score(fields), Made::Score(found))
        | (Expectation::DeadLetter(fields), Made::DeadLetter(found)) => compare(fields, found),
        (Expectation::Score(_), Made::DeadLetter(found)) => {
            vec![format!("expected a score, became a dead letter: {found}")]
        }
        (Expectation::DeadLetter(_), Made::Score(found)) => {
            let id = &found["score_id"];
            vec![format!("expected a dead letter, became score {id} with probability {}", found["probability"])]
        }
    }
}

fn compare(fields: &Map<String, Value>, found: &Value) -> Vec<String> {
    let compare = |(name, expected): (&String, &Value)| match found.get(name) {
        None => Some(format!("{name}: there is no such field")),
        Some(found) => difference(expected, found).map(|difference| format!("{name}: {difference}")),
    };
    fields.iter().filter_map(compare).collect()
}

/// A list begins with the expected entries; an entry's fields that are not named may be anything.
fn list(expected: &[Value], found: &[Value]) -> Option<String> {
    expected.iter().enumerate().find_map(|(at, expected)| {
        let differences = match (expected, found.get(at)) {
            (_, None) => vec![format!("there are {} entries, expected {expected}", found.len())],
            (Value::Object(fields), Some(found)) => compare(fields, found),
            (expected, Some(found)) => difference(expected, found).into_iter().collect(),
        };
        (!differences.is_empty()).then(|| format!("[{at}]: {}", differences.join("; ")))
    })
}

/// `{min, max}` bounds a number, `{contains}` is part of a text, all else has to be equal.
fn difference(expected: &Value, found: &Value) -> Option<String> {
    if let Value::Object(rule) = expected {
        return rule.iter().find_map(|(word, bound)| broken(word, bound, found));
    }
    if let (Value::Array(expected), Value::Array(found)) = (expected, found) {
        return list(expected, found);
    }
    let equal = match (expected.as_f64(), found.as_f64()) {
        (Some(expected), Some(found)) => (expected - found).abs() <= TOLERANCE,
        _ => expected == found,
    };
    (!equal).then(|| format!("is {found}, expected {expected}"))
}

fn broken(word: &str, bound: &Value, found: &Value) -> Option<String> {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let holds = match word {
        "min" => number(found) >= number(bound),
        "max" => number(found) <= number(bound),
        "contains" => match (found.as_str(), bound.as_str()) {
            (Some(found), Some(bound)) => found.contains(bound),
            _ => false,
        },
        other => return Some(format!("{other} is no rule; the rules are min, max and contains")),
    };
    (!holds).then(|| format!("is {found}, expected {word} {bound}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn score(expected: Value) -> Vec<String> {
        let found = json!({ "probability": 0.25, "label": false, "model_version": "v3", "city": null });
        let Value::Object(fields) = expected else { panic!("no object") };
        differences(&Expectation::Score(fields), &Made::Score(found))
    }

    #[test]
    fn what_is_as_expected_has_no_difference_and_what_is_not_named_may_be_anything() {
        assert!(score(json!({})).is_empty());
        assert!(score(json!({ "label": false, "city": null, "model_version": { "contains": "v" } })).is_empty());
        assert!(score(json!({ "probability": { "min": 0.25, "max": 0.3 } })).is_empty());
        assert!(score(json!({ "probability": 0.250_000_000_1 })).is_empty());
    }

    #[test]
    fn a_list_begins_with_what_is_expected_of_it() {
        let found = json!({ "reasons": [{ "feature": "contract", "contribution": 1.5 }, { "feature": "tenure", "contribution": -0.5 }] });
        let differ = |expected: Value| {
            let fields = Map::from_iter([("reasons".to_owned(), expected)]);
            differences(&Expectation::Score(fields), &Made::Score(found.clone()))
        };
        assert!(differ(json!([])).is_empty());
        assert!(differ(json!([{ "feature": "contract", "contribution": { "min": 0 } }])).is_empty());
        assert!(differ(json!([{}, { "feature": "tenure" }])).is_empty());
        let wrong = differ(json!([{}, { "feature": "contract", "contribution": { "min": 0 } }]));
        assert!(
            wrong[0].starts_with("reasons: [1]: ") && wrong[0].contains("\"tenure\"") && wrong[0].contains("min 0"),
            "{wrong:?}"
        );
        assert!(differ(json!([{}, {}, {}]))[0].contains("there are 2 entries"));
        assert!(differ(json!(null))[0].contains("expected null"));
    }

    #[test]
    fn every_field_that_differs_is_told() {
        let all = json!({ "label": true, "probability": { "max": 0.2 }, "city": "Fresno", "tenur": 1 });
        assert_eq!(score(all).len(), 4);
        assert!(score(json!({ "label": { "maximum": 1 } }))[0].contains("the rules are"));
        assert!(score(json!({ "label": { "min": 1 } }))[0].contains("expected min 1"));
    }

    #[test]
    fn a_score_is_no_dead_letter_and_a_dead_letter_no_score() {
        let letter = || Made::DeadLetter(json!({ "class": "out_of_range" }));
        assert!(differences(&Expectation::Score(Map::new()), &letter())[0].contains("out_of_range"));
        assert!(differences(&Expectation::DeadLetter(Map::new()), &letter()).is_empty());
        assert_eq!(differences(&Expectation::DeadLetter(Map::new()), &Made::Score(json!({}))).len(), 1);
    }
}
