//! How parts start, tell how they are, and end: on a broker of the test's own, which goes away.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{OwnKafka, Program, free_port, fresh_database, http_client, kafka, poll_until};
use tempfile::TempDir;

use crate::run::{churn, json, run_with, stderr};

const PATIENCE: Duration = Duration::from_secs(120);

struct Part {
    program: Program,
    base: String,
}

impl Part {
    fn start(name: &str, env: &[(&str, String)]) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port());
        let base = format!("http://{listen}");
        let env = env.iter().cloned().chain([("CHURN__HTTP__LISTEN", listen)]);
        Ok(Self { program: Program::spawn(churn(), ["run", name], env)?, base })
    }

    /// Waits until `/readyz` answers so and its text holds `reason`.
    async fn await_readyz(&self, status: u16, reason: &str) -> Result<()> {
        let client = http_client();
        poll_until(PATIENCE, async || {
            let answer = client.get(format!("{}/readyz", self.base)).send().await?;
            let (found, text) = (answer.status().as_u16(), answer.text().await?);
            ensure!(found == status && text.contains(reason), "{found}: {text}");
            Ok(true)
        })
        .await
        .with_context(|| self.program.stderr())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_broker_is_noticed_by_an_idle_part_and_a_stalled_one_does_not_keep_it_alive() -> Result<()> {
    let (broker, database, folder) = (OwnKafka::start().await?, fresh_database().await?, TempDir::new()?);
    let env = [
        ("CHURN__KAFKA__BROKERS", broker.kafka().bootstrap.clone()),
        ("CHURN__KAFKA__SESSION_TIMEOUT", "60s".into()),
        ("CHURN__POSTGRES__URL", database.url.clone()),
        ("CHURN__REGISTRY__PATH", folder.path().join("registry").display().to_string()),
        ("CHURN__GRACE", "3s".into()),
    ];
    let plain: Vec<(&str, &str)> = env.iter().map(|(key, value)| (*key, value.as_str())).collect();
    json(&run_with(folder.path(), &["setup", "--json"], &plain));
    let mut monitor = Part::start("monitor", &env)?;
    monitor.await_readyz(200, "kafka").await?;
    broker.kill9().await?;
    monitor.await_readyz(503, "no Kafka broker answers").await?;
    broker.restart().await?;
    monitor.await_readyz(200, "kafka").await?;

    broker.pause()?;
    let asked = tokio::time::Instant::now();
    monitor.program.terminate()?;
    let status = monitor.program.wait(Duration::from_secs(60)).await;
    broker.resume()?;
    let status = status?;
    // The part may be lucky and end in order; what it may not do is to wait for the broker beyond its grace.
    ensure!(matches!(status.code(), Some(0 | 1)), "{status}: {}", monitor.program.stderr());
    ensure!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_on_a_users_kafka_counts_its_own_events_only_and_leaves_no_topic() -> Result<()> {
    let (folder, database) = (TempDir::new()?, fresh_database().await?);
    let prefix = format!("{}-", churn_testkit::fresh_name("users"));
    let env = [
        ("CHURN__KAFKA__BROKERS", kafka().bootstrap),
        ("CHURN__KAFKA__TOPIC_PREFIX", prefix.clone()),
        ("CHURN__SCHEMA_REGISTRY__URL", churn_testkit::schema_registry()),
        ("CHURN__POSTGRES__URL", database.url.clone()),
        ("CHURN__GRACE", "60s".into()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(key, value)| (*key, value.as_str())).collect();
    json(&run_with(folder.path(), &["setup", "--json"], &env));
    // Events of somebody else, which nobody scores.
    json(&run_with(folder.path(), &["produce", "--data", &crate::run::shipped_data(), "--json"], &env));
    let demo = run_with(folder.path(), &["demo", "--duration", "3s", "--rate", "500", "--json"], &env);
    let report = json(&demo);
    ensure!(report["events_produced"].as_u64().is_some_and(|events| events > 100), "{report}");
    for key in ["events_scored", "rows_stored"] {
        ensure!(report[key] == report["events_produced"], "{key}: {report}: {}", stderr(&demo));
    }
    // The controller's answer may come before the broker has forgotten them.
    poll_until(PATIENCE, async || {
        let left = topics(&format!("{prefix}demo-"))?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(true)
    })
    .await
}

/// Names of the shared broker's topics that begin so.
fn topics(prefix: &str) -> Result<Vec<String>> {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    let client: BaseConsumer = rdkafka::ClientConfig::new().set("bootstrap.servers", kafka().bootstrap).create()?;
    let metadata = client.fetch_metadata(None, PATIENCE)?;
    Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).filter(|name| name.starts_with(prefix)).collect())
}
