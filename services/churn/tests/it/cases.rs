//! `churn test`: the pipeline on given events, without a broker.

use std::fs;

use tempfile::TempDir;

use crate::run::{json, run, stderr, stdout};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/test-cases.yaml");

#[test]
fn the_documented_cases_pass_and_a_wrong_expectation_fails_by_name() {
    let folder = TempDir::new().unwrap();
    let missing = run(folder.path(), &["test", EXAMPLE]);
    assert!(stderr(&missing).contains("churn setup"), "{}", stderr(&missing));
    assert!(run(folder.path(), &["demo", "--duration", "1s", "--rate", "100"]).status.success());

    let answer = json(&run(folder.path(), &["test", EXAMPLE, "--json"]));
    assert!(answer["passed"].as_u64().unwrap() >= 7 && answer["failed"] == 0, "{answer}");

    let wrong = fs::read_to_string(EXAMPLE).unwrap().replace("field: tenure", "field: contract");
    fs::write(folder.path().join("wrong.yaml"), wrong).unwrap();
    let failed = run(folder.path(), &["test", "wrong.yaml"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(stdout(&failed).contains("FAILED a tenure below zero"), "{}", stdout(&failed));
    assert!(stdout(&failed).contains("is \"tenure\", expected \"contract\""), "{}", stdout(&failed));

    fs::write(folder.path().join("broken.yaml"), "cases: [{name: a}]").unwrap();
    let broken = run(folder.path(), &["test", "broken.yaml"]);
    assert_eq!(broken.status.code(), Some(65));
    assert!(stderr(&broken).contains("broken.yaml"), "{}", stderr(&broken));
}
