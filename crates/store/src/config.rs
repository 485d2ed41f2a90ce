//! How to reach Postgres and how to behave there.

use std::path::PathBuf;

use churn_runtime::config::{ConnectionUrl, Fault, HumanDuration, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// How to reach Postgres and how to behave there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:5432/database`. Empty: no server is configured (the demo then starts its own).
    pub url: ConnectionUrl,
    /// How long to wait for a connection before the server counts as unreachable.
    pub connect_timeout: HumanDuration,
    /// Most connections in the pool; a sink's writers have one of their own each, outside of it.
    pub max_connections: u32,
    /// The server ends a statement that runs longer. Migrations and partition maintenance are exempt.
    pub statement_timeout: HumanDuration,
    /// The server gives up on waiting for a lock after this time.
    pub lock_timeout: HumanDuration,
    /// A batch that is not stored after this time counts as failed and its connection as dead: what notices a server
    /// that vanished without closing its connections.
    pub write_timeout: HumanDuration,
    /// The server that the demo starts for itself.
    pub private: PrivateConfig,
}

/// The server that the demo starts for itself where no other is configured.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrivateConfig {
    /// Folder of the programs `postgres`, `initdb` and `pg_ctl`; absent: the newest on PATH and in the usual places.
    pub bin: Option<PathBuf>,
    /// Folder to keep the data in; absent: a temporary one that goes when the server stops.
    pub folder: Option<PathBuf>,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            url: ConnectionUrl::default(),
            connect_timeout: HumanDuration::from_secs(5),
            max_connections: 4,
            statement_timeout: HumanDuration::from_secs(60),
            lock_timeout: HumanDuration::from_secs(10),
            write_timeout: HumanDuration::from_secs(30),
            private: PrivateConfig::default(),
        }
    }
}

impl PostgresConfig {
    /// The defaults with this server.
    pub fn at(url: ConnectionUrl) -> Self {
        Self { url, ..Self::default() }
    }
}

impl Validate for PostgresConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !self.url.is_empty() {
            faults.extend(crate::connect::options(self).err().map(|error| Fault::new("url", fault_of(&error))));
        }
        if self.max_connections == 0 {
            faults.push(Fault::new("max_connections", "must be at least 1"));
        }
        for (key, value) in [
            ("connect_timeout", self.connect_timeout),
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
            ("write_timeout", self.write_timeout),
        ] {
            if value.as_millis() == 0 {
                faults.push(Fault::new(key, "must be more than 0"));
            }
        }
        faults
    }
}

/// Without the setting's name, which the fault says itself.
fn fault_of(error: &StoreError) -> String {
    match error {
        StoreError::Url(reason) => format!("{reason}; expected postgres://user:password@host:port/database"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(url: &str) -> Vec<String> {
        let config = PostgresConfig { max_connections: 0, ..PostgresConfig::at(ConnectionUrl::new(url)) };
        config.validate().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_is_listed_and_none_holds_the_password() {
        let faults = faults_of("postgres://churn:hunter2@db:99999/churn");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(!faults.concat().contains("hunter2"), "{faults:?}");
        assert_eq!(faults_of("mysql://churn:hunter2@db/churn").len(), 2);
    }

    #[test]
    fn no_url_is_no_fault() {
        assert!(PostgresConfig::default().validate().is_empty());
    }
}
