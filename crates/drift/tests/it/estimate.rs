//! The estimates before labels are NannyML's.

use churn_drift::estimate::{Estimate, Estimator, Labelled};
use serde_json::Value;

use crate::numerical::load;
use crate::samples::numbers;

const TOLERANCE: f64 = 1e-6;

fn probabilities(spec: &Value) -> Vec<f64> {
    numbers(spec).into_iter().map(|value| value.clamp(0.0, 1.0)).collect()
}

#[test]
fn expected_performance_equals_nannyml() {
    let content = load("estimate.json");
    let cases = content.as_array().unwrap();
    assert!(cases.len() >= 40 && cases.iter().any(|case| case["calibrated"] == true));
    for (number, case) in cases.iter().enumerate() {
        let threshold = case["threshold"].as_f64().unwrap();
        let (p, q) = (probabilities(&case["reference"]), probabilities(&case["current"]));
        let squared = case["power"] == 2;
        let truth: Vec<bool> =
            numbers(&case["truth"]).iter().zip(&p).map(|(u, p)| *u < if squared { p * p } else { *p }).collect();
        let label = |p: &[f64]| p.iter().map(|p| *p >= threshold).collect::<Vec<_>>();
        let predicted = label(&p);
        let reference = Labelled { probability: &p, predicted: &predicted, actual: &truth };
        let estimator = Estimator::fit(reference).unwrap();
        assert_eq!(estimator.calibrates(), case["calibrated"].as_bool().unwrap(), "case {number}");
        let found = estimator.estimate(&q, &label(&q)).unwrap();
        for (metric, found) in [
            ("roc_auc", found.roc_auc),
            ("average_precision", found.average_precision),
            ("f1", found.f1),
            ("precision", found.precision),
            ("recall", found.recall),
            ("specificity", found.specificity),
            ("accuracy", found.accuracy),
        ] {
            let expected = &case["expected"][metric];
            assert_close(found.map(|f| f.value), &expected["value"], &format!("case {number} {metric}"));
            // NannyML draws at random for the error of the average precision, and its error of the area depends on the
            // order in which numpy's unstable sort leaves rows of one probability.
            let by_chance = metric == "average_precision" || metric == "roc_auc" && case["reference"]["distinct"] != 0;
            if !by_chance {
                let of = |part: fn(Estimate) -> Option<f64>| found.and_then(part);
                assert_close(of(|f| f.sampling_error), &expected["error"], &format!("case {number} error of {metric}"));
                assert_close(of(|f| f.upper), &expected["upper"], &format!("case {number} upper end of {metric}"));
                assert_close(of(|f| f.lower), &expected["lower"], &format!("case {number} lower end of {metric}"));
            }
        }
    }
}

fn assert_close(found: Option<f64>, expected: &Value, what: &str) {
    let expected = expected.as_f64();
    let close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= TOLERANCE,
        (found, expected) => found == expected,
    };
    assert!(close, "{what}: found {found:?}, NannyML says {expected:?}");
}
