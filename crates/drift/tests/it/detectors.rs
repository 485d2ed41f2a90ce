//! The detectors speak up where River's do.

use churn_drift::detectors::{Kind, Signal};
use serde_json::Value;

use crate::numerical::load;
use crate::samples::numbers;

fn places(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn warnings_and_drifts_come_where_river_s_come() {
    let content = load("detectors.json");
    let cases = content.as_array().unwrap();
    assert!(cases.len() >= 200);
    for (number, case) in cases.iter().enumerate() {
        let kind: Kind = case["detector"].as_str().unwrap().parse().unwrap();
        let mut detector = kind.detector(u32::try_from(case["seed"].as_u64().unwrap()).unwrap());
        let (mut warnings, mut drifts) = (Vec::new(), Vec::new());
        for (at, value) in case["parts"].as_array().unwrap().iter().flat_map(numbers).enumerate() {
            match detector.update(value).unwrap() {
                Signal::Calm => {}
                Signal::Warning => warnings.push(at),
                Signal::Drift => drifts.push(at),
            }
        }
        assert_eq!(drifts, places(&case["drifts"]), "drifts of case {number}, {kind:?}");
        assert_eq!(warnings, places(&case["warnings"]), "warnings of case {number}, {kind:?}");
    }
}

#[test]
fn a_detector_stored_and_read_back_goes_on_as_if_nothing_had_happened() {
    for case in load("detectors.json").as_array().unwrap() {
        let kind: Kind = case["detector"].as_str().unwrap().parse().unwrap();
        let mut whole = kind.detector(42);
        let mut restarted = kind.detector(42);
        for (at, value) in case["parts"].as_array().unwrap().iter().flat_map(numbers).enumerate() {
            if at % 97 == 0 {
                restarted = serde_json::from_str(&serde_json::to_string(&restarted).unwrap()).unwrap();
            }
            assert_eq!(restarted.update(value), whole.update(value), "{kind:?} at {at}");
        }
    }
}
