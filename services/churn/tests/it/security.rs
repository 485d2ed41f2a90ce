//! TLS, log-in, least rights and secrets, with the real program on real servers.

mod rights;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{Acl, OwnKafka, OwnPostgres, Program, allow, http_client, poll_until};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::http::free_port;
use crate::run::{churn, json, run_with, stderr, stdout};

const PATIENCE: Duration = Duration::from_secs(120);
/// Those of docs/permissions.toml that run.
const PARTS: [&str; 7] = ["setup", "synthesizer", "scorer", "sink", "monitor", "trainer", "api"];
/// The reader of the dashboards, a part of docs/permissions.toml as well.
const READER: &str = "grafana";
/// Of every kind that the configuration knows: none may ever be seen.
const SECRETS: [&str; 9] = [
    "kafka-s3cret",
    "pg-s3cret",
    "http-s3cret",
    "schemas-s3cret",
    // The same as a request carries it, after the user "churn".
    "Y2h1cm46c2NoZW1hcy1zM2NyZXQ=",
    "bucket-s3cret",
    "mlflow-s3cret",
    "traces-s3cret",
    "MC4CAQAwBQYDK2VwBCIEIGEgc2VjcmV0IHNlZWQgb2YgdGhlIHRlc3QncyBrZXkh",
];
/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

/// A Kafka and a Postgres that take log-ins over TLS only, with a user a part and the rights that `churn access` prints.
struct Fortress {
    kafka: OwnKafka,
    postgres: OwnPostgres,
    folder: TempDir,
}

impl Fortress {
    async fn start() -> Result<Self> {
        let names = PARTS.map(|part| format!("churn-{part}"));
        let users: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), SECRETS[0])).collect();
        let (kafka, postgres) = tokio::try_join!(OwnKafka::start_secure(&users), OwnPostgres::start_with_tls(false))?;
        let fortress = Self { kafka, postgres, folder: TempDir::new()? };
        std::fs::write(fortress.path("kafka-password"), SECRETS[0])?;
        let mut admin = fortress.admin("postgres").await?;
        admin.execute("create database churn").await?;
        rights::write_down(&mut admin).await?;
        for part in PARTS.iter().chain(&[READER]) {
            let role = format!("create role churn_{part} login password '{}'", SECRETS[1]);
            admin.execute(AssertSqlSafe(role)).await?;
        }
        fortress.grant("setup").await?;
        json(&fortress.run("setup", &["setup", "--json"], &[]));
        for part in PARTS[1..].iter().chain(&[READER]) {
            fortress.grant(part).await?;
        }
        Ok(fortress)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    async fn admin(&self, database: &str) -> Result<PgConnection> {
        let url = self.postgres.url().replace("/postgres", &format!("/{database}"));
        let ca = self.postgres.certificates().join("ca.pem");
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display());
        PgConnection::connect(&url).await.context("the administrator's connection")
    }

    /// What `churn access` prints for the part.
    fn access(&self, part: &str) -> Value {
        json(&self.run(part, &["access", "--part", part, "--json"], &[]))[0].take()
    }

    /// Its own connection to the database.
    async fn connection(&self, part: &str) -> Result<PgConnection> {
        let env = self.env(part)?;
        let url = &env.iter().find(|(key, _)| key == "CHURN__POSTGRES__URL").context("a URL")?.1;
        PgConnection::connect(url).await.with_context(|| format!("log in as churn_{part}"))
    }

    /// Applies it.
    async fn grant(&self, part: &str) -> Result<()> {
        let access = &self.access(part);
        let mut admin = self.admin("churn").await?;
        for statement in access["sql"].as_array().context("sql")? {
            let statement = statement.as_str().context("a statement")?.to_owned();
            admin.execute(AssertSqlSafe(statement.clone())).await.with_context(|| statement)?;
        }
        let acls: Vec<Acl> = access["kafka"].as_array().context("kafka")?.iter().flat_map(acls).collect();
        if acls.is_empty() { Ok(()) } else { allow(self.kafka.kafka(), &format!("churn-{part}"), &acls).await }
    }

    /// The environment of a part that logs in as itself.
    fn env(&self, part: &str) -> Result<Vec<(String, String)>> {
        let server = self.postgres.url().split_once('@').context("a URL")?.1.replace("/postgres", "/churn");
        let ca = self.postgres.certificates().join("ca.pem");
        let postgres =
            format!("postgres://churn_{part}:{}@{server}?sslmode=verify-full&sslrootcert={}", SECRETS[1], ca.display());
        let env = [
            ("CHURN__KAFKA__BROKERS", self.kafka.tls_address()?),
            ("CHURN__KAFKA__CONNECT_TIMEOUT", "5s".into()),
            ("CHURN__KAFKA__SESSION_TIMEOUT", "30s".into()),
            ("CHURN__KAFKA__TRANSACTION_TIMEOUT", "60s".into()),
            ("CHURN__KAFKA__SECURITY__PROTOCOL", "sasl_ssl".into()),
            ("CHURN__KAFKA__SECURITY__MECHANISM", "SCRAM-SHA-256".into()),
            ("CHURN__KAFKA__SECURITY__CA_FILE", self.kafka.certificates().join("ca.pem").display().to_string()),
            ("CHURN__KAFKA__SECURITY__USERNAME", format!("churn-{part}")),
            ("CHURN__KAFKA__SECURITY__PASSWORD", format!("file:{}", self.path("kafka-password"))),
            ("CHURN__POSTGRES__URL", postgres),
            ("CHURN__REGISTRY__PATH", self.path("registry")),
            ("CHURN__HTTP__LISTEN", format!("127.0.0.1:{}", free_port()?)),
            ("CHURN__HTTP__TOKEN", SECRETS[2].into()),
            ("CHURN__SCHEMA_REGISTRY__USER", "churn".into()),
            ("CHURN__SCHEMA_REGISTRY__PASSWORD", SECRETS[3].into()),
            ("CHURN__REGISTRY__S3__ACCESS_KEY_ID", "churn".into()),
            ("CHURN__REGISTRY__S3__SECRET_ACCESS_KEY", SECRETS[5].into()),
            ("CHURN__REGISTRY__SIGNING_KEY", signing_key()),
            // Two that nothing waits for, and whose absence is complained of.
            ("CHURN__MLFLOW__URL", NOBODY.into()),
            ("CHURN__MLFLOW__TOKEN", SECRETS[6].into()),
            ("CHURN__TELEMETRY__OTLP_ENDPOINT", NOBODY.into()),
            ("CHURN__TELEMETRY__OTLP_TOKEN", SECRETS[7].into()),
            ("CHURN__TELEMETRY__SAMPLE_RATIO", "0.01".into()),
            ("CHURN__SYNTHESIZER__RATE", "500".into()),
            ("CHURN__SYNTHESIZER__OUTCOME_DELAY", "1s".into()),
            ("CHURN__LOG__LEVEL", "debug".into()),
            // So that every part does all that it ever does within the test: figures and state are stored, outcomes look for their
            // scores in the table, and a training is short.
            ("CHURN__MONITOR__RECORD_EVERY", "1s".into()),
            ("CHURN__MONITOR__SAVE_EVERY", "1s".into()),
            ("CHURN__MONITOR__JOIN_MAX_AGE", "100ms".into()),
            ("CHURN__MONITOR__LOOK_UP_AFTER", "200ms".into()),
            ("CHURN__TRAINER__BUDGET", "1s".into()),
            ("CHURN__TRAINER__SCHEDULE", String::new()),
            ("CHURN__TRAINER__DEBOUNCE", "100ms".into()),
        ];
        Ok(env.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    fn run(&self, part: &str, args: &[&str], more: &[(&str, &str)]) -> std::process::Output {
        let env = self.env(part).unwrap();
        let env: Vec<(&str, &str)> = env.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        run_with(self.folder.path(), args, &[&env[..], more].concat())
    }

    fn part(&self, name: &str) -> Result<(Program, String)> {
        let env = self.env(name)?;
        let listen = &env.iter().find(|(key, _)| key == "CHURN__HTTP__LISTEN").context("listen")?.1;
        let base = format!("http://{listen}");
        Ok((Program::spawn(churn(), ["run", name], env)?, base))
    }

    /// A part that must not start, and what it says.
    fn refused(&self, part: &str, more: &[(&str, &str)], reason: &str) -> Result<()> {
        let output = self.run(part, &["run", part], more);
        let said = stderr(&output) + &stdout(&output);
        ensure!(matches!(output.status.code(), Some(1 | 69)), "{}: {said}", output.status);
        ensure!(said.contains(reason), "expected {reason:?}: {said}");
        without_secrets(&said)
    }
}

fn acls(rule: &Value) -> Vec<Acl> {
    let words = |key: &str| -> Vec<String> {
        rule[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let resource = rule["resource"].as_str().unwrap().to_owned();
    let prefixed = rule["prefixed"].as_bool().unwrap();
    let operations = words("operations");
    let acl = |name: String, operation: &String| Acl {
        resource: resource.clone(),
        name,
        prefixed,
        operation: operation.clone(),
    };
    words("names")
        .into_iter()
        .flat_map(|name| operations.iter().map(move |op| acl(name.clone(), op)).collect::<Vec<_>>())
        .collect()
}

/// What signs the models of these tests.
fn signing_key() -> String {
    // Not written out: no file of the project may look as if it held one.
    let what = "PRIVATE KEY";
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", SECRETS[8])
}

fn without_secrets(said: &str) -> Result<()> {
    for secret in SECRETS.iter().chain(&["wr0ng"]) {
        ensure!(!said.contains(secret), "{secret} in: {said}");
    }
    Ok(())
}

/// The arguments that every user of the machine can read.
fn arguments(process: u32) -> String {
    let path = format!("/proc/{process}/cmdline");
    std::fs::read(Path::new(&path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_run_with_their_least_rights_over_tls_and_no_secret_is_seen() -> Result<()> {
    let fortress = Fortress::start().await?;
    let parts: Vec<(Program, String)> =
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
    let mut reader = fortress.connection(READER).await?;
    for query in rights::dashboard_queries()? {
        reader.execute(AssertSqlSafe(query.clone())).await.with_context(|| query)?;
    }
    let access: Vec<Value> = PARTS[1..].iter().chain(&[READER]).map(|part| fortress.access(part)).collect();
    let used =
        poll_until(PATIENCE, async || rights::all_are_used(&mut *log.lock().await, &access).await.map(|()| true));
    used.await?;
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
    let postgres = |url: &str| fortress.refused("sink", &[("CHURN__POSTGRES__URL", url)], "postgres");
    let with = |url: String, reason: &str| fortress.refused("sink", &[("CHURN__POSTGRES__URL", &url)], reason);
    with(url.replace(SECRETS[1], "wr0ng"), "password authentication failed")?;
    with(url.replace("ca.pem", "other-ca.pem"), "certificate")?;
    with(url.replace("verify-full", "disable"), "no encryption")?;
    with(url.replace("churn_sink", "churn_synthesizer"), "permission denied")?;
    let port = |url: &str| url.rsplit_once('@').map(|(_, rest)| rest.split('/').next().unwrap_or_default().to_owned());
    let (here, there) = (port(&url).context("a server")?, port(expired.url()).context("a server")?);
    let ca = |postgres: &OwnPostgres| postgres.certificates().join("ca.pem").display().to_string();
    let stale = url.replace(&here, &there).replace(&ca(&fortress.postgres), &ca(&expired));
    with(stale, "xpired")?;
    postgres(&url.replace(&here, "127.0.0.1:1"))
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_strangers_foreign_pages_and_floods_of_bytes_are_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let port = free_port()?;
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
