//! Metrics equal scikit-learn's. The cases say how they were made: tests/numerical/README.md.

use churn_learn::Metrics;
use churn_learn::metrics::best_f1_threshold;
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    tolerance: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    threshold: f64,
    probability: Vec<f64>,
    label: Vec<bool>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    auc: Option<f64>,
    average_precision: Option<f64>,
    log_loss: f64,
    brier: f64,
    ece: f64,
    accuracy: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    mcc: f64,
    lift_at_10: Option<f64>,
    best_f1: f64,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../numerical/metrics.json")).unwrap()
}

#[test]
fn every_metric_equals_scikit_learns() {
    let Cases { tolerance, cases } = cases();
    assert!(cases.len() >= 10);
    for case in cases {
        let found = Metrics::at_threshold(&case.probability, &case.label, case.threshold);
        let expected = &case.expected;
        for (metric, found, expected) in [
            ("auc", found.auc, expected.auc),
            ("average_precision", found.average_precision, expected.average_precision),
            ("log_loss", Some(found.log_loss), Some(expected.log_loss)),
            ("brier", Some(found.brier), Some(expected.brier)),
            ("ece", Some(found.ece), Some(expected.ece)),
            ("accuracy", Some(found.accuracy), Some(expected.accuracy)),
            ("precision", Some(found.precision), Some(expected.precision)),
            ("recall", Some(found.recall), Some(expected.recall)),
            ("f1", Some(found.f1), Some(expected.f1)),
            ("mcc", Some(found.mcc), Some(expected.mcc)),
            ("lift_at_10", found.lift_at_10, expected.lift_at_10),
        ] {
            assert_eq!(found.is_some(), expected.is_some(), "{}: {metric}", case.name);
            let gap = found.zip(expected).map_or(0.0, |(found, expected)| (found - expected).abs());
            assert!(gap <= tolerance, "{}: {metric} is {found:?}, expected {expected:?}", case.name);
        }
    }
}

#[test]
fn no_threshold_has_a_greater_f1_than_the_best() {
    let Cases { tolerance, cases } = cases();
    for case in cases {
        let threshold = best_f1_threshold(&case.probability, &case.label);
        let found = Metrics::at_threshold(&case.probability, &case.label, threshold).f1;
        assert!((found - case.expected.best_f1).abs() <= tolerance, "{}: {found}", case.name);
    }
}
