//! The demo, from an empty folder to its report.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{json, run, shipped_data, stderr};

#[test]
fn the_demo_stores_every_event_once_and_leaves_a_registry_to_predict_with() {
    let folder = TempDir::new().unwrap();
    let args = [
        "demo",
        "--duration",
        "6s",
        "--rate",
        "2000",
        "--report",
        "report.json",
        "--set",
        "synthesizer.outcome_delay=1s",
    ];
    let output = run(folder.path(), &args);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    let count = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key}: {report}"));
    assert!(count("events_produced") > 8_000, "{report}");
    for key in ["events_scored", "rows_stored", "outcomes_stored"] {
        assert_eq!(count(key), count("events_produced"), "{key}: {report}");
    }
    assert_eq!((count("lost"), count("duplicates"), count("dead_letters")), (0, 0, 0), "{report}");
    let auc = report["model"]["auc"].as_f64().unwrap();
    assert!((0.7..0.95).contains(&auc), "{report}");

    let args = ["predict", "--data", &shipped_data(), "--out", "scored.csv", "--json"];
    let predicted = json(&run(folder.path(), &args));
    assert_eq!(predicted["rows"], 7_043);
    let scored = fs::read_to_string(folder.path().join("scored.csv")).unwrap();
    assert_eq!(scored.lines().count(), 7_044);
    assert!(scored.lines().next().unwrap().ends_with("churn_probability,churn_label,model_version"));
}

#[test]
fn a_demo_goes_through_its_scenarios_and_reports_with_which_event_they_began() {
    let folder = TempDir::new().unwrap();
    let refused = run(folder.path(), &["demo", "--scenario", "earthquake"]);
    assert_eq!(refused.status.code(), Some(64), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("covariate-drift, concept-drift, label-shift"), "{}", stderr(&refused));
    let refused = run(folder.path(), &["demo", "--rate", "max", "--scenario", "burst"]);
    assert_eq!(refused.status.code(), Some(64), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("a burst needs a rate"), "{}", stderr(&refused));

    let scenarios =
        ["--scenario", "new-category", "--scenario", "burst@2s+1s", "--scenario", "silence@6000+500ms", "--at", "1s"];
    let args = ["demo", "--duration", "5s", "--rate", "1000", "--json", "--set", "synthesizer.outcome_delay=500ms"];
    let report = json(&run(folder.path(), &[&args[..], &scenarios[..]].concat()));
    let begun: Vec<(&str, i64)> = report["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|begun| (begun["name"].as_str().unwrap(), begun["sequence"].as_i64().unwrap()))
        .collect();
    assert_eq!(begun, [("new-category", 1_000), ("burst", 2_000), ("silence", 6_000)], "{report}");
    let produced = report["events_produced"].as_u64().unwrap();
    // 5 s at 1,000 a second, four seconds' worth more in the burst, half a second less in the silence.
    assert!((8_000..=9_000).contains(&produced), "{report}");
    assert_eq!((report["lost"].as_u64(), report["rows_stored"].as_u64()), (Some(0), Some(produced)), "{report}");
}

#[test]
fn the_loop_closes_when_the_concept_drifts_and_the_demo_leaves_its_champion_as_found() {
    let folder = TempDir::new().unwrap();
    let args = ["demo", "--scenario", "concept-drift", "--at", "8s", "--rate", "1500", "--duration", "48s", "--json"];
    let report = json(&run(folder.path(), &args));
    let steps: Vec<(&str, f64)> = report["closed_loop"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["at_seconds"].as_f64().unwrap()))
        .collect();
    let mut last = 0.0;
    for wanted in ["scenario", "risen", "requested", "started", "trained", "judged", "promoted", "swapped", "recovered"]
    {
        let (_, at) =
            steps.iter().find(|(step, _)| *step == wanted).unwrap_or_else(|| panic!("no {wanted}: {report:#}"));
        // What the monitor publishes and what the trainer hears of it are looked at in turn: a moment may lie between.
        assert!(*at >= last - 1.5, "{wanted} at {at} after {last}: {steps:?}");
        last = at.max(last);
    }
    assert!(last < 60.0, "{steps:?}");
    assert_eq!((report["lost"].as_u64(), report["model"]["version"].as_str()), (Some(0), Some("v2")), "{report:#}");
    let log_loss = report["model"]["log_loss"].as_f64().unwrap();
    assert!(log_loss < 0.55, "{report:#}");

    let listed = json(&run(folder.path(), &["model", "list", "--json"])).to_string();
    assert!(listed.contains("\"v2\""), "the model of the demo is kept: {listed}");
    let predicted = json(&run(folder.path(), &["predict", "--data", &shipped_data(), "--out", "scored.csv", "--json"]));
    assert_eq!(predicted["rows"], 7_043);
    let scored = fs::read_to_string(folder.path().join("scored.csv")).unwrap();
    assert!(scored.lines().nth(1).unwrap().ends_with(",v1"), "the champion from before has returned");
}
