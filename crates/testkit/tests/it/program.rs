use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use anyhow::{Context, Result};
use churn_testkit::{Program, poll_until};

const NO_ENV: [(&str, &str); 0] = [];
const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Result<Program> {
    Program::spawn("sh", ["-c", script], NO_ENV)
}

/// The state letter of a process in the kernel's table: T is stopped.
fn state(pid: u32) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = status.rsplit(')').next().context("no state in the process table")?;
    Ok(after_name.trim().chars().take(1).collect())
}

#[tokio::test]
async fn output_environment_and_exit_code_are_captured() -> Result<()> {
    let script = "echo out; echo $GREETING >&2; exit 7";
    let mut program = Program::spawn("sh", ["-c", script], [("GREETING", "hello")])?;
    assert_eq!(program.wait(SOON).await?.code(), Some(7));
    assert_eq!((program.stdout().as_str(), program.stderr().as_str()), ("out\n", "hello\n"));
    Ok(())
}

#[tokio::test]
async fn terminated_program_may_clean_up() -> Result<()> {
    let mut program = shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done")?;
    poll_until(SOON, || async { program.stdout() == "ready\n" }).await?;
    program.terminate()?;
    assert_eq!(program.wait(SOON).await?.code(), Some(3));
    Ok(())
}

#[tokio::test]
async fn killed_program_ends_by_signal_nine() -> Result<()> {
    let mut program = shell("exec sleep 600")?;
    assert!(program.is_running());
    program.kill9()?;
    assert_eq!(program.wait(SOON).await?.signal(), Some(9));
    Ok(())
}

#[tokio::test]
async fn paused_program_stops_and_resumes() -> Result<()> {
    let program = shell("exec sleep 600")?;
    program.pause()?;
    poll_until(SOON, || async { Ok::<_, anyhow::Error>(state(program.id())? == "T") }).await?;
    program.resume()?;
    poll_until(SOON, || async { Ok::<_, anyhow::Error>(state(program.id())? != "T") }).await
}

#[tokio::test]
async fn program_that_runs_on_is_told_with_its_stderr() -> Result<()> {
    let mut program = shell("echo stuck >&2; exec sleep 600")?;
    poll_until(SOON, || async { program.stderr() == "stuck\n" }).await?;
    let error = program.wait(Duration::from_millis(50)).await.expect_err("it runs on");
    assert!(error.to_string().contains("stuck"), "{error}");
    Ok(())
}

#[test]
fn missing_program_is_named() {
    let error = Program::spawn("/no/such/program", [""; 0], NO_ENV).expect_err("there is none");
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}
