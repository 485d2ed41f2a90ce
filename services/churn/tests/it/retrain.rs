//! Asking for a new model: by command, by the calendar, by the webhook of Alertmanager and as the monitor does; and what a trainer that
//! was killed still knows.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use churn_registry::{Decision, Draft, Kind, Promotion, Registry};
use churn_runtime::clock::now_ms;
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, KafkaConfig, Outgoing};
use churn_testkit::{free_port, http_client, kafka, poll_until, schema_registry};
use churn_wire::{RareRecord, Record, RetrainReason, RetrainRequest, SchemaRegistry, WireConfig, write_prefix};
use serde_json::{Map, Value, json};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::run::shipped_data;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_an_alert_ask_for_a_model_and_are_told_what_became_of_it() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let listen = format!("127.0.0.1:{}", free_port());
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

/// An alert as Alertmanager's webhook has it, whole.
fn alert(name: &str, status: &str, starts_at: &str) -> Value {
    let labels = json!({
        "alertname": name, "severity": "warning", "subject": "model", "model_version": "v1", "job": "churn", "instance": "monitor:8080",
    });
    json!({
        "receiver": "trainer", "status": status,
        "alerts": [{
            "status": status, "labels": labels,
            "annotations": { "summary": "Customers are not those that the model was trained for.", "runbook_url": "https://example.org" },
            "startsAt": starts_at, "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus:9090/graph", "fingerprint": "c0ffee",
        }],
        "groupLabels": { "alertname": name, "model_version": "v1" }, "commonLabels": labels, "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093", "version": "4",
        "groupKey": format!("{{}}/{{subject=\"model\"}}:{{alertname=\"{name}\", model_version=\"v1\"}}"), "truncatedAlerts": 0,
    })
}

/// Asks as the monitor does when customers have drifted.
async fn ask_as_the_monitor(stack: &Stack) -> Result<()> {
    let config =
        KafkaConfig { brokers: kafka().bootstrap, topic_prefix: stack.prefix().to_owned(), ..KafkaConfig::default() };
    let progress = Progress::new();
    let cluster = Cluster::connect(&config, &progress).await?;
    let schemas = SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })?;
    let topic = cluster.topics().retrain_requests.clone();
    let request = RetrainRequest {
        request_id: ulid::Ulid::generate().to_string(),
        requested_at: now_ms(),
        reason: RetrainReason::Drift,
        champion_version: Some("v1".into()),
        detail: Some(r#"{"features":["tenure"]}"#.into()),
    };
    let mut value = Vec::new();
    write_prefix(schemas.id_of(&topic, Record::RetrainRequest).await?, &mut value);
    value.extend(request.encode()?);
    let mut producer = cluster.producer(&progress.stage("test"))?;
    tokio::task::block_in_place(|| {
        producer.send(Outgoing::new(&topic, b"v1", &value))?;
        producer.flush(PATIENCE)
    })?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calendar_asks_once_for_all_times_missed_and_an_alarm_once_by_whichever_way_it_comes() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    // The calendar asked three years ago, and no trainer has run since: three New Year's Days were missed.
    stack
        .execute(
            "insert into churn.retrain_audit (request_id, requested_at, reason, requested_by, evidence, status, finished_at)
             values (gen_random_uuid(), now() - interval '3 years', 'schedule', 'schedule', '{}', 'rejected', now() - interval '3 years')",
        )
        .await?;
    let listen = format!("127.0.0.1:{}", free_port());
    let quick = [
        ("CHURN__HTTP__LISTEN", listen.as_str()),
        ("CHURN__TRAINER__BUDGET", "1s"),
        ("CHURN__TRAINER__DEBOUNCE", "1s"),
        ("CHURN__TRAINER__COOLDOWN", "0s"),
        ("CHURN__TRAINER__SCHEDULE", "0 0 1 1 *"),
        ("CHURN__TRAINER__GATE_MAX_P_VALUE", "1e-9"),
    ];
    let trainer = stack.part("trainer", &quick)?;
    let calendar = "select count(*) from churn.retrain_audit
        where reason = 'schedule' and requested_by = 'schedule' and status = 'rejected' and attempts = 1
            and requested_at = date_trunc('year', now() at time zone 'UTC') at time zone 'UTC'
            and decision ->> 'passed' = 'false' and training -> 'learned_from' ->> 'sha256' is not null";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(calendar).await? == 1))
        .await
        .with_context(|| trainer.stderr())?;
    ensure!(stack.count("select count(*) from churn.retrain_audit").await? == 2, "one request for all that was missed");

    // Nobody works before the alarm has come by all of its ways: the trainer finds its lease taken until then.
    stack.execute("update churn.lease set token = token + 1, expires_at = now() + interval '1 hour'").await?;
    ask_as_the_monitor(&stack).await?;
    let heard = "select count(*) from churn.retrain_audit where reason = 'drift' and status = 'requested'";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(heard).await? == 1))
        .await
        .with_context(|| trainer.stderr())?;
    let (client, url) = (http_client(), format!("http://{listen}/v1/retrain"));
    let post = async |alert: &Value| -> Result<Value> {
        let answer = client.post(&url).body(alert.to_string()).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    };
    let began = "2026-11-29T03:00:00.000Z";
    for repeated in 0..4 {
        let said = post(&alert("ChurnDrift", "firing", began)).await?;
        ensure!(said["new"] == (repeated == 0), "Alertmanager repeats itself: {said}");
    }
    ensure!(post(&alert("ChurnPerformanceWorse", "firing", began)).await?["new"] == true);
    ensure!(post(&alert("ChurnDrift", "resolved", began)).await?["ignored"].is_string());
    let unstorable = client.post(&url).body(r#"{"reason": "a NUL: \u0000"}"#).send().await?;
    ensure!(unstorable.status() == 400, "asking again cannot help: {}", unstorable.text().await?);
    stack.execute("update churn.lease set token = token - 1, expires_at = now() + interval '2 s'").await?;
    let answered = "select count(*) from churn.retrain_audit
        where reason in ('drift', 'alert') and (status = 'merged' or (status = 'rejected' and attempts = 1 and decision is not null))";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(answered).await? == 3))
        .await
        .with_context(|| trainer.stderr())?;
    let trainings = "select count(distinct candidate_version) from churn.retrain_audit where status <> 'merged'";
    ensure!(stack.count(trainings).await? == 2, "one training for the calendar and one for the alarm");
    ensure!(stack.command(&["model", "list"]).as_array().map(Vec::len) == Some(3), "v1 and theirs");
    stop(trainer, "trainer").await
}

/// Makes a twin of the champion the champion, as if it had passed the gate: of the two neither is better, however often one looks.
async fn promote_a_twin(registry: &Registry) -> Result<()> {
    let champion = registry.champion(Kind::Model).await?.context("a champion")?;
    let decision = Decision {
        passed: true,
        against: champion.version,
        reason: "as meant by the test".into(),
        figures: Map::new(),
    };
    let twin = registry.load_champion(&champion).await?;
    let draft = Draft {
        kind: Kind::Model,
        created_at_ms: now_ms(),
        created_by: "test".into(),
        params: twin.manifest.params,
        lineage: twin.manifest.lineage,
        metrics: twin.manifest.metrics,
        decision: Some(decision),
        files: twin.files,
    };
    let version = registry.publish(draft).await?.manifest.version;
    let (by, reason) = ("test".into(), "test".into());
    let promotion = Promotion { kind: Kind::Model, version, by, reason, overridden: None, at_ms: now_ms() };
    registry.promote(&promotion, Some(&champion)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trainer_that_was_killed_goes_on_counting_how_often_it_has_looked_at_a_new_champion() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    promote_a_twin(&Registry::folder(stack.folder().join(".churn/registry"))?).await?;
    std::fs::copy(shipped_data(), stack.folder().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv", "--outcomes"]);
    let (scorer, sink) = (stack.part("scorer", &[])?, stack.part("sink", &[])?);
    let looking = [
        ("CHURN__TRAINER__SCHEDULE", ""),
        ("CHURN__TRAINER__POLL", "50ms"),
        ("CHURN__TRAINER__LEASE", "2s"),
        ("CHURN__TRAINER__PROBATION_ROWS", "1000"),
        ("CHURN__TRAINER__PROBATION_POLL", "100ms"),
    ];
    let mut trainer = stack.part("trainer", &looking)?;
    // At 1,000, 2,000 and 4,000 of 7,043 labelled events; the fourth look is at 8,000.
    let looks = "select count(*) from churn.probation_look where verdict ->> 'passed' = 'false'";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(looks).await? == 3))
        .await
        .with_context(|| trainer.stderr())?;
    trainer.kill9()?;
    let first = trainer.stderr();

    let shipped = std::fs::read_to_string(shipped_data())?;
    let mut more = String::new();
    for (line, text) in shipped.lines().take(1_501).enumerate() {
        let id = if line == 0 { "customer_id".to_owned() } else { format!("more-{line}") };
        writeln!(more, "{id},{text}")?;
    }
    std::fs::write(stack.folder().join("more.csv"), more)?;
    stack.command(&["produce", "--data", "more.csv", "--outcomes"]);
    let trainer = stack.part("trainer", &looking)?;
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(looks).await? == 4))
        .await
        .with_context(|| trainer.stderr())?;
    let compared = "the champion was held against its predecessor";
    let counts = [first, trainer.stderr()].map(|said| said.matches(compared).count());
    ensure!(counts == [3, 1], "of four looks {counts:?} were taken: {}", trainer.stderr());
    ensure!(stack.command(&["model", "show"])["manifest"]["version"] == "v2");
    for (name, part) in [("trainer", trainer), ("sink", sink), ("scorer", scorer)] {
        stop(part, name).await?;
    }
    Ok(())
}
