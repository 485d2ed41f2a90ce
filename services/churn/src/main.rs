//! The program: one part, all parts, the demo, and the operator's commands.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program talks to its user
#![allow(clippy::disallowed_methods)] // and may look at the clock

mod app;
mod bootstrap;
mod cli;
mod commands;
mod config;
mod demo;
mod exit;
mod generators;
mod parts;
mod report;
mod shipped;

use std::process::ExitCode;

use churn_runtime::exit::{Exit, reasons};
use clap::Parser;

use cli::Cli;

fn main() -> ExitCode {
    churn_runtime::tls::install();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Drained };
            // Where the terminal is gone there is nobody left to tell.
            let _ = error.print();
            return exit.into();
        }
    };
    match commands::run(cli) {
        Ok(()) => Exit::Drained.into(),
        Err(error) => {
            eprintln!("churn: {}", reasons(error.as_ref()));
            exit::of(&error).into()
        }
    }
}
