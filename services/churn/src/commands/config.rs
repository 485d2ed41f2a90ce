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
        ConfigCommand::Reference { markdown: true } => {
            say::answer(page(&reference::<Config>()).trim_end()).context("write the answer")
        }
        ConfigCommand::Reference { markdown: false } => {
            print(&reference::<Config>(), global, |keys| keys.iter().map(key_text).collect())
        }
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

/// docs/configuration.md: a table a section.
fn page(keys: &[KeyDoc]) -> String {
    let mut page = PAGE_HEAD.to_owned();
    let mut section = None;
    for key in keys {
        let (name, rest) = key.key.split_once('.').unwrap_or(("", &key.key));
        if section != Some(name) {
            section = Some(name);
            let title = if name.is_empty() { "At the top" } else { name };
            page += &format!("\n## {title}\n\n| key | type | default | meaning |\n|---|---|---|---|\n");
        }
        let cell = |text: &str| text.replace('\n', " ").replace('|', "\\|");
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", cell(&key.default)) };
        page += &format!("| `{rest}` | {} | {default} | {} |\n", cell(&key.type_name), cell(&key.help));
    }
    page
}

/// What the page says before its tables.
const PAGE_HEAD: &str = "# Configuration

Every key of `churn.toml`, by section; `churn config reference --markdown > docs/configuration.md` writes this page, and a test holds it
against the program. The environment variable of `section.key` is `CHURN__SECTION__KEY`, the flag `--set section.key=value`; which of them
wins is in [usage.md](usage.md). A secret may be given as `file:/path`.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_of_this_program() {
        let page = page(&reference::<Config>());
        let written = include_str!("../../../../docs/configuration.md");
        assert!(
            page == written,
            "docs/configuration.md is of another version; run: cargo run -q -p churn -- config reference --markdown > docs/configuration.md"
        );
    }

    #[test]
    fn the_sections_of_the_page_do_not_come_twice() {
        let page = page(&reference::<Config>());
        let mut titles: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        let all = titles.len();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), all);
    }
}
