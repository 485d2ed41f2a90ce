//! The quality metrics against SDMetrics: see tests/numerical/README.md.

use churn_synth::quality::{self, Customers};
use serde_json::Value;

use crate::CUSTOMERS;

fn truth() -> Value {
    serde_json::from_str(include_str!("../numerical/sdmetrics.json")).unwrap()
}

fn numbers(column: &Value) -> Vec<f64> {
    column.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn codes(column: &Value) -> Vec<i64> {
    column.as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).collect()
}

fn some(column: &Value) -> Vec<Option<i64>> {
    codes(column).into_iter().map(Some).collect()
}

#[test]
fn every_metric_equals_sdmetrics() {
    let truth = truth();
    let tolerance = truth["tolerance"].as_f64().unwrap();
    let cases = truth["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 19);
    for (index, case) in cases.iter().enumerate() {
        let (real, synthetic) = (&case["real"], &case["synthetic"]);
        let found = match case["metric"].as_str().unwrap() {
            "ks_complement" => quality::ks_complement(&numbers(&real[0]), &numbers(&synthetic[0])),
            "tv_complement" => quality::tv_complement(&some(&real[0]), &some(&synthetic[0])),
            "correlation_similarity" => quality::correlation_similarity(
                (&numbers(&real[0]), &numbers(&real[1])),
                (&numbers(&synthetic[0]), &numbers(&synthetic[1])),
            ),
            "contingency_similarity" => quality::contingency_similarity(
                (&codes(&real[0]), &codes(&real[1])),
                (&codes(&synthetic[0]), &codes(&synthetic[1])),
            ),
            "cramers_v" => quality::cramers_v(&codes(&real[0]), &codes(&real[1])),
            "bins" => {
                assert_bins(&numbers(&real[0]), &case["expected"]);
                continue;
            }
            other => panic!("no metric {other}"),
        };
        let expected = case["expected"].as_f64().unwrap();
        assert!((found.unwrap() - expected).abs() <= tolerance, "case {index}: {found:?}, expected {expected}");
    }
}

fn assert_bins(values: &[f64], expected: &Value) {
    let edges = quality::bin_edges(values);
    for (found, expected) in edges.iter().zip(numbers(&expected["edges"])) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    let bins: Vec<i64> = values.iter().map(|value| quality::digitise(*value, &edges).into()).collect();
    assert_eq!(bins, codes(&expected["bins"]));
}

#[test]
fn the_report_on_the_halves_of_the_shipped_file_equals_sdmetrics() {
    let truth = truth();
    let (tolerance, expected) = (truth["tolerance"].as_f64().unwrap(), &truth["report"]);
    let split = usize::try_from(expected["split"].as_u64().unwrap()).unwrap();
    let (table, label) = (&CUSTOMERS.features, CUSTOMERS.label.as_ref().unwrap());
    let (first, second) = (table.select(0..split), table.select(split..table.len()));
    let report = quality::report(Customers::new(&first, &label[..split]), Customers::new(&second, &label[split..]));
    let near = |found: f64, expected: &Value, what: &str| {
        let expected = expected.as_f64().unwrap();
        assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
    };
    near(report.overall, &expected["overall"], "overall");
    near(report.column_shapes, &expected["properties"]["Column Shapes"], "column shapes");
    near(report.pair_trends, &expected["properties"]["Column Pair Trends"], "pair trends");
    for column in &report.columns {
        near(column.score.unwrap(), &expected["columns"][column.column], column.column);
    }
    let pairs = expected["pairs"].as_array().unwrap();
    let counted: Vec<_> = report.pairs.iter().filter(|pair| pair.counts).collect();
    assert_eq!(counted.len(), pairs.len());
    for (found, expected) in counted.iter().zip(pairs) {
        assert_eq!((expected[0].as_str(), expected[1].as_str()), (Some(found.columns.0), Some(found.columns.1)));
        near(found.score.unwrap(), &expected[2], "pair");
    }
}
