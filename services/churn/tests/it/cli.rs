//! The configuration and the command line.

use std::fs;
use std::process::Stdio;

use tempfile::TempDir;

use crate::run::{command, json, run, run_with, stderr, stdout};

#[test]
fn the_configuration_shows_where_values_come_from_and_masks_secrets() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("churn.toml"), "[sink]\nbatch_rows = 777\n[http]\ntoken = \"hush-hush\"\n").unwrap();
    let env = [("CHURN__POSTGRES__URL", "postgres://me:s3cret@127.0.0.1:5/churn"), ("CHURN__KAFKA__PARTITIONS", "9")];
    let output = run_with(folder.path(), &["config", "show", "--set", "scorer.batch_rows=42"], &env);
    let shown = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {shown}"));
    assert!(line("sink.batch_rows").contains("777") && line("sink.batch_rows").contains("churn.toml"));
    assert!(line("kafka.partitions").contains('9') && line("kafka.partitions").contains("CHURN__KAFKA__PARTITIONS"));
    assert!(line("scorer.batch_rows").contains("42") && line("scorer.batch_rows").contains("--set"));
    assert!(line("postgres.url").contains("127.0.0.1"));
    assert!(!shown.contains("s3cret") && !shown.contains("hush-hush"), "{shown}");
}

#[test]
fn every_fault_is_listed_at_once_with_the_nearest_key() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("churn.toml"), "[sink]\nbatch_row = 5\n[synthesizer]\nrate = \"fast\"\n").unwrap();
    let output = run_with(folder.path(), &["config", "check"], &[("CHURN__KAFKA__PARTITIONS", "many")]);
    assert_eq!(output.status.code(), Some(64));
    let faults = stderr(&output);
    for part in ["sink.batch_row", "batch_rows", "synthesizer.rate", "kafka.partitions", "CHURN__KAFKA__PARTITIONS"] {
        assert!(faults.contains(part), "{part}: {faults}");
    }
}

#[test]
fn listening_to_others_without_a_token_is_refused() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &["config", "check", "--set", "http.listen=0.0.0.0:8080"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("http.token"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let folder = TempDir::new().unwrap();
    for args in [&["config", "reference"][..], &["config", "reference", "--json"], &["model", "list"], &["--help"]] {
        let (reader, stdout) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(folder.path(), args).stdout(stdout).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{args:?}");
    }
}

#[test]
fn where_nobody_reads_its_errors_the_exit_code_is_the_same() {
    let folder = TempDir::new().unwrap();
    let (reader, nobody) = std::io::pipe().unwrap();
    drop(reader);
    let status = command(folder.path(), &["config", "check", "--set", "http.listen=0.0.0.0:1"]).stderr(nobody).status();
    assert_eq!(status.unwrap().code(), Some(64));
}

#[test]
fn usage_errors_exit_with_64_and_help_with_0() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(folder.path(), &["frobnicate"]).status.code(), Some(64));
    assert_eq!(run(folder.path(), &["demo", "--duration", "soon"]).status.code(), Some(64));
    assert_eq!(run(folder.path(), &["--help"]).status.code(), Some(0));
    let keys = json(&run(folder.path(), &["config", "reference", "--json"]));
    assert!(keys.as_array().unwrap().len() > 40);
}

#[test]
fn parts_say_which_server_they_miss() {
    let folder = TempDir::new().unwrap();
    let nothing = run(folder.path(), &["run", "scorer"]);
    assert_eq!(nothing.status.code(), Some(64));
    assert!(stderr(&nothing).contains("kafka.brokers"), "{}", stderr(&nothing));
    let args = [
        "setup",
        "--set",
        "kafka.brokers=127.0.0.1:1",
        "--set",
        "kafka.connect_timeout=1s",
        "--set",
        "postgres.url=postgres://a@127.0.0.1:1/x",
    ];
    let unreachable = run(folder.path(), &args);
    assert_eq!(unreachable.status.code(), Some(69), "{}", stderr(&unreachable));
    assert!(stderr(&unreachable).contains("127.0.0.1:1"), "{}", stderr(&unreachable));
}

#[test]
fn an_unknown_log_level_is_found_by_config_check() {
    let folder = TempDir::new().unwrap();
    let output = run_with(folder.path(), &["config", "check"], &[("CHURN__LOG__LEVEL", "loud")]);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        stderr(&output).contains("log.level") && stderr(&output).contains("CHURN__LOG__LEVEL"),
        "{}",
        stderr(&output)
    );
}
