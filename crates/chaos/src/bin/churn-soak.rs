//! `churn-soak`: what each part holds when idle and under full load, as a table. Exit code 0 when no part holds too much or grows.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)] // a terminal program

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use churn_chaos::{Limits, SoakOptions, SoakReport, soak};
use clap::Parser;

/// Measures the memory of the parts as processes on a real Kafka and Postgres: idle, then under full load.
#[derive(Debug, Parser)]
struct Args {
    /// Minutes of full load.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seconds that the parts are left alone before.
    #[arg(long, default_value_t = 30)]
    idle: u64,
    /// Events a second, or max for as fast as they can be made.
    #[arg(long, default_value = "max")]
    rate: String,
    /// The program under test.
    #[arg(long, default_value = "target/debug/churn")]
    program: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(args).await {
        Err(error) => {
            eprintln!("the run cannot be judged: {error:#}");
            ExitCode::FAILURE
        }
        Ok(report) => say(&report),
    }
}

async fn run(args: Args) -> anyhow::Result<SoakReport> {
    anyhow::ensure!((0.1..=600.0).contains(&args.minutes), "--minutes must be from 0.1 to 600");
    let options = SoakOptions {
        program: std::path::absolute(&args.program)?,
        idle: Duration::from_secs(args.idle.max(2)),
        load: Duration::from_secs_f64(args.minutes * 60.0),
        rate: args.rate,
    };
    soak(&options, &mut |line| eprintln!("{line}")).await
}

fn say(report: &SoakReport) -> ExitCode {
    println!("{:<12} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}", "MB", "idle", "its own", "peak", "warm", "end", "a minute");
    let mut faults = Vec::new();
    for (part, memory) in &report.parts {
        println!(
            "{part:<12} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>+9.2}",
            memory.idle, memory.idle_own, memory.peak, memory.warm, memory.end, memory.slope
        );
        faults.extend(memory.faults(&Limits::default()).into_iter().map(|fault| format!("{part}: {fault}")));
    }
    println!("{:.0} rows a second stored", report.rows_per_second);
    if faults.is_empty() {
        println!("within bounds");
        return ExitCode::SUCCESS;
    }
    println!("TOO MUCH: {}", faults.join("; "));
    ExitCode::FAILURE
}
