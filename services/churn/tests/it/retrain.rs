//! Asking for a new model: by command, and by the webhook of Alertmanager.

use anyhow::{Context, Result, ensure};
use churn_testkit::{http_client, poll_until};
use serde_json::{Value, json};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::http::free_port;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_an_alert_ask_for_a_model_and_are_told_what_became_of_it() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let listen = format!("127.0.0.1:{}", free_port()?);
    let quick = [
        ("CHURN__HTTP__LISTEN", listen.as_str()),
        ("CHURN__HTTP__TOKEN", "a-token"),
        ("CHURN__TRAINER__BUDGET", "1s"),
        ("CHURN__TRAINER__DEBOUNCE", "100ms"),
        ("CHURN__TRAINER__COOLDOWN", "0s"),
        ("CHURN__TRAINER__SCHEDULE", ""),
        // How far a second of search comes depends on the machine; no model of it may be so much better.
        ("CHURN__TRAINER__GATE_MAX_P_VALUE", "1e-9"),
    ];
    let trainer = stack.part("trainer", &quick)?;
    // So nothing better comes of it, and the command says so.
    let asked = stack.run(&["retrain", "--reason", "a test", "--wait", "--timeout", "100s"]);
    ensure!(asked.status.code() == Some(1), "{}{}", crate::run::stderr(&asked), trainer.stderr());
    let answer: Value = serde_json::from_slice(&asked.stdout)?;
    ensure!(answer["status"] == "rejected" && answer["model_version"] == "v2", "{answer}");
    ensure!(answer["detail"].as_str().is_some_and(|detail| detail.contains("better by more than chance")), "{answer}");
    ensure!(stack.count("select count(*) from churn.retrain_audit where evidence ->> 'why' = 'a test'").await? == 1);

    let (client, url) = (http_client(), format!("http://{listen}/v1/retrain"));
    let alert = json!({
        "version": "4", "groupKey": "{}:{alertname=\"ChurnModelWorse\"}", "status": "firing", "receiver": "trainer",
        "alerts": [{ "status": "firing", "labels": { "alertname": "ChurnModelWorse" }, "startsAt": "2026-11-29T03:00:00Z" }],
    });
    let post = async |token: &str| -> Result<(u16, Value)> {
        let answer = client.post(&url).bearer_auth(token).body(alert.to_string()).send().await?;
        Ok((answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await?)?))
    };
    ensure!(post("wrong").await?.0 == 401);
    let (status, first) = post("a-token").await?;
    ensure!(status == 202 && first["new"] == true, "{status} {first}");
    let (_, again) = post("a-token").await?;
    ensure!(again["new"] == false && again["request_id"] == first["request_id"], "{again}");
    let id = first["request_id"].as_str().context("an id")?;
    poll_until(PATIENCE, async || {
        let answer = client.get(format!("{url}/{id}")).bearer_auth("a-token").send().await?.bytes().await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer["status"] == "rejected", "{answer}");
        Ok(true)
    })
    .await
    .with_context(|| trainer.stderr())?;
    stop(trainer, "trainer").await
}
