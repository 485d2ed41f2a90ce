//! The program: one part, all parts, the demo, and the operator's commands.

#![allow(clippy::disallowed_methods)] // a program may look at the clock

mod app;
mod bootstrap;
mod cli;
mod commands;
mod config;
mod demo;
mod exit;
mod generators;
mod live_figures;
mod parts;
mod report;
mod say;
mod shipped;
mod warehouse;

use std::process::ExitCode;

use churn_runtime::exit::{Exit, reasons};
use clap::Parser;

use cli::Cli;

// glibc's allocator keeps what one thread allocated and another freed: docs/adr/0020.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
            say::note(&format!("churn: {}", reasons(error.as_ref())));
            exit::of(&error).into()
        }
    }
}
