//! The operator's view of the registry.

use std::path::Path;
use std::process::Output;

use churn_registry::{Decision, Draft, Kind, Registry};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::run::{json as answer, run, run_with, stderr, stdout};

fn model(folder: &Path, args: &[&str]) -> Output {
    let args: Vec<&str> = ["model"].iter().chain(args).copied().collect();
    run(folder, &args)
}

fn told(folder: &Path, args: &[&str]) -> Value {
    let output = model(folder, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    answer(&output)
}

/// A registry with these versions, each with what the gate said of it: whether it passed against v1.
async fn registry(folder: &Path, said: &[Option<bool>]) {
    let registry = Registry::folder(folder.join(".churn/registry")).unwrap();
    for (at, passed) in said.iter().enumerate() {
        let decision = passed.map(|passed| Decision {
            passed,
            against: "v1".parse().unwrap(),
            reason: "log-loss by 0.01".into(),
            figures: Map::new(),
        });
        let metrics = json!({ "test": { "log_loss": 0.5 - at as f64 / 100.0 } });
        let draft = Draft {
            kind: Kind::Model,
            created_at_ms: 0,
            created_by: "test".into(),
            params: Map::new(),
            lineage: Map::new(),
            metrics: metrics.as_object().unwrap().clone(),
            decision,
            files: [("model.json".to_owned(), at.to_string().into_bytes())].into(),
        };
        registry.publish(draft).await.unwrap();
    }
}

#[tokio::test]
async fn the_champion_moves_by_the_gate_or_by_a_recorded_reason_and_back_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    registry(path, &[None, Some(false), Some(true)]).await;
    assert_eq!(told(path, &["promote", "v1"])["to"], "v1", "the first champion needs no gate");

    let again = told(path, &["promote", "v1"]);
    assert_eq!((&again["unchanged"], &again["to"]), (&json!(true), &json!("v1")), "{again}");
    let said = stdout(&model(path, &["promote", "v1"]));
    assert!(said.contains("is the champion already, since ") && said.contains("nothing is changed"), "{said}");
    assert_eq!(told(path, &["show"])["pointer"]["history"], json!([]), "and it is no reign of its own");

    let refused = model(path, &["promote", "v2"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("log-loss by 0.01") && stderr(&refused).contains("--override"));
    assert_eq!(model(path, &["promote", "v2", "--override", " "]).status.code(), Some(64));
    let forced = told(path, &["promote", "v2", "--override", "an experiment"]);
    assert_eq!((&forced["from"], &forced["overridden"]), (&json!("v1"), &json!("an experiment")));
    assert_eq!(told(path, &["show"])["pointer"]["overridden"], "an experiment");
    assert!(stdout(&model(path, &["show"])).contains("past the gate, because an experiment"));

    assert_eq!(told(path, &["rollback", "--reason", "it was worse"])["to"], "v1");
    assert_eq!(model(path, &["rollback"]).status.code(), Some(1), "there is nothing before v1");
    assert_eq!(told(path, &["promote", "v3"])["overridden"], Value::Null);

    let listed = told(path, &["list"]);
    let marks: Vec<_> = listed.as_array().unwrap().iter().map(|model| model["champion"] == true).collect();
    assert_eq!(marks, [false, false, true]);
    let gates: Vec<_> = listed.as_array().unwrap().iter().map(|model| model["gate"].clone()).collect();
    assert_eq!(gates, [Value::Null, json!("refused"), json!("passed")]);
}

#[tokio::test]
async fn a_promotion_stands_although_kafka_is_away_and_the_operator_is_warned() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    registry(path, &[None, Some(true)]).await;
    assert_eq!(told(path, &["promote", "v1"])["announced"], false, "no Kafka is configured");
    // Nobody listens at the first port.
    let brokers = "127.0.0.1:1";
    let env = [("CHURN__KAFKA__BROKERS", brokers), ("CHURN__KAFKA__CONNECT_TIMEOUT", "1s")];
    let output = run_with(path, &["model", "promote", "v2", "--json"], &env);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!((&answer(&output)["to"], &answer(&output)["announced"]), (&json!("v2"), &json!(false)));
    assert!(stderr(&output).contains("not announced") && stderr(&output).contains(brokers), "{}", stderr(&output));
    assert_eq!(told(path, &["show"])["manifest"]["version"], "v2");
}

#[tokio::test]
async fn versions_are_compared_by_everything_that_they_say_of_themselves() {
    let folder = TempDir::new().unwrap();
    registry(folder.path(), &[Some(true), Some(true)]).await;
    let differences = told(folder.path(), &["diff", "v1", "v2"]);
    let paths: Vec<_> = differences.as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["files.model.json", "metrics.test.log_loss"]);
    assert_eq!((&differences[1]["from"], &differences[1]["to"]), (&json!(0.5), &json!(0.49)));
    assert!(stdout(&model(folder.path(), &["diff", "v1", "v1"])).contains("do not differ"));
}

#[tokio::test]
async fn sweeping_says_what_it_would_delete_and_deletes_it() {
    let folder = TempDir::new().unwrap();
    registry(folder.path(), &[None, None, None, None]).await;
    told(folder.path(), &["promote", "v1"]);
    let would = told(folder.path(), &["gc", "--keep", "1", "--keep-version", "v3", "--dry-run"]);
    assert_eq!((&would["versions"], &would["dry_run"]), (&json!(["v2"]), &json!(true)));
    assert_eq!(told(folder.path(), &["list"]).as_array().unwrap().len(), 4);
    told(folder.path(), &["gc", "--keep", "1", "--keep-version", "v3"]);
    let left = told(folder.path(), &["list"]);
    let left: Vec<_> = left.as_array().unwrap().iter().map(|model| model["version"].clone()).collect();
    assert_eq!(left, ["v1", "v3", "v4"]);
}

#[tokio::test]
async fn a_damaged_version_is_listed_with_what_is_wrong_and_not_shown() {
    let folder = TempDir::new().unwrap();
    registry(folder.path(), &[None, None]).await;
    let stored = folder.path().join(".churn/registry/models");
    std::fs::write(stored.join("v1/manifest.json"), "{").unwrap();
    std::fs::write(stored.join("v2/model.json"), "0").unwrap();
    let listed = told(folder.path(), &["list"]);
    assert!(listed[0]["problem"].as_str().unwrap().contains("v1/manifest.json"), "{listed}");
    let shown = model(folder.path(), &["show", "v2"]);
    assert_eq!(shown.status.code(), Some(65));
    assert!(stderr(&shown).contains("model.json"), "{}", stderr(&shown));
    assert_eq!(model(folder.path(), &["show", "three"]).status.code(), Some(64));
}
