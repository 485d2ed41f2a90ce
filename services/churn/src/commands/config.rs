//! `churn config`: the effective configuration, its faults, and what its keys mean.

use anyhow::Context;
use churn_runtime::config::{KeyDoc, ShownKey, load, reference};
use serde::Serialize;

use crate::app::sources;
use crate::cli::{ConfigCommand, Global};
use crate::config::Config;
use crate::say;

pub(super) fn run(command: ConfigCommand, global: &Global) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Reference => print(&reference::<Config>(), global, |keys| keys.iter().map(key_text).collect()),
        ConfigCommand::Show => {
            let loaded = load::<Config>(&sources(global, Vec::new()))?;
            print(loaded.show(), global, |keys| keys.iter().map(shown_text).collect())
        }
        ConfigCommand::Check => check(global),
    }
}

/// With `--json` the faults are the answer; the exit code says that there are some.
fn check(global: &Global) -> anyhow::Result<()> {
    let loaded = load::<Config>(&sources(global, Vec::new()));
    let faults: Vec<String> = loaded.as_ref().err().into_iter().flatten().map(ToString::to_string).collect();
    if global.json {
        print(&serde_json::json!({ "faults": faults }), global, |_| Vec::new())?;
    }
    loaded?;
    if !global.json {
        say::answer("the configuration has no faults").context("write the answer")?;
    }
    Ok(())
}

fn print<T: Serialize + ?Sized>(
    answer: &T,
    global: &Global,
    text: impl FnOnce(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    let text = if global.json {
        serde_json::to_string_pretty(answer).context("write the answer as JSON")?
    } else {
        text(answer).join("\n")
    };
    say::answer(&text).context("write the answer")
}

fn shown_text(key: &ShownKey) -> String {
    format!("{} = {}  # {}", key.key, key.text(), key.origin)
}

fn key_text(key: &KeyDoc) -> String {
    format!(
        "{} ({}, default {})\n    {}\n    {}",
        key.key,
        key.type_name,
        key.default,
        key.help.replace('\n', " "),
        key.env
    )
}
