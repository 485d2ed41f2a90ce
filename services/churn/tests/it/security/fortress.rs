//! Servers that let nobody in without a password over TLS, and parts that log in as themselves.

use anyhow::{Context, Result, ensure};
use churn_testkit::{Acl, OwnKafka, OwnPostgres, Program, allow, free_port};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

use super::rights;
use crate::run::{churn, json, run_with, stderr, stdout};

/// Those of docs/permissions.toml that run.
pub(super) const PARTS: [&str; 7] = ["setup", "synthesizer", "scorer", "sink", "monitor", "trainer", "api"];
/// The reader of the dashboards, a part of docs/permissions.toml as well.
pub(super) const READER: &str = "grafana";
/// Of every kind that the configuration knows: none may ever be seen.
pub(super) const SECRETS: [&str; 9] = [
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
pub(super) const NOBODY: &str = "http://127.0.0.1:1";

/// A Kafka and a Postgres that take log-ins over TLS only, with a user a part and the rights that `churn access` prints.
pub(super) struct Fortress {
    pub(super) kafka: OwnKafka,
    pub(super) postgres: OwnPostgres,
    folder: TempDir,
}

impl Fortress {
    pub(super) async fn start() -> Result<Self> {
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

    pub(super) async fn admin(&self, database: &str) -> Result<PgConnection> {
        let url = self.postgres.url().replace("/postgres", &format!("/{database}"));
        let ca = self.postgres.certificates().join("ca.pem");
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display());
        PgConnection::connect(&url).await.context("the administrator's connection")
    }

    /// What `churn access` prints for the part.
    pub(super) fn access(&self, part: &str) -> Value {
        json(&self.run(part, &["access", "--part", part, "--json"], &[]))[0].take()
    }

    /// Its own connection to the database.
    pub(super) async fn connection(&self, part: &str) -> Result<PgConnection> {
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
    pub(super) fn env(&self, part: &str) -> Result<Vec<(String, String)>> {
        let server = self.postgres.url().split_once('@').context("a URL")?.1.replace("/postgres", "/churn");
        let ca = self.postgres.certificates().join("ca.pem");
        let postgres =
            format!("postgres://churn_{part}:{}@{server}?sslmode=verify-full&sslrootcert={}", SECRETS[1], ca.display());
        let env = [
            ("CHURN__KAFKA__BROKERS", self.kafka.tls_address()?),
            ("CHURN__KAFKA__CONNECT_TIMEOUT", "30s".into()),
            ("CHURN__KAFKA__SESSION_TIMEOUT", "30s".into()),
            ("CHURN__KAFKA__TRANSACTION_TIMEOUT", "60s".into()),
            ("CHURN__KAFKA__SECURITY__PROTOCOL", "sasl_ssl".into()),
            ("CHURN__KAFKA__SECURITY__MECHANISM", "SCRAM-SHA-256".into()),
            ("CHURN__KAFKA__SECURITY__CA_FILE", self.kafka.certificates().join("ca.pem").display().to_string()),
            ("CHURN__KAFKA__SECURITY__USERNAME", format!("churn-{part}")),
            ("CHURN__KAFKA__SECURITY__PASSWORD", format!("file:{}", self.path("kafka-password"))),
            ("CHURN__POSTGRES__URL", postgres),
            ("CHURN__REGISTRY__PATH", self.path("registry")),
            ("CHURN__HTTP__LISTEN", format!("127.0.0.1:{}", free_port())),
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

    pub(super) fn run(&self, part: &str, args: &[&str], more: &[(&str, &str)]) -> std::process::Output {
        let env = self.env(part).unwrap();
        let env: Vec<(&str, &str)> = env.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        run_with(self.folder.path(), args, &[&env[..], more].concat())
    }

    pub(super) fn part(&self, name: &str) -> Result<(Program, String)> {
        let env = self.env(name)?;
        let listen = &env.iter().find(|(key, _)| key == "CHURN__HTTP__LISTEN").context("listen")?.1;
        let base = format!("http://{listen}");
        Ok((Program::spawn(churn(), ["run", name], env)?, base))
    }

    /// A part that must not start, and what it says.
    pub(super) fn refused(&self, part: &str, more: &[(&str, &str)], reason: &str) -> Result<()> {
        // Who is not let in is not worth waiting for.
        let output = self.run(part, &["run", part], &[&[("CHURN__KAFKA__CONNECT_TIMEOUT", "5s")], more].concat());
        let said = stderr(&output) + &stdout(&output);
        ensure!(matches!(output.status.code(), Some(1 | 69)), "{}: {said}", output.status);
        ensure!(said.contains(reason), "expected {reason:?}: {said}");
        without_secrets(&said)
    }
}

/// The rights that a rule of `churn access` stands for.
pub(super) fn acls(rule: &Value) -> Vec<Acl> {
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
pub(super) fn signing_key() -> String {
    // Not written out: no file of the project may look as if it held one.
    let what = "PRIVATE KEY";
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", SECRETS[8])
}

pub(super) fn without_secrets(said: &str) -> Result<()> {
    for secret in SECRETS.iter().chain(&["wr0ng"]) {
        ensure!(!said.contains(secret), "{secret} in: {said}");
    }
    Ok(())
}
