//! Certificates for tests that are servers themselves.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::servers::script;

/// A folder of new certificates: `ca.pem` is to be trusted, `other-ca.pem` is not; `server.pem` and `expired.pem` belong to
/// `server.key`, the key of 127.0.0.1 and localhost.
///
/// # Errors
/// When there is no openssl, or it fails.
pub fn certificates() -> Result<TempDir> {
    let folder = tempfile::tempdir().context("cannot make a folder for certificates")?;
    let mut command = Command::new("bash");
    command.arg(script("certificates.sh")).arg(folder.path()).stdin(Stdio::null());
    let status = command.status().context("cannot run bash")?;
    ensure!(status.success(), "cannot make certificates: see {}/openssl.log", folder.path().display());
    Ok(folder)
}
