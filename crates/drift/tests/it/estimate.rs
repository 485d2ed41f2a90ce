//! The estimates before labels are NannyML's.

use churn_drift::Accumulator;
use churn_drift::estimate::{Estimate, Estimates, Estimator, Labelled, Unlabelled};
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
    assert!(cases.len() >= 200 && cases.iter().any(|case| case["calibrated"] == true));
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
        assert_window_is_near(&estimator, &q, &label(&q), &found, &format!("case {number}"));
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
            // It knows the error of a figure that is none, too.
            if !by_chance && !expected["value"].is_null() {
                let of = |part: fn(Estimate) -> Option<f64>| found.and_then(part);
                assert_close(of(|f| f.sampling_error), &expected["error"], &format!("case {number} error of {metric}"));
                assert_close(of(|f| f.upper), &expected["upper"], &format!("case {number} upper end of {metric}"));
                assert_close(of(|f| f.lower), &expected["lower"], &format!("case {number} lower end of {metric}"));
            }
        }
    }
}

/// The window's bins cost next to nothing, whatever the parts it was counted in.
fn assert_window_is_near(estimator: &Estimator, p: &[f64], predicted: &[bool], exact: &Estimates, case: &str) {
    let mut parts = [Unlabelled::default(), Unlabelled::default()];
    for (row, (&p, &predicted)) in p.iter().zip(predicted).enumerate() {
        parts[row % 2].add(p, predicted);
    }
    let [mut window, other] = parts;
    window.merge(&other);
    let text = serde_json::to_string(&window).unwrap();
    let window: Unlabelled = serde_json::from_str(&text).unwrap();
    let found = estimator.estimate_window(&window).unwrap();
    assert_eq!(found.rows, exact.rows);
    // What a calibrator bends within a bin is lost; without one only the order within a bin is.
    let values = p.iter().map(|p| p.to_bits()).collect::<std::collections::HashSet<_>>().len();
    // NannyML takes rows of one probability one by one, the window all at once: the fewer values, the more that matters.
    let of_ties = if values == p.len() {
        2e-3
    } else if values > 3 {
        2e-2
    } else {
        6e-2
    };
    let tolerance: f64 = if estimator.calibrates() { 2e-3 } else { 2e-5 };
    for (metric, found, exact, tolerance) in [
        ("area", found.roc_auc, exact.roc_auc, 2e-3),
        ("average precision", found.average_precision, exact.average_precision, of_ties),
        ("f1", found.f1, exact.f1, tolerance),
        ("precision", found.precision, exact.precision, tolerance),
        ("recall", found.recall, exact.recall, tolerance),
        ("accuracy", found.accuracy, exact.accuracy, tolerance),
        ("log-loss", found.log_loss, exact.log_loss, tolerance.max(1e-4)),
        ("brier", found.brier, exact.brier, tolerance),
    ] {
        let error = |(found, exact): (Estimate, Estimate)| (found.value - exact.value).abs();
        let error = found.zip(exact).map_or(0.0, error);
        assert!(error <= tolerance, "{case}: {metric} of the window is {error} off, {tolerance} allowed");
        assert_eq!(found.is_some(), exact.is_some(), "{case}: {metric}");
    }
}

#[test]
fn an_empty_window_has_no_estimate_and_what_is_no_probability_is_passed_over() {
    let mut window = Unlabelled::default();
    for none in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        window.add(none, true);
    }
    assert_eq!((Estimator::uncalibrated().estimate_window(&window), window.mean_probability()), (None, None));
    window.add(1.0, true);
    let certain = Estimator::uncalibrated().estimate_window(&window).unwrap();
    assert_eq!((certain.roc_auc, certain.accuracy.map(|a| (a.value, a.lower))), (None, Some((1.0, None))));
    assert!(
        serde_json::from_str::<Unlabelled>(
            "[[9999,{\"rows\":[1,0],\"probability\":[0.5,0.0],\"logarithm\":[-0.7,-0.7]}]]"
        )
        .is_err()
    );
}

fn assert_close(found: Option<f64>, expected: &Value, what: &str) {
    let expected = expected.as_f64();
    let close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= TOLERANCE,
        (found, expected) => found == expected,
    };
    assert!(close, "{what}: found {found:?}, NannyML says {expected:?}");
}
