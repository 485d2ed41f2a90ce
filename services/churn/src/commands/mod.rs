//! The commands, one file each.

mod access;
pub(crate) mod admin;
mod bad_rows;
mod config;
pub(crate) mod dlq;
pub(crate) mod drift;
pub(crate) mod health;
mod metrics;
pub(crate) mod model;
mod model_export;
mod model_report;
pub(crate) mod offsets;
mod predict;
mod produce;
pub(crate) mod report;
pub(crate) mod retrain;
mod run;
pub(crate) mod setup;
pub(crate) mod store;
mod synth;
mod test;
pub(crate) mod trace;
mod train;

use anyhow::Context;

use crate::app::{App, Flag};
use crate::cli::{Cli, Command};
use crate::demo;

/// Threads of the runtime. Parts block theirs while they compute or talk to Kafka (`block_in_place` then lends another), so
/// there are more of them than cores: timers and HTTP must not wait for a batch.
const WORKERS: usize = 4;

/// Runs the command to its end.
///
/// # Errors
/// Whatever ended it before its time, with the exit code it asks for.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { global, command } = cli;
    let start = |flags| App::start(&global, flags);
    match command {
        Command::Config(command) => config::run(command, &global),
        Command::Metrics(command) => metrics::run(command, &global),
        Command::Drift(command) => drift::run(&start(Vec::new())?, command),
        Command::Synth(command) => block_on(synth::run(&start(Vec::new())?, command)),
        Command::Predict(args) => block_on(predict::run(&start(Vec::new())?, &args)),
        Command::Train(args) => block_on(train::run(&start(Vec::new())?, &args)),
        Command::Retrain(args) => block_on(retrain::run(&start(Vec::new())?, &args)),
        Command::Model(command) => block_on(model::run(&start(Vec::new())?, command)),
        Command::Offsets(command) => block_on(offsets::run(&start(Vec::new())?, command)),
        Command::Store(command) => block_on(store::run(&start(Vec::new())?, command)),
        Command::Report(command) => block_on(report::run(&start(Vec::new())?, command)),
        Command::Trace(args) => block_on(trace::run(&start(Vec::new())?, &args)),
        Command::Dlq(command) => block_on(dlq::run(&start(Vec::new())?, command)),
        Command::Test(args) => block_on(test::run(&start(Vec::new())?, &args)),
        Command::Access(args) => access::run(&start(Vec::new())?, &args),
        Command::Produce(args) => block_on(produce::run(&start(Vec::new())?, args)),
        Command::Setup { every: Some(every), .. } => block_on(setup::keep(&start(Vec::new())?, every.get())),
        Command::Setup { dry_run, .. } => block_on(setup::run(&start(Vec::new())?, dry_run)),
        Command::Health(args) => block_on(health::run(&start(Vec::new())?, &args)),
        Command::Run { part } => block_on(run::run(&start(Vec::new())?, part)),
        Command::Demo(args) => {
            let flags = vec![
                Flag { key: "synthesizer.rate", flag: "--rate", value: args.rate.map(|rate| rate.to_string()) },
                Flag { key: "synthesizer.seed", flag: "--seed", value: args.seed.map(|seed| seed.to_string()) },
                Flag { key: "synthesizer.scenarios", flag: "--scenario", value: args.scenarios() },
            ];
            block_on(demo::run(demo::app(&global, flags)?, args))
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("start the asynchronous runtime")?;
    let result = runtime.block_on(work);
    // Work that was abandoned on purpose (a grace time that ran out) must not keep the process.
    runtime.shutdown_background();
    result
}
