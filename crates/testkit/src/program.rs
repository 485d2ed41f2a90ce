//! A finished program under test, as a process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::poll::poll_until;
use crate::signal;

/// A running program whose output goes to files. Killed when dropped; where the test has failed by
/// then, its stderr is printed with the test's own output.
#[derive(Debug)]
pub struct Program {
    child: Child,
    output: TempDir,
}

impl Program {
    /// Starts the program at `path`, with no stdin and with the test's environment plus `env`, but
    /// without the `CHURN__` variables that configure the program of whoever runs the tests.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn<A, E, K, V>(path: impl AsRef<Path>, args: A, env: E) -> Result<Self>
    where
        A: IntoIterator<Item: AsRef<OsStr>>,
        E: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let path = path.as_ref();
        let output = tempfile::tempdir().context("cannot make a folder for a program's output")?;
        let file =
            |name: &str| File::create(output.path().join(name)).context("cannot make a file for a program's output");
        let mut command = Command::new(path);
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("CHURN__") {
                command.env_remove(key);
            }
        }
        let child = command
            .args(args)
            .envs(env)
            .stdin(Stdio::null())
            .stdout(file("stdout")?)
            .stderr(file("stderr")?)
            .spawn()
            .with_context(|| format!("cannot start {}", path.display()))?;
        Ok(Self { child, output })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the program has written to stdout so far.
    pub fn stdout(&self) -> String {
        self.written("stdout")
    }

    /// What the program has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.written("stderr")
    }

    /// Asks the program to end (SIGTERM).
    ///
    /// # Errors
    /// When the program has ended and was waited for.
    pub fn terminate(&self) -> Result<()> {
        signal::send(self.id(), "TERM")
    }

    /// Ends the program at once (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill9(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill the program")?;
        self.child.wait().context("cannot wait for the killed program")?;
        Ok(())
    }

    /// Stops the program in its tracks (SIGSTOP), as a long pause of its machine would.
    ///
    /// # Errors
    /// When the program has ended and was waited for.
    pub fn pause(&self) -> Result<()> {
        signal::send(self.id(), "STOP")
    }

    /// Lets a paused program go on (SIGCONT).
    ///
    /// # Errors
    /// When the program has ended and was waited for.
    pub fn resume(&self) -> Result<()> {
        signal::send(self.id(), "CONT")
    }

    /// Whether the program has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the program to end by itself.
    ///
    /// # Errors
    /// When it still runs after `timeout`; the error holds its stderr.
    pub async fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let ended = poll_until(timeout, || std::future::ready(child.try_wait())).await;
        ended.with_context(|| format!("the program has not ended; its stderr:\n{}", self.stderr()))
    }

    fn written(&self, name: &str) -> String {
        let bytes = fs::read(self.output.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Program {
    // Through the macro, because the test harness captures only that.
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        let _ = self.kill9();
        if thread::panicking() {
            eprintln!("--- stderr of process {}:\n{}", self.id(), self.stderr());
        }
    }
}
