//! The exact tests give what Evidently and SciPy give.

use churn_drift::exact::{Score, Test, Undefined, Verdict, compare};
use serde_json::Value;

use crate::numerical::load;
use crate::samples::sample;

/// Absolute below 1, relative above.
const TOLERANCE: f64 = 1e-9;

fn verdict(case: &Value, test: Option<Test>) -> Verdict {
    compare(sample(&case["reference"]), sample(&case["current"]), test)
}

fn is_close(found: Option<f64>, expected: Option<f64>, tolerance: f64) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        (found, expected) => found == expected,
    }
}

/// Near 0 Hellinger's distance is the root of what rounding leaves of 1 - 1, and Evidently sums words in no fixed
/// order.
fn tolerance(case: &Value, test: Test, expected: Option<f64>) -> f64 {
    let sums_to_one = test == Test::Hellinger && expected.is_some_and(|distance| distance < 1e-6);
    if sums_to_one && case["reference"]["kind"] == "word" { 1e-7 } else { TOLERANCE }
}

#[test]
fn every_test_equals_evidently_on_every_case() {
    let content = load("evidently.json");
    let cases = content.as_array().unwrap();
    assert!(cases.len() >= 300);
    let mut wrong = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        for test in Test::ALL {
            let expected = case["expected"][test.name()].as_f64();
            let found = verdict(case, Some(test)).score.ok();
            let (statistic, score) = match found {
                Some(Score::Significance { statistic, p_value }) => (Some(statistic), Some(p_value.get())),
                Some(Score::Distance(distance)) => (None, Some(distance.get())),
                None => (None, None),
            };
            if !is_close(score, expected, tolerance(case, test, expected)) {
                wrong.push(format!("case {at} {}: {score:?}, Evidently says {expected:?}", test.name()));
            }
            let key = format!("{}_statistic", test.name());
            let expected = case["expected"][key].as_f64();
            if expected.is_some() && !is_close(statistic, expected, TOLERANCE) {
                wrong.push(format!("case {at} {}: statistic {statistic:?}, SciPy says {expected:?}", test.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_default_test_is_evidently_s() {
    for (at, case) in load("evidently.json").as_array().unwrap().iter().enumerate() {
        if let Some(expected) = case["expected"]["default"].as_str() {
            assert_eq!(verdict(case, None).test.name(), expected, "case {at}");
        }
    }
}

#[test]
fn what_cannot_be_compared_says_why() {
    let content = load("evidently.json");
    let words = content.as_array().unwrap().iter().find(|case| case["reference"]["kind"] == "word").unwrap();
    let numbers = content.as_array().unwrap().iter().find(|case| case["reference"]["kind"] == "float").unwrap();
    let mixed = compare(sample(&words["reference"]), sample(&numbers["reference"]), None);
    assert_eq!(mixed.score, Err(Undefined::MixedKinds));
    let mut empty = words["reference"].clone();
    empty["rows"] = 0.into();
    let full = || sample(&words["reference"]);
    assert_eq!(compare(sample(&empty), full(), None).score, Err(Undefined::EmptyReference));
    assert_eq!(compare(full(), sample(&empty), None).score, Err(Undefined::EmptyCurrent));
    assert_eq!(compare(full(), full(), Some(Test::Wasserstein)).score, Err(Undefined::NeedsNumbers(Test::Wasserstein)));
    assert_eq!(compare(full(), full(), None).drifted(), Some(false));
}
