//! What happens to the broker and the database.

use std::time::Duration;

use anyhow::{Context as _, Result};
use churn_testkit::poll_until;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use sqlx::{Connection as _, PgConnection};

use super::Stack;
use crate::plan::Server;

/// Connections that end all others name themselves so, to spare themselves.
const OPERATOR: &str = "chaos-operator";
/// A database that recovers from a crash on a busy machine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// How long a broker may take to name itself.
const LOOK: Duration = Duration::from_secs(2);

impl Stack {
    pub(crate) async fn kill_server(&self, server: Server) -> Result<()> {
        match server {
            Server::Kafka => self.kafka.kill9().await,
            Server::Postgres => self.postgres.kill9().await,
        }
    }

    pub(crate) fn stall_broker(&self) -> Result<()> {
        self.kafka.pause()
    }

    /// Returns when the broker names itself to new clients again.
    pub(crate) async fn resume_broker(&self) -> Result<()> {
        self.kafka.resume()?;
        poll_until(CONNECT_PATIENCE, || names_brokers(self.bootstrap().to_owned())).await.context("wake the broker up")
    }

    /// Returns when it accepts connections again.
    pub(crate) async fn restart_server(&self, server: Server) -> Result<()> {
        match server {
            Server::Kafka => self.kafka.restart().await,
            Server::Postgres => self.postgres.restart().await,
        }
    }

    /// Connections to it are those that [`Self::end_backends`] spares.
    pub(crate) fn operator_url(&self) -> String {
        format!("{}?application_name={OPERATOR}", self.postgres())
    }

    /// A connection that [`Self::end_backends`] spares.
    pub(crate) async fn connect(&self) -> Result<PgConnection> {
        let url = self.operator_url();
        poll_until(CONNECT_PATIENCE, || async { PgConnection::connect(&url).await.map(Some) }).await
    }

    /// Ends every connection of the parts.
    pub(crate) async fn end_backends(&self) -> Result<()> {
        let mut connection = self.connect().await?;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where backend_type = 'client backend' and application_name <> $1",
        )
        .bind(OPERATOR)
        .execute(&mut connection)
        .await
        .context("end the parts' connections")?;
        Ok(())
    }
}

/// Whether a broker there tells a client that was never there of a broker.
async fn names_brokers(bootstrap: String) -> Result<bool> {
    let look = move || -> Result<bool> {
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
        Ok(!client.fetch_metadata(None, LOOK)?.brokers().is_empty())
    };
    tokio::task::spawn_blocking(look).await?
}
