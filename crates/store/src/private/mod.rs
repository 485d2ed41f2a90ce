//! A Postgres of one's own, for the demo: made, started, used and gone, with nothing installed but Postgres' programs.
//!
//! Guarantees: it listens on 127.0.0.1 only, on a free port, with a password that nobody chose; what it says is on disk
//! is on disk (`fsync` stays on), so that a figure measured on it means something; it does not see a terminal's Ctrl-C,
//! because draining still needs it; it ends when its value is stopped or dropped. Only `kill -9` of the program lets it
//! survive, until the next start on the machine finds its folder unlocked and removes it.
//!
//! Postgres refuses to run as root. There its processes run as the user `postgres`, or `nobody`.

mod binaries;
mod error;
mod folder;
mod server;
mod user;

pub use error::PrivateError;

use std::path::Path;
use std::process::Child;

use churn_runtime::config::ConnectionUrl;

use crate::config::{PostgresConfig, PrivateConfig};
use binaries::Binaries;
use folder::Folder;

/// The user whose name is in the address, a superuser of this server.
const USER: &str = "churn";

/// A running private server.
#[derive(Debug)]
pub struct PrivatePostgres {
    url: ConnectionUrl,
    binaries: Binaries,
    // None once it is stopped.
    child: Option<Child>,
    // Last: the folder goes after the server that writes to it.
    folder: Folder,
}

impl PrivatePostgres {
    /// Makes the data folder where it is new, and starts the server. Returns when it accepts connections.
    ///
    /// # Errors
    /// [`PrivateError`]: no programs of version 14 or newer (says how to install them), an unusable folder, a server
    /// that does not start (with the end of its log).
    pub async fn start(config: &PrivateConfig) -> Result<Self, PrivateError> {
        let binaries = binaries::find(config.bin.as_deref())?;
        folder::sweep(&binaries).await;
        let folder = Folder::open(config.folder.as_deref(), &binaries).await?;
        server::create(&binaries, &folder).await?;
        let (child, url) = server::start(&binaries, &folder).await?;
        tracing::info!(version = binaries.major, folder = %folder.path().display(), "private postgres started");
        Ok(Self { url, binaries, child: Some(child), folder })
    }

    /// Its address, with the password.
    pub fn url(&self) -> &ConnectionUrl {
        &self.url
    }

    /// The configuration with this server's address in place of the one it has.
    pub fn configure(&self, config: &PostgresConfig) -> PostgresConfig {
        PostgresConfig { url: self.url.clone(), ..config.clone() }
    }

    /// Where its data and its log are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Major version of the server.
    pub fn version(&self) -> u32 {
        self.binaries.major
    }

    /// Stops it: connections are cut off. A kept folder is written out first, a temporary one is removed.
    ///
    /// # Errors
    /// [`PrivateError::Stop`]; it is killed then.
    pub async fn stop(mut self) -> Result<(), PrivateError> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let stopped = server::stop(&self.binaries, &self.folder).await;
        if stopped.is_err() {
            // Gone already, perhaps.
            let _ = child.kill();
        }
        // Only to take the exit code off the system's hands.
        let _ = tokio::task::spawn_blocking(move || child.wait()).await;
        stopped
    }
}

impl Drop for PrivatePostgres {
    /// The net for panics and early returns: the same, while the thread waits.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            server::stop_now(&self.binaries, &self.folder);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
