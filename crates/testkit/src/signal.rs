//! Signals to processes that this crate started.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Sends the signal `name` (such as `KILL`) to process `pid`.
///
/// The shell's own `kill` does it: the call itself would need `unsafe` or a further dependency, and
/// a minimal Debian has no `kill` program.
pub(crate) fn send(pid: u32, name: &str) -> Result<()> {
    let status = Command::new("sh")
        .args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .context("cannot run sh")?;
    ensure!(status.success(), "cannot send SIG{name} to process {pid}: is it still running?");
    Ok(())
}
