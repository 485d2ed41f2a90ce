//! Why there is no private server.

use std::path::PathBuf;

use churn_runtime::exit::{Fate, Fated};
use thiserror::Error;

/// Why a private server could not be started, or stopped.
#[derive(Debug, Error)]
pub enum PrivateError {
    /// Postgres is not installed, or too old.
    #[error(
        "no PostgreSQL 14 or newer found ({looked}); install it with `sudo apt-get install -y postgresql` (Debian, Ubuntu), \
         `sudo dnf install -y postgresql-server` (Fedora) or `brew install postgresql@17` (macOS), or set postgres.url to a server that runs"
    )]
    NotFound {
        /// Where was looked, and what was found there.
        looked: String,
    },
    /// A folder cannot be used.
    #[error("cannot use the folder {}: {reason}; set postgres.private.folder to another", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no user to run as.
    #[error(
        "postgres refuses to run as root, and there is neither a user postgres nor nobody; run as an ordinary user, or set postgres.url"
    )]
    NoUser,
    /// A program of Postgres failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which.
        program: String,
        /// What it said.
        output: String,
    },
    /// The server did not come up.
    #[error("the private postgres did not start: {reason}; the end of its log: {log}")]
    Start {
        /// What happened.
        reason: String,
        /// Its last lines.
        log: String,
    },
    /// The server did not stop and was killed; data in a folder that is kept are recovered at the next start.
    #[error("the private postgres did not stop and was killed: {0}")]
    Stop(String),
}

impl Fated for PrivateError {
    fn fate(&self) -> Fate {
        Fate::External
    }
}
