//! Every case of `tests/numerical/` (or of the folder in CHURN_DRIFT_CASES) equals the value of its reference tool.

use std::path::PathBuf;

use churn_domain::Probability;
use churn_drift::significance::{benjamini_hochberg, chi_square};
use churn_drift::{PValue, Performance, psi};
use serde_json::Value;

pub(crate) fn load(file: &str) -> Value {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/numerical");
    let path = std::env::var_os("CHURN_DRIFT_CASES").map_or_else(own, PathBuf::from).join(file);
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

fn cases<'a>(content: &'a Value, key: &str) -> &'a [Value] {
    let cases = content[key].as_array().unwrap();
    assert!(!cases.is_empty(), "no cases in {key}");
    cases
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

fn counts(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

fn words(value: &Value) -> impl Iterator<Item = Option<&str>> {
    value.as_array().unwrap().iter().map(Value::as_str)
}

/// Absolute below 1, relative above: some indices are in the tens.
fn assert_close(case: &Value, what: &str, found: Option<f64>, expected: Option<f64>) {
    let tolerance = case["tolerance"].as_f64().unwrap();
    let close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        (found, expected) => found == expected,
    };
    assert!(close, "{} {what}: found {found:?}, the reference tool says {expected:?}", case["name"]);
}

#[test]
fn population_stability_index_equals_evidently() {
    let content = load("psi.json");
    for case in cases(&content, "samples") {
        let (reference, current) = (&case["reference"], &case["current"]);
        let found = match case["kind"].as_str().unwrap() {
            "words" => psi::of_words(words(reference), words(current)),
            kind => psi::of_numbers(&numbers(reference), &numbers(current), kind == "whole_numbers"),
        };
        assert_close(case, "PSI", found.map(|d| d.get()), case["expected"].as_f64());
    }
    for case in cases(&content, "repeated") {
        let repeat = |side: &str| {
            let sizes = counts(&case[side]).into_iter().map(|count| usize::try_from(count).unwrap());
            numbers(&case["values"])
                .into_iter()
                .zip(sizes)
                .flat_map(|(v, n)| std::iter::repeat_n(v, n))
                .collect::<Vec<_>>()
        };
        let whole = case["whole_numbers"].as_bool().unwrap();
        let found = psi::of_numbers(&repeat("reference"), &repeat("current"), whole);
        assert_close(case, "PSI", found.map(|d| d.get()), case["expected"].as_f64());
    }
}

#[test]
fn significance_equals_scipy() {
    let content = load("significance.json");
    for case in cases(&content, "chi_square") {
        let found = chi_square(&counts(&case["reference"]), &counts(&case["current"]));
        assert_close(case, "p", found.map(PValue::get), case["expected"].as_f64());
    }
    for case in cases(&content, "adjusted") {
        let p_values: Vec<PValue> = numbers(&case["p_values"]).into_iter().map(|p| PValue::new(p).unwrap()).collect();
        for (found, expected) in benjamini_hochberg(&p_values).iter().zip(numbers(&case["expected"])) {
            assert_close(case, "adjusted p", Some(found.get()), Some(expected));
        }
    }
}

#[test]
fn performance_equals_scikit_learn_and_auc_stays_within_its_stated_error() {
    let content = load("performance.json");
    for case in cases(&content, "cases") {
        let mut performance = Performance::new();
        let (predicted, actual) = (counts(&case["predicted"]), counts(&case["actual"]));
        for (row, p) in numbers(&case["probability"]).into_iter().enumerate() {
            performance.add(Probability::new(p).unwrap(), predicted[row] == 1, actual[row] == 1);
        }
        let (found, expected) = (performance.summary(), &case["expected"]);
        for (what, found) in [
            ("accuracy", found.accuracy),
            ("precision", found.precision),
            ("recall", found.recall),
            ("f1", found.f1),
            ("log_loss", found.log_loss),
            ("brier", found.brier),
            ("calibration_error", found.calibration_error),
        ] {
            assert_close(case, what, found, expected[what].as_f64());
        }
        let error = (found.auc.unwrap() - expected["auc"].as_f64().unwrap()).abs();
        let bound = performance.ranking().auc_error().unwrap();
        assert!(error <= bound + 1e-12, "{}: AUC off by {error}, stated {bound}", case["name"]);
    }
}
