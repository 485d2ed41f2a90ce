//! Where the shared servers are: `.tools/run/servers.json`, written by `scripts/test-servers.sh`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The whole file; one entry a server.
#[derive(Debug, Deserialize)]
pub(crate) struct Servers {
    pub(crate) kafka: KafkaServer,
    pub(crate) schema_registry: RegistryServer,
    pub(crate) postgres: PostgresServer,
    pub(crate) s3: S3Server,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KafkaServer {
    pub(crate) bootstrap: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RegistryServer {
    pub(crate) url: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct S3Server {
    pub(crate) endpoint: String,
}

/// A superuser's URL without a database: `postgres://user:password@host:port`.
#[derive(Debug, Deserialize)]
pub(crate) struct PostgresServer {
    pub(crate) url: String,
}

/// Base URL of the shared schema registry's Confluent API, without a trailing slash: append
/// `/subjects` and the like. Compatibility is NONE until a subject sets its own.
///
/// # Panics
/// When the shared servers are not up; the message names the command that starts them.
pub fn schema_registry() -> String {
    shared().schema_registry.url
}

pub(crate) fn shared() -> Servers {
    read(&run_folder().join("servers.json"))
        .unwrap_or_else(|error| panic!("the test servers are not up: run `make test-servers` first ({error:#})"))
}

fn read(file: &Path) -> Result<Servers> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("cannot understand {}", file.display()))
}

/// The folder of running servers; ignored by git and emptied by `make test-servers-down`.
pub(crate) fn run_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/run")
}

/// The script that starts and stops one kind of server, shared with `scripts/test-servers.sh`.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(name)
}
