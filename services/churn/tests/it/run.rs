//! Runs the program and collects what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The program under test.
pub(crate) fn churn() -> PathBuf {
    env!("CARGO_BIN_EXE_churn").into()
}

/// Runs the program in an empty folder of its own without any configuration from outside.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    run_with(folder, args, &[])
}

pub(crate) fn run_with(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    command(folder, args).envs(env.iter().copied()).output().unwrap()
}

/// The program in a folder of its own without any configuration from outside, not yet started.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(churn());
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("CHURN__")) {
        command.env_remove(key);
    }
    command.args(args).current_dir(folder);
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The answer of a command that succeeded.
pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

pub(crate) fn shipped_data() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv").to_owned()
}
