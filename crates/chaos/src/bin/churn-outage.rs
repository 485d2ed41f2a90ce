//! `churn-outage`: takes Postgres, or the room on its disk, away for minutes under load. Exit code 0 when everything emitted is
//! stored in the end, no part ended by itself or held more memory than the soak allows, and a sink's readiness said why it was not ready.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a terminal program

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use churn_chaos::{Outage, OutageKind, outage};
use clap::{Parser, ValueEnum};

/// Takes Postgres away under load, and says what the parts made of it.
#[derive(Debug, Parser)]
struct Args {
    /// What goes wrong.
    #[arg(long, value_enum, default_value = "away")]
    kind: Wrong,
    /// For how many seconds.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Events a second.
    #[arg(long, default_value_t = 2_000)]
    rate: u32,
    /// The program under test.
    #[arg(long, default_value = "target/debug/churn")]
    program: PathBuf,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wrong {
    /// The server is killed and comes back.
    Away,
    /// Its disk is full and gets more room (takes root, for a small disk to be mounted).
    DiskFull,
}

#[tokio::main]
async fn main() -> ExitCode {
    match start(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the run failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(args: Args) -> anyhow::Result<bool> {
    let kind = match args.kind {
        Wrong::Away => OutageKind::Away,
        Wrong::DiskFull => OutageKind::DiskFull,
    };
    // The parts run in a folder of their own, so the program's path must not depend on this one.
    let program = std::path::absolute(&args.program)?;
    let options = Outage { program, kind, time: Duration::from_secs(args.seconds), rate: args.rate };
    let findings = outage(&options, &mut |line| eprintln!("{line}")).await?;
    if args.json {
        findings.faults().iter().for_each(|fault| eprintln!("wrong: {fault}"));
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        println!("{findings}");
    }
    Ok(findings.faults().is_empty())
}
