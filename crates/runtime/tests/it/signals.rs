//! A process of our own under SIGTERM.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use churn_runtime::clock::Stopwatch;
use churn_runtime::shutdown::Shutdown;

/// Set in the process that is signalled: the folder where it reports.
const REPORTS: &str = "CHURN_RUNTIME_TEST_REPORTS";

/// This test starts itself as the process to signal.
#[test]
fn the_first_signal_asks_and_the_second_ends_the_process_at_once() {
    if let Some(reports) = std::env::var_os(REPORTS) {
        return be_signalled(&PathBuf::from(reports));
    }
    let reports = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "signals::the_first_signal_asks_and_the_second_ends_the_process_at_once"])
        .env(REPORTS, reports.path())
        .spawn()
        .unwrap();
    wait_for(&mut child, &reports.path().join("listening"));
    terminate(&child);
    wait_for(&mut child, &reports.path().join("asked"));
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

fn be_signalled(reports: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let shutdown = Shutdown::install().unwrap();
        std::fs::write(reports.join("listening"), "").unwrap();
        shutdown.requested().await;
        std::fs::write(reports.join("asked"), "").unwrap();
        std::future::pending::<()>().await;
    });
}

fn terminate(child: &Child) {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

fn wait_for(child: &mut Child, report: &Path) {
    let waited = Stopwatch::start();
    while !report.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "the process ended before {}", report.display());
        assert!(waited.elapsed() < Duration::from_secs(60), "no {}", report.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}
