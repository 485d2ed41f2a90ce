//! `churn-chaos`: prints the faults as they happen and ends with one line, the verdict. Exit code 0 when every acknowledged event
//! is stored exactly once, 1 when not or when the run could not be judged.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a terminal program

use std::path::PathBuf;
use std::process::ExitCode;

use churn_chaos::{Options, run};
use clap::Parser;

/// Breaks the whole stack on purpose and proves that nothing was lost, doubled, invented, changed or reordered.
#[derive(Debug, Parser)]
struct Args {
    /// Seed of the faults: the same seed draws the same faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of faults.
    #[arg(long, default_value_t = 50)]
    faults: usize,
    /// Events a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// The program under test.
    #[arg(long, default_value = "target/debug/churn")]
    program: PathBuf,
    /// After the faults, replaces every part by this program, one by one, as Kubernetes rolls out a version; may be given again.
    /// The same program as before is a rolling restart; a new one runs its `setup` first.
    #[arg(long, value_name = "PROGRAM")]
    roll: Vec<PathBuf>,
    /// One of the programs is of a version whose scores had no reasons yet.
    #[arg(long)]
    reasonless: bool,
    /// Last of all, loses the database and restores it from a backup by scripts/backup.sh and scripts/restore.sh.
    #[arg(long)]
    restore: bool,
    /// Real customers with their label, as CSV.
    #[arg(long, default_value = "data/telco_customer_churn.csv")]
    customers: PathBuf,
    /// Answers in JSON instead of one line.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args { seed, faults, rate, program, roll, reasonless, restore, customers, json } = Args::parse();
    match start(Options { program, customers, seed, faults, rate, roll, reasonless, restore }).await {
        Err(error) => {
            eprintln!("the run cannot be judged: {error:#}");
            ExitCode::FAILURE
        }
        Ok(report) => {
            report.verdict.examples.iter().for_each(|example| eprintln!("violation: {example}"));
            match (json, serde_json::to_string_pretty(&report)) {
                (true, Ok(text)) => println!("{text}"),
                _ => println!("{report}"),
            }
            if report.verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// The parts run in a folder of their own, so the program's path must not depend on this one.
async fn start(mut options: Options) -> anyhow::Result<churn_chaos::Report> {
    options.program = std::path::absolute(&options.program)?;
    for program in &mut options.roll {
        *program = std::path::absolute(&program)?;
    }
    run(&options, &mut |line| eprintln!("{line}")).await
}
