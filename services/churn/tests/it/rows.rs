//! Offline commands: generators and predictions.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{json, run, shipped_data, stderr, stdout};

#[test]
fn sampling_gives_the_same_bytes_on_any_number_of_threads_and_no_impossible_row() {
    let folder = TempDir::new().unwrap();
    let fit = run(folder.path(), &["synth", "fit", "--data", &shipped_data(), "--out", "gen.json", "--json"]);
    assert_eq!(json(&fit)["rows"], 7_043);
    let sample = |threads: &str, out: &str| {
        let args =
            ["synth", "sample", "--generator", "gen.json", "--rows", "60000", "--seed", "7", "--threads", threads];
        json(&run(folder.path(), &[&args[..], &["--out", out, "--json"]].concat()));
        fs::read(folder.path().join(out)).unwrap()
    };
    let (one, two) = (sample("1", "one.csv"), sample("2", "two.csv"));
    assert!(one == two, "the files differ");
    let text = String::from_utf8(one).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert!(header.ends_with(&["zip_code", "city", "county", "latitude", "longitude"]), "{header:?}");
    let mut rows = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |name: &str| cells[header.iter().position(|column| *column == name).unwrap()];
        assert_possible(&cell, line);
        rows += 1;
    }
    assert_eq!(rows, 60_000);
}

/// Written from the data's own rules, without a look at the generator's.
fn assert_possible<'a>(cell: &dyn Fn(&str) -> &'a str, line: &str) {
    assert_eq!(cell("phone_service") == "0", cell("multiple_lines") == "No phone service", "{line}");
    let offline = cell("internet_service") == "No";
    for add_on in
        ["online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies"]
    {
        assert_eq!(offline, cell(add_on) == "No internet service", "{line}");
    }
    let tenure: f64 = cell("tenure").parse().unwrap();
    assert_eq!(tenure == 0.0, cell("total_charges").is_empty(), "{line}");
    let monthly: f64 = cell("monthly_charges").parse().unwrap();
    assert!((18.0..=119.0).contains(&monthly), "{line}");
    if tenure > 0.0 {
        let total: f64 = cell("total_charges").parse().unwrap();
        let ratio = total / (tenure * monthly);
        assert!((0.5..=2.0).contains(&ratio), "{line}: {ratio}");
    }
}

#[test]
fn predicting_needs_a_model_and_says_how_to_get_one() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &["predict", "--data", &shipped_data(), "--out", "scored.csv"]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("churn setup"), "{}", stderr(&output));
}

#[test]
fn broken_files_are_named_by_line_column_and_value() {
    let folder = TempDir::new().unwrap();
    let shipped = fs::read_to_string(shipped_data()).unwrap();
    let broken = shipped.replacen("Fiber optic", "Carrier pigeon", 1);
    fs::write(folder.path().join("broken.csv"), broken).unwrap();
    let fit = |more: &[&str]| {
        run(folder.path(), &[&["synth", "fit", "--data", "broken.csv", "--out", "gen.json", "--json"], more].concat())
    };
    let refused = fit(&[]);
    assert_eq!(refused.status.code(), Some(65), "{}", stderr(&refused));
    for part in ["broken.csv", "internet_service", "Carrier pigeon", "line"] {
        assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
    }
    let skipped: Value = json(&fit(&["--skip-bad-rows"]));
    assert_eq!((&skipped["rows"], &skipped["bad_rows"]), (&Value::from(7_042), &Value::from(1)));
    let missing = run(folder.path(), &["synth", "fit", "--data", "nowhere.csv", "--out", "gen.json"]);
    assert_eq!(missing.status.code(), Some(65));
    assert!(stderr(&missing).contains("nowhere.csv"), "{}{}", stdout(&missing), stderr(&missing));
}
