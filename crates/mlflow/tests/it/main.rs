//! The mirror against a real MLflow server.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::time::Duration;

use churn_mlflow::{LiveFigures, Mirror, Mirrored, MlflowConfig, MlflowError};
use churn_registry::{Decision, Draft, Kind, Promotion, Registry, Version};
use churn_runtime::config::{HumanDuration, Validate};
use churn_runtime::exit::{Fate, Fated};
use churn_testkit::{OwnMlflow, http_client};
use serde_json::{Value, json};

async fn publish(registry: &Registry, kind: Kind, log_loss: f64, decision: Option<Decision>) -> Version {
    let object = |value: Value| value.as_object().unwrap().clone();
    let draft = Draft {
        kind,
        created_at_ms: 1_700_000_000_000,
        created_by: "test".into(),
        params: object(json!({ "seed": 7, "learner": { "name": "boosted_trees", "depth": 3 } })),
        lineage: object(json!({ "rows": 7043 })),
        metrics: object(json!({ "log_loss": log_loss, "slices": [{ "auc": 0.8 }] })),
        decision,
        files: [("report.html".to_owned(), b"<p>report</p>".to_vec()), ("model.json".to_owned(), vec![b'x'; 100_000])]
            .into(),
    };
    registry.publish(draft).await.unwrap().manifest.version
}

async fn promote(registry: &Registry, kind: Kind, version: Version) {
    let before = registry.champion(kind).await.unwrap();
    let (by, reason) = ("test".into(), "test".into());
    let overridden = Some("a test has no gate".into());
    let promotion = Promotion { kind, version, by, reason, overridden, at_ms: 0 };
    registry.promote(&promotion, before.as_ref()).await.unwrap();
}

fn config(url: &str) -> MlflowConfig {
    let timeout = HumanDuration::from(Duration::from_secs(60));
    MlflowConfig { url: url.to_owned(), timeout, ..MlflowConfig::default() }
}

async fn asked(url: &str, call: &str, query: &[(&str, &str)]) -> Value {
    let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let url = format!("{url}/api/2.0/mlflow/{call}?{}", query.join("&"));
    http_client().get(url).send().await.unwrap().json().await.unwrap()
}

async fn alias(url: &str, alias: &str) -> Value {
    asked(url, "registered-models/alias", &[("name", "churnstream-model"), ("alias", alias)]).await["model_version"]
        .clone()
}

fn added(mirrored: &Mirrored) -> Vec<&str> {
    mirrored.added.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn every_version_is_a_run_and_the_aliases_follow_the_pointer_even_after_mlflow_was_away() {
    let mlflow = OwnMlflow::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::folder(folder.path()).unwrap();
    let generator = publish(&registry, Kind::Generator, 0.9, None).await;
    promote(&registry, Kind::Generator, generator).await;
    let first = publish(&registry, Kind::Model, 0.42, None).await;
    promote(&registry, Kind::Model, first).await;
    let figures = json!({ "log_loss_difference": -0.01 }).as_object().unwrap().clone();
    let decision = Decision { passed: false, against: first, reason: "not better".into(), figures };
    publish(&registry, Kind::Model, 0.43, Some(decision)).await;

    let mirror = Mirror::new(&config(mlflow.url()), registry.clone()).unwrap();
    let mirrored = mirror.round().await.unwrap();
    assert_eq!(added(&mirrored), ["generator v1", "model v1", "model v2"]);
    assert!(mirror.round().await.unwrap().is_empty(), "a second round finds nothing to do");

    let champion = alias(mlflow.url(), "champion").await;
    let hash = registry.champion(Kind::Model).await.unwrap().unwrap().manifest_sha256.clone();
    assert!(champion["tags"].as_array().unwrap().contains(&json!({ "key": "churn.manifest_sha256", "value": hash })));
    let live = LiveFigures { at_ms: 1_700_000_300_000, values: vec![("auc".into(), 0.81), ("brier".into(), f64::NAN)] };
    for _ in 0..2 {
        assert!(mirror.add_live(first, &live).await.unwrap());
    }
    let points = [("run_id", champion["run_id"].as_str().unwrap()), ("metric_key", "live.auc")];
    let points = asked(mlflow.url(), "metrics/get-history", &points).await["metrics"].clone();
    // Five minutes after the version was made, and once however often it is told.
    assert_eq!(points, json!([{ "key": "live.auc", "value": 0.81, "timestamp": live.at_ms, "step": 5 }]));
    let challenger = alias(mlflow.url(), "challenger").await;
    let run = asked(mlflow.url(), "runs/get", &[("run_id", challenger["run_id"].as_str().unwrap())]).await;
    let data = &run["run"]["data"];
    let value = |list: &str, key: &str| {
        data[list].as_array().unwrap().iter().find(|pair| pair["key"] == key).map(|pair| pair["value"].clone())
    };
    assert_eq!(run["run"]["info"]["status"], "FINISHED");
    assert_eq!(value("params", "params.learner.depth"), Some(json!("3")));
    assert_eq!(value("metrics", "log_loss"), Some(json!(0.43)));
    assert_eq!(value("metrics", "slices.0.auc"), Some(json!(0.8)));
    assert_eq!(value("metrics", "gate.log_loss_difference"), Some(json!(-0.01)));
    assert_eq!(value("tags", "churn.gate_reason"), Some(json!("not better")));
    let place =
        run["run"]["info"]["artifact_uri"].as_str().unwrap().trim_start_matches("mlflow-artifacts:/").to_owned();
    let report = format!("{}/api/2.0/mlflow-artifacts/artifacts/{place}/artifact/report.html", mlflow.url());
    assert_eq!(http_client().get(report).send().await.unwrap().text().await.unwrap(), "<p>report</p>");

    mlflow.kill9().await.unwrap();
    let third = publish(&registry, Kind::Model, 0.40, None).await;
    promote(&registry, Kind::Model, third).await;
    let away = mirror.round().await.unwrap_err();
    assert_eq!(away.fate(), Fate::External);
    assert!(matches!(away, MlflowError::Unreachable { .. }), "{away}");
    assert_eq!(mirror.add_live(first, &live).await.unwrap_err().fate(), Fate::External);
    mlflow.restart().await.unwrap();
    assert!(!mirror.add_live(third, &live).await.unwrap(), "the mirror has not made its run yet");
    let caught_up = mirror.round().await.unwrap();
    assert_eq!(added(&caught_up), ["model v3"]);
    assert_eq!(caught_up.moved, ["model champion -> v3", "model challenger -> nothing"]);
    assert_eq!(alias(mlflow.url(), "champion").await["version"], "3");
}

#[tokio::test]
async fn an_mlflow_that_never_answers_costs_one_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::folder(folder.path()).unwrap();
    let timeout = HumanDuration::from(Duration::from_millis(200));
    let config = MlflowConfig { timeout, ..config(&format!("http://{}", silent.local_addr().unwrap())) };
    let error = Mirror::new(&config, registry).unwrap().round().await.unwrap_err();
    assert_eq!(error.fate(), Fate::External);
    assert!(error.to_string().contains("catches up"), "{error}");
}

#[test]
fn every_fault_of_the_section_is_listed() {
    let nothing = HumanDuration::from(Duration::ZERO);
    let config =
        MlflowConfig { url: "mlflow:5000".into(), prefix: "a/b".into(), timeout: nothing, ..MlflowConfig::default() };
    let faults: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(MlflowConfig::default().validate().is_empty(), "no mirror is no fault");
}
