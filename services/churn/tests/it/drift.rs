//! `churn drift`, as its users run it.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::run::{churn, json, run, stderr, stdout};

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).unwrap();
}

fn detect(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(churn())
        .args(["drift", "detect", "--json"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn columns_that_no_longer_go_together_are_found_by_all_of_them_at_once() {
    let folder = TempDir::new().unwrap();
    let rows = |apart: usize| -> String {
        let row = |i: usize| format!("{},{},{}\n", i % 97, (i + apart * (i * 7_919 % 97)) % 97, ["a", "b"][i % 2]);
        (0..1_000).map(row).collect()
    };
    write(&folder, "a.csv", &format!("x,y,w\n{}", rows(0)));
    write(&folder, "b.csv", &format!("x,y,w\n{}", rows(1)));
    let compare = |current: &str| {
        let args = ["drift", "compare", "--reference", "a.csv", "--current", current, "--multivariate"];
        json(&run(folder.path(), &[&args[..], &["--json"]].concat()))["multivariate"].clone()
    };
    let (same, apart) = (compare("a.csv"), compare("b.csv"));
    assert_eq!((&same["rows_compared"], &same["reconstruction"]["drifted"]), (&json!([1_000, 1_000]), &json!(false)));
    assert_eq!(same["domain_classifier"]["drifted"], json!(false));
    assert_eq!(apart["reconstruction"]["drifted"], json!(true), "{apart}");
}

#[test]
fn each_shared_column_gets_the_test_that_evidently_takes_and_a_verdict() {
    let folder = TempDir::new().unwrap();
    let rows = |shift: i32| {
        (0..200).map(move |i: i32| format!("{},{},{},\n", i % 97 + shift, ["a", "b"][i as usize % 2], i % 3))
    };
    write(&folder, "a.csv", &format!("n,w,few,empty\n{}", rows(0).collect::<String>()));
    write(
        &folder,
        "b.csv",
        &format!(
            "few,x,n\n{}",
            rows(60)
                .map(|r| {
                    let cells: Vec<_> = r.trim().split(',').collect();
                    format!("{},1,{}\n", cells[2], cells[0])
                })
                .collect::<String>()
        ),
    );
    let args = ["drift", "compare", "--reference", "a.csv", "--current", "b.csv"];
    let answer = json(&run(folder.path(), &[&args[..], &["--json"]].concat()));
    let columns = answer["columns"].as_array().unwrap();
    assert_eq!(columns.iter().map(|c| &c["column"]).collect::<Vec<_>>(), ["n", "few"]);
    assert_eq!((&columns[0]["test"], &columns[0]["drifted"]), (&json!("ks"), &json!(true)));
    assert!(columns[0]["p_value"].as_f64().unwrap() < 1e-6 && columns[0].get("distance").is_none());
    assert_eq!(
        (&columns[1]["test"], &columns[1]["drifted"], &columns[1]["p_value"]),
        (&json!("chisquare"), &json!(false), &json!(1.0))
    );
    assert_eq!(answer["only_in_reference"], json!(["w", "empty"]));
    assert_eq!((&answer["only_in_current"], &answer["dataset_drift"]), (&json!(["x"]), &json!(true)));
    let psi = json(&run(folder.path(), &[&args[..], &["--json", "--test", "psi"]].concat()));
    assert!(psi["columns"][0]["distance"].as_f64().unwrap() > 1.0 && psi["columns"][0]["threshold"] == json!(0.1));
    assert!(stdout(&run(folder.path(), &args)).contains("1 of 2 columns have drifted"));
}

#[test]
fn columns_without_values_have_no_verdict_and_say_why() {
    let folder = TempDir::new().unwrap();
    write(&folder, "a.csv", "n,w\n,x\nNaN,y\n");
    write(&folder, "b.csv", "n,w\n1,\n2,\n");
    let output = run(folder.path(), &["drift", "compare", "--reference", "a.csv", "--current", "b.csv", "--json"]);
    let answer = json(&output);
    for (column, problem) in [(0, "the reference has no value"), (1, "the current sample has no value")] {
        let column = &answer["columns"][column];
        assert_eq!((&column["statistic"], &column["drifted"]), (&json!(null), &json!(null)));
        assert_eq!(column["problem"], json!(problem));
    }
    assert!(!stdout(&output).contains("NaN"));
}

#[test]
fn bad_files_and_names_are_told_with_their_place() {
    let folder = TempDir::new().unwrap();
    write(&folder, "a.csv", "n\n1\n2,3\n");
    let compare = |reference: &str, test: &str| {
        let args = ["drift", "compare", "--reference", reference, "--current", "a.csv", "--test", test];
        let output = run(folder.path(), &args);
        (output.status.code(), stderr(&output))
    };
    let (code, error) = compare("missing.csv", "psi");
    assert!(code == Some(65) && error.contains("missing.csv"), "{error}");
    let (code, error) = compare("a.csv", "psi");
    assert!(code == Some(65) && error.contains("a.csv") && error.contains("line: 3"), "{error}");
    let (code, error) = compare("a.csv", "anderson");
    assert!(code == Some(64) && error.contains("chisquare"), "{error}");
}

#[test]
fn a_change_in_standard_input_is_found_where_it_is() {
    let values: String = (0..2_000)
        .map(|i| format!("{}\n", f64::from(i * 7919 % 100) / 100.0 + if i < 1_000 { 0.0 } else { 3.0 }))
        .collect();
    let answer = json(&detect(&["--detector", "adwin"], &format!("\u{feff}{}", values.replace('\n', "\r\n"))));
    assert_eq!(answer["values"], json!(2_000));
    assert_eq!(answer["drifts"], json!([1_023]));
    let bad = detect(&["--detector", "ddm"], "0\n1\nseven\n");
    assert!(bad.status.code() == Some(65) && stderr(&bad).contains("line 3"), "{}", stderr(&bad));
    let bad = detect(&["--detector", "ddm"], "0\n2\n");
    assert!(stderr(&bad).contains("0 (right) or 1 (wrong)"), "{}", stderr(&bad));
    assert_eq!(detect(&["--detector", "ddm", "--delta", "1"], "").status.code(), Some(64));
    assert_eq!(json(&detect(&["--detector", "kswin"], ""))["drifts"], json!([]));
}

#[test]
fn performance_is_estimated_from_probabilities_alone() {
    let folder = TempDir::new().unwrap();
    let row = |i: u32| (f64::from(i * 7919 % 1_000) / 1_000.0, i * 104_729 % 997);
    let scored = (0..1_000).map(|i| {
        let (p, u) = row(i);
        format!("{p},{}\n", if f64::from(u) / 997.0 < p { "Yes" } else { "No" })
    });
    write(&folder, "scored.csv", &format!("churn_probability,churn\n{}", scored.collect::<String>()));
    let later = (0..500).map(|i| format!("{}\n", row(i).0));
    write(&folder, "later.csv", &format!("churn_probability\n{}", later.collect::<String>()));
    let args = ["drift", "estimate", "--reference", "scored.csv", "--current", "later.csv"];
    let answer = json(&run(folder.path(), &[&args[..], &["--json", "--chunk-rows", "250"]].concat()));
    // Spread evenly and calibrated: accuracy 3/4, AUC 5/6.
    let value = |figure: &str| answer[figure]["value"].as_f64().unwrap();
    assert!((value("accuracy") - 0.75).abs() < 0.03 && (value("roc_auc") - 0.8333).abs() < 0.03, "{answer}");
    assert!(answer["accuracy"]["lower"].as_f64().unwrap() < value("accuracy"));
    assert_eq!((answer["rows"].clone(), answer["chunks"].as_array().unwrap().len()), (json!(500), 2));
    assert!(stdout(&run(folder.path(), &args)).contains("accuracy 0.7"));
    assert_eq!(answer["left_out"], json!({ "reference": 0, "current": 0 }));
    let text = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    write(&folder, "scored.csv", &format!("{}0.5,\nNA,Yes\n", text("scored.csv")));
    write(&folder, "later.csv", &format!("{}null\n", text("later.csv")));
    let holes = json(&run(folder.path(), &[&args[..], &["--json"]].concat()));
    assert_eq!((&holes["left_out"], &holes["roc_auc"]), (&json!({ "reference": 2, "current": 1 }), &answer["roc_auc"]));
    let missing = run(folder.path(), &[&args[..], &["--truth", "left"]].concat());
    assert!(missing.status.code() == Some(65) && stderr(&missing).contains("no column left"), "{}", stderr(&missing));
}
