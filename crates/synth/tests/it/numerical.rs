//! The quality metrics against SDMetrics: see tests/numerical/README.md.

use churn_domain::{Column, Table, feature_index};
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
    near(report.pair_trends_all, &expected["all_pairs"], "pair trends over all pairs");
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

/// The table whose column `n` is turned by `step * n` rows, the label being column 0.
fn turned(table: &Table, label: &[bool], step: usize) -> (Table, Vec<bool>) {
    let rows = table.len();
    let mut made = Table::default();
    for (at, (into, from)) in made.columns_mut().iter_mut().zip(table.columns()).enumerate() {
        for row in 0..rows {
            let from_row = (row + step * (at + 1)) % rows;
            match (&mut *into, from) {
                (Column::Number(into), Column::Number(from)) => into.push(from[from_row]),
                (Column::Category(into), Column::Category(from)) => into.push(from.get(from_row)),
                _ => unreachable!("both tables have the same columns"),
            }
        }
    }
    (made, label.to_vec())
}

/// As `strangers` of make_cases.py.
fn strangers(table: &Table, label: &[bool]) -> (Table, Vec<bool>) {
    let (made, made_label) = turned(&table.select(1200..1800), &label[1200..1800], 37);
    let mut near = table.select(0..60);
    let Column::Number(monthly) = &mut near.columns_mut()[feature_index("monthly_charges").unwrap()] else {
        panic!("charges are numbers");
    };
    monthly[30..].iter_mut().for_each(|charge| *charge *= 1.005);
    (60..600).for_each(|row| near.push_from(&made, row));
    (near, [&label[..60], &made_label[60..]].concat())
}

#[test]
fn diagnostic_and_privacy_equal_sdmetrics() {
    let truth = truth();
    let (tolerance, expected) = (truth["tolerance"].as_f64().unwrap(), &truth["privacy"]);
    let near = |found: f64, expected: &Value, what: &str| {
        let expected = expected.as_f64().unwrap();
        assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
    };
    let (table, label) = (&CUSTOMERS.features, CUSTOMERS.label.as_ref().unwrap());
    let (real, holdout) = (table.select(0..600), table.select(600..1200));
    let (made, made_label) = strangers(table, label);
    let (rolled, rolled_label) = turned(&real, &label[..600], 53);
    let real = Customers::new(&real, &label[..600]);
    let holdout = Customers::new(&holdout, &label[600..1200]);
    let (made, rolled) = (Customers::new(&made, &made_label), Customers::new(&rolled, &rolled_label));

    let diagnostic = quality::diagnostic(real, made);
    near(diagnostic.overall, &expected["diagnostic"], "diagnostic");
    for (column, score) in &diagnostic.columns {
        near(score.unwrap(), &expected["validity"][column], column);
    }
    for (row, (found, expected)) in
        quality::closest_distances(made, real).iter().zip(expected["distances"].as_array().unwrap()).enumerate()
    {
        near(*found, expected, &format!("distance of row {row}"));
    }
    let protection = quality::overfitting_protection(real, made, holdout);
    near(protection.score, &expected["overfitting"], "overfitting protection");
    near(protection.closer_to_training, &expected["closer_to_training"], "closer to training");
    let baseline = quality::baseline_protection(real, made, rolled);
    near(baseline.score, &expected["baseline"], "baseline protection");
    near(baseline.synthetic, &expected["baseline_medians"][0], "median of the synthetic rows");
    near(baseline.random, &expected["baseline_medians"][1], "median of the random rows");
    let novelty = quality::novelty(real, made);
    near(novelty.score, &expected["new_rows"], "new rows");
    assert_eq!(novelty.copies as u64, expected["copies"].as_u64().unwrap());
}
