//! `churn health` as a container's healthcheck runs it.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, free_port};
use tempfile::TempDir;

use crate::run::{churn, json, run, run_with, stderr};

#[test]
fn a_part_without_a_model_lives_but_is_not_ready_and_then_is() -> Result<()> {
    let folder = TempDir::new()?;
    let registry = folder.path().join(".churn/registry").display().to_string();
    let listen = format!("0.0.0.0:{}", free_port());
    let env = [
        ("CHURN__HTTP__LISTEN", listen.as_str()),
        ("CHURN__HTTP__TOKEN", "a-token-that-health-does-not-need"),
        ("CHURN__REGISTRY__PATH", &registry),
        ("CHURN__SCORER__MODEL_POLL", "100ms"),
        // A proxy that nobody answers at.
        ("http_proxy", "http://127.0.0.1:1"),
    ];
    let health = |args: &[&str]| run_with(folder.path(), &[&["health"], args].concat(), &env);

    let silent = health(&[]);
    ensure!(silent.status.code() == Some(69) && stderr(&silent).contains("does not answer"), "{}", stderr(&silent));

    let owned = env.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let part = Program::spawn(churn(), ["run", "api"], owned)?;
    ensure!(health(&["--live", "--wait", "60s"]).status.success(), "{}", part.stderr());
    let refused = health(&["--json"]);
    ensure!(refused.status.code() == Some(1), "{}", stderr(&refused));
    ensure!(stderr(&refused).contains("says no: model:"), "{}", stderr(&refused));
    let told: serde_json::Value = serde_json::from_slice(&refused.stdout)?;
    ensure!(told["healthy"] == false && told["status"] == 503 && told["answer"]["components"]["model"]["up"] == false);

    // What fills the registry is no matter here.
    let demo = run(folder.path(), &["demo", "--duration", "1s", "--rate", "100"]);
    ensure!(demo.status.success(), "{}", stderr(&demo));
    let ready = json(&health(&["--json", "--wait", "60s"]));
    ensure!(ready["healthy"] == true && ready["answer"]["ready"] == true, "{ready}");
    Ok(())
}

#[test]
fn a_stranger_on_the_port_is_not_taken_for_a_part() -> Result<()> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?.to_string();
    let stranger = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut asked, _) = listener.accept()?;
        let _ = asked.read(&mut [0; 1024])?;
        asked.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    });
    let folder = TempDir::new()?;
    let output = run(folder.path(), &["health", "--address", &address]);
    ensure!(output.status.code() == Some(1) && stderr(&output).contains("not as a part does"), "{}", stderr(&output));
    stranger.join().ok().context("the stranger failed")??;
    let wrong = run(folder.path(), &["health", "--address", "not an address"]);
    ensure!(wrong.status.code() == Some(64), "{}", stderr(&wrong));
    Ok(())
}

#[test]
fn a_part_that_says_nothing_is_given_up_in_time() -> Result<()> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let (folder, address) = (TempDir::new()?, listener.local_addr()?.to_string());
    let started = std::time::Instant::now();
    let output = run(folder.path(), &["health", "--address", &address, "--timeout", "300ms"]);
    ensure!(output.status.code() == Some(69), "{}", stderr(&output));
    ensure!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    Ok(())
}
