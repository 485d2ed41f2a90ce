//! TLS, log-in, least rights and secrets, with the real program on real servers.

mod acls;
mod fortress;
mod rights;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{OwnPostgres, Program, free_port, http_client, poll_until};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tempfile::TempDir;

use self::fortress::{Fortress, NOBODY, PARTS, READER, SECRETS, signing_key, without_secrets};
use crate::run::{churn, json, shipped_data, stderr, stdout};

const PATIENCE: Duration = Duration::from_secs(120);

/// The arguments that every user of the machine can read.
fn arguments(process: u32) -> String {
    let path = format!("/proc/{process}/cmdline");
    std::fs::read(Path::new(&path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_run_with_their_least_rights_over_tls_and_no_secret_is_seen() -> Result<()> {
    let fortress = Fortress::start().await?;
    let mut parts: Vec<(Program, String)> =
        PARTS[1..].iter().rev().map(|name| fortress.part(name)).collect::<Result<_>>()?;
    let all = || parts.iter().map(|(program, _)| program.stderr()).collect::<String>();
    let admin = tokio::sync::Mutex::new(fortress.admin("churn").await?);
    let complete = "select count(*) from churn.scored_event join churn.outcome using (score_id)";
    let stored = poll_until(PATIENCE, async || {
        let rows = sqlx::query_scalar::<_, i64>(complete).fetch_one(&mut *admin.lock().await).await?;
        Ok::<_, anyhow::Error>(rows >= 1_000)
    });
    stored.await.with_context(all)?;
    let (mut admin, log) = (admin.into_inner(), tokio::sync::Mutex::new(fortress.admin("churn").await?));
    let encrypted =
        "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where usename like 'churn\\_%'";
    ensure!(sqlx::query_scalar::<_, bool>(encrypted).fetch_one(&mut admin).await?, "a connection without TLS");

    let client = http_client();
    for (program, base) in &parts {
        let ask = async |path: &str| -> Result<String> {
            Ok(client
                .get(format!("{base}{path}"))
                .bearer_auth(SECRETS[2])
                .send()
                .await?
                .error_for_status()?
                .text()
                .await?)
        };
        poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(!ask("/readyz").await?.is_empty())).await?;
        for path in ["/metrics", "/v1/status", "/version", "/readyz"] {
            without_secrets(&ask(path).await?)?;
        }
        without_secrets(&(program.stderr() + &program.stdout() + &arguments(program.id())))?;
        ensure!(client.get(format!("{base}/metrics")).send().await?.status() == 401, "no token, no metrics");
    }
    for complaint in ["mlflow is behind", "the collector does not answer"] {
        let said = poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(all().contains(complaint))).await;
        said.with_context(|| format!("{complaint:?} was to be said: {}", all()))?;
    }
    without_secrets(&all())?;
    for command in [&["config", "show"][..], &["config", "show", "--json"], &["config", "check"]] {
        let output = fortress.run("sink", command, &[]);
        let said = stdout(&output) + &stderr(&output);
        ensure!(output.status.success(), "{command:?}: {said}");
        without_secrets(&said)?;
    }
    train_and_promote(&fortress, &parts, &mut admin).await.with_context(all)?;
    send_nonsense(&fortress).await?;
    // A stream is gone on with where it stood.
    let place = parts.iter().position(|(program, _)| runs(program, "synthesizer")).context("a synthesizer")?;
    let (mut first, _) = parts.remove(place);
    first.terminate()?;
    ensure!(first.wait(PATIENCE).await?.success(), "{}", first.stderr());
    parts.push(fortress.part("synthesizer")?);
    // A new one is looked for among the events.
    let file = shipped_data();
    let produced =
        fortress.run("synthesizer", &["produce", "--data", &file, "--stream", "synthesizer-1", "--json"], &[]);
    ensure!(produced.status.success(), "{}", stderr(&produced));
    let mut reader = fortress.connection(READER).await?;
    for query in rights::dashboard_queries()? {
        reader.execute(AssertSqlSafe(query.clone())).await.with_context(|| query)?;
    }
    let access: Vec<Value> = PARTS[1..].iter().chain(&[READER]).map(|part| fortress.access(part)).collect();
    let used =
        poll_until(PATIENCE, async || rights::all_are_used(&mut *log.lock().await, &access).await.map(|()| true));
    used.await?;
    let access: Vec<Value> = PARTS.iter().map(|part| fortress.access(part)).collect();
    poll_until(PATIENCE, async || acls::all_are_used(&fortress.kafka.log()?, &access).map(|()| true)).await?;
    let schemas = [("CHURN__SCHEMA_REGISTRY__URL", NOBODY)];
    fortress.refused("scorer", &schemas, "schema registry")?;
    let bucket = [("CHURN__REGISTRY__S3__BUCKET", "models"), ("CHURN__REGISTRY__S3__ENDPOINT", NOBODY)];
    fortress.refused("scorer", &bucket, "s3://models")?;
    let damaged = signing_key().replace("END PRIVATE", "END A");
    let checked = fortress.run("sink", &["config", "check"], &[("CHURN__REGISTRY__SIGNING_KEY", &damaged)]);
    let said = stdout(&checked) + &stderr(&checked);
    ensure!(!checked.status.success() && said.contains("signing_key"), "{}: {said}", checked.status);
    without_secrets(&said)
}

/// A record that is none into each topic that a part sets such records aside of.
async fn send_nonsense(fortress: &Fortress) -> Result<()> {
    let brokers = &fortress.kafka.kafka().bootstrap;
    let producer: FutureProducer = rdkafka::ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    for topic in ["customer-events.v1", "customer-scores.v1", "customer-outcomes.v1", "retrain-requests.v1"] {
        let record = FutureRecord::to(topic).key("nobody").payload("no record");
        producer.send(record, PATIENCE).await.map_err(|(error, _)| error).context(topic)?;
    }
    Ok(())
}

/// A model is asked for and made, and its promotion is heard by all who serve it.
async fn train_and_promote(fortress: &Fortress, parts: &[(Program, String)], admin: &mut PgConnection) -> Result<()> {
    // As the monitor asks, who may.
    let asked = fortress.run("monitor", &["retrain", "--reason", "a test of rights"], &[]);
    ensure!(asked.status.success(), "{}", stderr(&asked));
    let admin = tokio::sync::Mutex::new(admin);
    poll_until(PATIENCE, async || {
        let answered = "select count(*) from churn.retrain_audit where status in ('promoted', 'rejected')";
        Ok::<_, sqlx::Error>(sqlx::query_scalar::<_, i64>(answered).fetch_one(&mut **admin.lock().await).await? == 1)
    })
    .await
    .context("the trainer has not answered")?;
    // As the trainer promotes, whatever its gate said this time.
    let promote = |version: &str| {
        fortress.run("trainer", &["model", "promote", version, "--override", "a test of rights", "--json"], &[])
    };
    // The trainer may have promoted the new one itself; then the old one comes back.
    let announced = |version: &str| json(&promote(version))["announced"] == true;
    ensure!(announced("v2") || announced("v1"), "no promotion was announced");
    for (program, base) in
        parts.iter().filter(|(program, _)| ["scorer", "monitor", "api"].iter().any(|part| runs(program, part)))
    {
        poll_until(PATIENCE, async || {
            let metrics =
                http_client().get(format!("{base}/metrics")).bearer_auth(SECRETS[2]).send().await?.text().await?;
            Ok::<_, reqwest::Error>(metrics.contains(r#"churn_model_updates_heard_total{result="read"}"#))
        })
        .await
        .with_context(|| format!("{} heard of no promotion: {}", arguments(program.id()), program.stderr()))?;
    }
    Ok(())
}

fn runs(program: &Program, part: &str) -> bool {
    arguments(program.id()).split('\0').any(|word| word == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_authorities_and_certificates_are_refused_with_the_reason() -> Result<()> {
    let (fortress, expired) = tokio::try_join!(Fortress::start(), OwnPostgres::start_with_tls(true))?;
    let kafka_other = fortress.kafka.certificates().join("other-ca.pem").display().to_string();
    fortress.refused("scorer", &[("CHURN__KAFKA__SECURITY__PASSWORD", "wr0ng")], "uthentication failed")?;
    fortress.refused("scorer", &[("CHURN__KAFKA__SECURITY__CA_FILE", &kafka_other)], "certificate")?;
    fortress.refused("scorer", &[("CHURN__KAFKA__BROKERS", &fortress.kafka.expired_address()?)], "certificate")?;
    // Another part's user: it may log in, and may not do this part's work.
    fortress.refused("scorer", &[("CHURN__KAFKA__SECURITY__USERNAME", "churn-monitor")], "uthorization")?;

    let right = fortress.env("sink")?;
    let url = right.iter().find(|(key, _)| key == "CHURN__POSTGRES__URL").context("url")?.1.clone();
    let with = |url: String, reason: &str| fortress.refused("sink", &[("CHURN__POSTGRES__URL", &url)], reason);
    with(url.replace(SECRETS[1], "wr0ng"), "password authentication failed")?;
    with(url.replace("ca.pem", "other-ca.pem"), "certificate")?;
    with(url.replace("verify-full", "disable"), "no encryption")?;
    with(url.replace("churn_sink", "churn_synthesizer"), "permission denied")?;
    let port = |url: &str| url.rsplit_once('@').map(|(_, rest)| rest.split('/').next().unwrap_or_default().to_owned());
    let (here, there) = (port(&url).context("a server")?, port(expired.url()).context("a server")?);
    let ca = |postgres: &OwnPostgres| postgres.certificates().join("ca.pem").display().to_string();
    let stale = url.replace(&here, &there).replace(&ca(&fortress.postgres), &ca(&expired));
    with(stale, "xpired")
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_strangers_foreign_pages_and_floods_of_bytes_are_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let port = free_port();
    let env = [
        ("CHURN__HTTP__LISTEN", format!("0.0.0.0:{port}")),
        ("CHURN__HTTP__TOKEN", SECRETS[2].to_owned()),
        ("CHURN__REGISTRY__PATH", folder.path().join("registry").display().to_string()),
    ];
    let program = Program::spawn(churn(), ["run", "api"], env)?;
    let (client, base) = (http_client(), format!("http://127.0.0.1:{port}"));
    poll_until(PATIENCE, async || {
        Ok::<_, reqwest::Error>(client.get(format!("{base}/livez")).send().await?.status().is_success())
    })
    .await
    .with_context(|| program.stderr())?;
    let predict = || client.post(format!("{base}/v1/predict")).body(json!({ "tenure": 1 }).to_string());
    let answers = [
        (predict(), 401),
        (predict().bearer_auth("wr0ng"), 401),
        (predict().bearer_auth(SECRETS[2]).header("origin", "https://evil.example"), 403),
        (predict().bearer_auth(SECRETS[2]).header("host", "evil.example"), 421),
        (predict().bearer_auth(SECRETS[2]).body("x".repeat(2 << 20)), 413),
        // Let in, and told that there is no model.
        (predict().bearer_auth(SECRETS[2]), 503),
    ];
    for (request, status) in answers {
        let answer = request.send().await?;
        let (found, text) = (answer.status().as_u16(), answer.text().await?);
        ensure!(found == status && text.contains("\"message\""), "expected {status}, got {found}: {text}");
        without_secrets(&text)?;
    }
    without_secrets(&program.stderr())
}
