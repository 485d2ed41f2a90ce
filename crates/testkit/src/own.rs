//! Servers of one test's own, for tests that kill them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::fresh::fresh_name;
use crate::kafka::Kafka;
use crate::servers::{run_folder, script};
use crate::signal;

/// A private Kafka broker. Stopped, and its records deleted, when dropped.
#[derive(Debug)]
pub struct OwnKafka {
    server: OwnServer,
    kafka: Kafka,
}

impl OwnKafka {
    /// Starts a new broker without topics; takes about ten seconds.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start() -> Result<Self> {
        let server = OwnServer::start("kafka").await?;
        let kafka = Kafka { bootstrap: server.address()? };
        Ok(Self { server, kafka })
    }

    /// Starts a new broker whose controller shuts it out when it has been silent for 3 s, and takes a moment to let it back.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start_strict() -> Result<Self> {
        let more = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=1500\n";
        let server = OwnServer::start_with("kafka", Some(("more.properties", more))).await?;
        let kafka = Kafka { bootstrap: server.address()? };
        Ok(Self { server, kafka })
    }

    /// Starts a new broker that also takes these users (name, password) by SASL/SCRAM over TLS, and lets them do what
    /// [`crate::allow`] said and nothing else. Whoever comes by [`Self::kafka`] may do everything.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start_secure(users: &[(&str, &str)]) -> Result<Self> {
        let users: String = users.iter().map(|(name, password)| format!("{name} {password}\n")).collect();
        let server = OwnServer::start_with("kafka", Some(("users", &users))).await?;
        let kafka = Kafka { bootstrap: server.address()? };
        Ok(Self { server, kafka })
    }

    /// Where a secure broker takes TLS connections: `host:port`.
    ///
    /// # Errors
    /// When the broker was not started as a secure one.
    pub fn tls_address(&self) -> Result<String> {
        self.server.read("tls-address")
    }

    /// Where a secure broker shows a certificate that has expired.
    ///
    /// # Errors
    /// When the broker was not started as a secure one.
    pub fn expired_address(&self) -> Result<String> {
        self.server.read("expired-address")
    }

    /// The folder of a secure broker's certificates: `ca.pem` is to be trusted, `other-ca.pem` is not.
    pub fn certificates(&self) -> PathBuf {
        self.server.folder.join("tls")
    }

    /// All that the broker has said. A secure one says of each request what it let whom do.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn log(&self) -> Result<String> {
        self.server.read("server.log")
    }

    /// The broker, at an address that stays the same across restarts.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Ends the broker as `kill -9` does: at once, with nothing closed or flushed.
    ///
    /// # Errors
    /// When the broker is not running.
    pub async fn kill9(&self) -> Result<()> {
        self.server.script("kill9").await
    }

    /// Stops the broker in its tracks (SIGSTOP): it keeps its connections and answers nobody.
    ///
    /// # Errors
    /// When the broker is not running.
    pub fn pause(&self) -> Result<()> {
        signal::send(self.server.process()?, "STOP")
    }

    /// Lets a paused broker go on (SIGCONT).
    ///
    /// # Errors
    /// When the broker is not running.
    pub fn resume(&self) -> Result<()> {
        signal::send(self.server.process()?, "CONT")
    }

    /// Starts the killed broker on its own data, and returns when it serves again.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn restart(&self) -> Result<()> {
        self.server.script("start").await
    }
}

/// A private Postgres server. Stopped, and its data deleted, when dropped.
#[derive(Debug)]
pub struct OwnPostgres {
    server: OwnServer,
    url: String,
}

impl OwnPostgres {
    /// Starts a new server with an empty database `postgres`; takes a few seconds.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start() -> Result<Self> {
        let server = OwnServer::start("postgres").await?;
        let url = format!("{}/postgres", server.address()?);
        Ok(Self { server, url })
    }

    /// Starts a new server that takes TLS connections only, with a certificate that is good or has `expired`.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start_with_tls(expired: bool) -> Result<Self> {
        let certificate = if expired { "expired" } else { "server" };
        let server = OwnServer::start_with("postgres", Some(("certificate", certificate))).await?;
        let url = format!("{}/postgres", server.address()?);
        Ok(Self { server, url })
    }

    /// The folder of a server's certificates: `ca.pem` is to be trusted, `other-ca.pem` is not.
    pub fn certificates(&self) -> PathBuf {
        self.server.folder.join("tls")
    }

    /// `postgres://user:password@127.0.0.1:port/postgres`, of a superuser; stays the same across
    /// restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server as `kill -9` of its main process does: clients are cut off, and the next
    /// start recovers from the write-ahead log.
    ///
    /// # Errors
    /// When the server is not running.
    pub async fn kill9(&self) -> Result<()> {
        self.server.script("kill9").await
    }

    /// Starts the killed server on its own data, and returns when it accepts connections again.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn restart(&self) -> Result<()> {
        self.server.script("start").await
    }
}

/// A private MLflow tracking server. Stopped, and its data deleted, when dropped.
#[derive(Debug)]
pub struct OwnMlflow {
    server: OwnServer,
    url: String,
}

impl OwnMlflow {
    /// Starts a new server without experiments or models; takes about twenty seconds.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start() -> Result<Self> {
        let server = OwnServer::start("mlflow").await?;
        let url = server.address()?;
        Ok(Self { server, url })
    }

    /// `http://127.0.0.1:port`; stays the same across restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server at once.
    ///
    /// # Errors
    /// When the server is not running.
    pub async fn kill9(&self) -> Result<()> {
        self.server.script("kill9").await
    }

    /// Starts the killed server on its own data, and returns when it answers again.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn restart(&self) -> Result<()> {
        self.server.script("start").await
    }
}

/// A server under `.tools/run/own/`, where `make test-servers-down` finds what a killed test left.
#[derive(Debug)]
pub(crate) struct OwnServer {
    kind: &'static str,
    pub(crate) folder: PathBuf,
}

impl OwnServer {
    async fn start(kind: &'static str) -> Result<Self> {
        Self::start_with(kind, None).await
    }

    /// Starts with a file in its folder that tells the script how (see its head).
    pub(crate) async fn start_with(kind: &'static str, how: Option<(&str, &str)>) -> Result<Self> {
        let folder = run_folder().join("own").join(fresh_name(kind));
        // Made first, so that a server that fails half-way is stopped and removed too.
        let server = Self { kind, folder };
        if let Some((name, text)) = how {
            fs::create_dir_all(&server.folder).context("cannot make a server's folder")?;
            fs::write(server.folder.join(name), text).context("cannot write into a server's folder")?;
        }
        server.script("start").await?;
        Ok(server)
    }

    /// What the script wrote down as the way to connect.
    pub(crate) fn address(&self) -> Result<String> {
        self.read("address")
    }

    fn read(&self, name: &str) -> Result<String> {
        let file = self.folder.join(name);
        let text = fs::read_to_string(&file);
        Ok(text.with_context(|| format!("cannot read {}", file.display()))?.trim().to_owned())
    }

    /// The process id of a server that is one process.
    fn process(&self) -> Result<u32> {
        let file = self.folder.join("pid");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        text.trim().parse().with_context(|| format!("{} holds no process id", file.display()))
    }

    async fn script(&self, verb: &str) -> Result<()> {
        let done = tokio::process::Command::from(self.command(verb))
            .output()
            .await
            .with_context(|| format!("cannot run the script of {}", self.kind))?;
        ensure!(
            done.status.success(),
            "cannot {verb} a private {}: {}",
            self.kind,
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(())
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg(script(&format!("{}.sh", self.kind))).arg(verb).arg(&self.folder);
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for OwnServer {
    /// Best effort: `make test-servers-down` removes what is left.
    fn drop(&mut self) {
        let _ = self.command("remove").output();
    }
}
