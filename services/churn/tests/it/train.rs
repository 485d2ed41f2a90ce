//! Training, its judgement, and what becomes of a model: reasons, report, export.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::run::{json, run, shipped_data, stderr, stdout};

/// Every `nth` of the shipped customers, as a file in the folder.
fn sample(folder: &Path, nth: usize) -> String {
    write_rows(folder, "sample.csv", |at, line| (at % nth == 0).then(|| line.to_owned()))
}

/// The shipped customers as the closure wants them, by their number from 0.
fn write_rows(folder: &Path, name: &str, row: impl Fn(usize, &str) -> Option<String>) -> String {
    let shipped = fs::read_to_string(shipped_data()).unwrap();
    let (header, rows) = shipped.split_once('\n').unwrap();
    let rows: Vec<String> = rows.lines().enumerate().filter_map(|(at, line)| row(at, line)).collect();
    fs::write(folder.join(name), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    name.to_owned()
}

fn train(folder: &Path, data: &str, more: &[&str]) -> Value {
    json(&run(folder, &[&["train", "--data", data, "--json"], more].concat()))
}

#[test]
fn a_number_of_trials_gives_one_model_on_any_number_of_threads_with_a_leaderboard_and_its_trials() {
    let folder = TempDir::new().unwrap();
    let data = sample(folder.path(), 8);
    let of = |threads: &str| {
        let answer =
            train(folder.path(), &data, &["--trials", "4", "--threads", threads, "--trials-out", "trials.jsonl"]);
        let version = answer["model_version"].as_str().unwrap().to_owned();
        let registered = folder.path().join(".churn/registry/models").join(&version);
        let trees = fs::read(registered.join("encoder.json")).ok().zip(fs::read(registered.join("golden.json")).ok());
        (answer, trees.unwrap_or_else(|| panic!("{} lacks files", registered.display())))
    };
    let ((one, files), (two, again)) = (of("1"), of("2"));
    assert!(files == again, "the files differ");
    assert_eq!(one["metrics"], two["metrics"]);
    let losses: Vec<f64> =
        one["leaderboard"].as_array().unwrap().iter().map(|row| row["loss"].as_f64().unwrap()).collect();
    assert!(losses.len() >= 4 && losses.is_sorted(), "{losses:?}");
    let lines = fs::read_to_string(folder.path().join("trials.jsonl")).unwrap();
    let trials: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(trials.len(), losses.len());
    assert!(trials.iter().all(|trial| trial["metrics"]["log_loss"].as_f64().unwrap() < 0.7));
    let listed = json(&run(folder.path(), &["model", "list", "--json"]));
    assert!(listed.as_array().unwrap().iter().all(|model| model["champion"] == false), "{listed}");
}

#[test]
fn a_tenth_of_the_customers_is_held_out_and_the_manifest_says_so() {
    let folder = TempDir::new().unwrap();
    let data = sample(folder.path(), 8);
    let lineage = |more: &[&str]| {
        let answer = train(folder.path(), &data, &[&["--trials", "1", "--repeats", "0"], more].concat());
        let shown = json(&run(folder.path(), &["model", "show", answer["model_version"].as_str().unwrap(), "--json"]));
        let lineage = shown.pointer("/manifest/lineage").unwrap_or_else(|| panic!("{shown}")).clone();
        assert_eq!((&answer["rows"], &answer["held_out"]), (&lineage["rows"], &lineage["held_out"]));
        let sum = Sha256::digest(fs::read(folder.path().join(&data)).unwrap());
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&lineage["data_sha256"], &lineage["data_rows"]), (&sum.into(), &7_043_u64.div_ceil(8).into()));
        (lineage["rows"].as_u64().unwrap(), lineage["held_out"].as_u64().unwrap())
    };
    let all = 7_043_u64.div_ceil(8);
    let (rows, held_out) = lineage(&[]);
    assert!(rows + held_out == all && (50..130).contains(&held_out), "{rows} {held_out}");
    assert_eq!(lineage(&["--all-customers"]), (all, 0));
}

#[test]
fn folds_of_a_file_are_each_predicted_by_a_search_on_the_others() {
    let folder = TempDir::new().unwrap();
    let data = sample(folder.path(), 8);
    let rows = 7_043_usize.div_ceil(8);
    let folds: Vec<String> = (0..rows).rev().map(|row| format!("{row},{}", row % 3 + 4)).collect();
    fs::write(folder.path().join("folds.csv"), format!("row,fold\n{}\n", folds.join("\n"))).unwrap();
    let answer = train(folder.path(), &data, &["--folds", "folds.csv", "--oof", "oof.csv", "--trials", "2"]);
    let oof = fs::read_to_string(folder.path().join("oof.csv")).unwrap();
    let lines: Vec<&str> = oof.lines().collect();
    assert_eq!((lines[0], lines.len()), ("row,fold,probability", rows + 1));
    for (row, line) in lines[1..].iter().enumerate() {
        let fields: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        assert_eq!((fields[0], fields[1]), (row as f64, (row % 3 + 4) as f64));
        assert!((0.0..=1.0).contains(&fields[2]));
    }
    assert_eq!(answer["folds"].as_array().unwrap().len(), 3);
    assert!(answer["mean_auc"].as_f64().unwrap() > 0.8, "{answer}");
}

#[test]
fn reasons_stand_beside_the_scores_and_change_none_of_them() {
    let folder = TempDir::new().unwrap();
    let data = sample(folder.path(), 8);
    let version = train(folder.path(), &data, &["--trials", "4"])["model_version"].as_str().unwrap().to_owned();
    let scored = |out: &str, more: &[&str]| {
        let args = ["predict", "--data", &data, "--out", out, "--model", &version, "--json"];
        let answer = json(&run(folder.path(), &[&args[..], more].concat()));
        let text = fs::read_to_string(folder.path().join(out)).unwrap();
        (answer, text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect::<Vec<Vec<String>>>())
    };
    let (_, plain) = scored("plain.csv", &["--threads", "1"]);
    let (answer, reasoned) = scored("reasons.csv", &["--reasons", "3", "--threads", "2"]);
    assert_eq!((answer["reasons"].as_u64(), answer["threads"].as_u64()), (Some(3), Some(2)));
    let at = |name: &str| reasoned[0].iter().position(|column| column == name).unwrap();
    for (plain, reasoned) in plain.iter().zip(&reasoned).skip(1) {
        assert_eq!(plain[..], reasoned[..plain.len()]);
        let by: Vec<f64> = (1..=3)
            .map(|place| reasoned[at(&format!("reason_{place}_contribution"))].parse::<f64>().unwrap().abs())
            .collect();
        assert!(by[0] >= by[1] && by[1] >= by[2] && by[2] > 0.0, "{by:?}");
    }
}

#[test]
fn the_report_is_one_file_with_its_pictures_and_without_a_script_or_an_address() {
    let folder = TempDir::new().unwrap();
    let data = sample(folder.path(), 8);
    train(folder.path(), &data, &["--trials", "2"]);
    let answer = json(&run(folder.path(), &["model", "report", "v1", "--json"]));
    let page = fs::read_to_string(folder.path().join(answer["out"].as_str().unwrap())).unwrap();
    for part in [
        "ROC",
        "Precision and recall",
        "Calibration",
        "Gain",
        "Campaign",
        "Importance",
        "Partial dependence",
        "Slices",
        "Model card",
        "Data card",
        "SHA-256 of the data file",
        "Class balance",
        "whole number, months",
        "Fiber optic ",
        "standard deviation",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.matches("<svg").count() >= 14, "{}", page.matches("<svg").count());
    assert!(!page.contains("Licence"), "nobody knows whose a file of one's own is");
    assert!(!page.contains("http") && !page.contains("<script") && !page.contains("NaN"));
    let missing = run(folder.path(), &["model", "report", "v9"]);
    assert!(!missing.status.success() && stderr(&missing).contains("v9"), "{}", stderr(&missing));
}

#[test]
fn pythons_xgboost_agrees_with_an_exported_model() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let python = root.join(".tools/xgboost/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/ensure-test-tools.sh", python.display());
    let folder = TempDir::new().unwrap();
    let data = sample(folder.path(), 4);
    train(folder.path(), &data, &["--trials", "4", "--learner", "boosted_trees", "--no-blend"]);
    let args = ["model", "export", "v1", "--format", "xgboost-json", "--out", "trees.json"];
    // Some whose charges have to be worked out, with whom the program's probabilities are compared all the same.
    let lacking = write_rows(folder.path(), "lacking.csv", |at, line| {
        let (start, _) = line.rsplit_once(',').unwrap();
        (at % 8 == 0).then(|| if at % 3 == 0 { format!("{start},") } else { line.to_owned() })
    });
    json(&run(folder.path(), &[&args[..], &["--data", &lacking, "--matrix", "matrix.csv", "--json"]].concat()));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/numerical/check_export.py");
    let check =
        Command::new(python).args([script, "trees.json", "matrix.csv"]).current_dir(folder.path()).output().unwrap();
    assert!(check.status.success(), "{}{}", stdout(&check), stderr(&check));
    // A model that is not made of trees is refused, with the way out.
    train(folder.path(), &data, &["--trials", "1", "--learner", "logistic"]);
    let refused = run(folder.path(), &["model", "export", "v2"]);
    assert_eq!(refused.status.code(), Some(65));
    assert!(stderr(&refused).contains("--learner boosted_trees"), "{}", stderr(&refused));
}

#[test]
fn data_that_nothing_can_be_learned_from_are_refused_with_what_is_needed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let one_class = write_rows(at, "one_class.csv", |_, line| line.starts_with("No,").then(|| line.to_owned()));
    let few = write_rows(at, "few.csv", |row, line| (row < 40).then(|| line.to_owned()));
    let header = fs::read_to_string(shipped_data()).unwrap();
    let renamed = header.replacen("tenure", "tenor", 1);
    fs::write(at.join("renamed.csv"), renamed).unwrap();
    let unlabelled: Vec<&str> = header.lines().map(|line| line.split_once(',').unwrap().1).collect();
    fs::write(at.join("unlabelled.csv"), unlabelled.join("\n")).unwrap();
    let infinite = write_rows(at, "infinite.csv", |row, line| {
        let (start, _) = line.rsplit_once(',').unwrap();
        Some(if row == 2 { format!("{start},inf") } else { line.to_owned() })
    });
    for (data, complaint) in [
        (one_class.as_str(), "only 0 of the customers have churn = Yes"),
        (&few, "customers are too few to train on"),
        ("renamed.csv", "tenure"),
        ("unlabelled.csv", "churn"),
        (&infinite, "total_charges"),
        ("nowhere.csv", "nowhere.csv"),
    ] {
        let output = run(at, &["train", "--data", data, "--trials", "1"]);
        assert_eq!(output.status.code(), Some(65), "{data}: {}", stderr(&output));
        assert!(stderr(&output).contains(complaint), "{data}: {}", stderr(&output));
    }
    for usage in [
        &["--budget", "soon"][..],
        &["--offer-cost", "9", "--customer-value", "2"],
        &["--folds", "folds.csv"],
        &["--metric", "luck"],
    ] {
        let output = run(at, &[&["train", "--data", "few.csv"], usage].concat());
        assert_eq!(output.status.code(), Some(64), "{usage:?}: {}", stderr(&output));
    }
}

#[test]
fn a_word_never_seen_a_constant_and_an_empty_column_are_trained_on_and_scored() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let odd = write_rows(at, "odd.csv", |row, line| {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        let last = fields.len() - 1;
        fields[last] = String::new();
        fields[last - 1] = "50".into();
        if row == 0 {
            fields[last - 3] = "0".into();
            fields[last - 2] = "Cowries".into();
        }
        (row % 8 == 0).then(|| fields.join(","))
    });
    let version = train(at, &odd, &["--trials", "4"])["model_version"].as_str().unwrap().to_owned();
    let args = ["predict", "--data", &odd, "--out", "scored.csv", "--model", &version, "--reasons", "2", "--json"];
    let answer = json(&run(at, &args));
    let mean = answer["mean_probability"].as_f64().unwrap();
    assert!((0.2..0.35).contains(&mean), "{answer}");
}
