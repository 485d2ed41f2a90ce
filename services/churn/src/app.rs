//! What every command starts from: the configuration, and how to answer.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use churn_monitor::MonitorHandle;
use churn_registry::Registry;
use churn_runtime::config::{Loaded, Sources, load};
use churn_runtime::exit::Ending;
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use churn_runtime::telemetry;
use churn_runtime::traces::Traces;
use churn_synthesizer::Scenarios;
use serde::Serialize;

use crate::cli::Global;
use crate::config::Config;
use crate::say;

/// A named flag that stands for a configuration key.
pub(crate) struct Flag {
    pub(crate) key: &'static str,
    pub(crate) flag: &'static str,
    pub(crate) value: Option<String>,
}

/// The loaded configuration and the way to answer.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) loaded: Loaded<Config>,
    pub(crate) json: bool,
}

/// What the parts of one process share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    pub(crate) progress: Progress,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// Where the monitor's figures are, once one runs in this process.
    pub(crate) monitor: Arc<OnceLock<MonitorHandle>>,
    /// Scenarios of the stream that is synthesized in this process.
    pub(crate) scenarios: Scenarios,
    /// Off, until [`Shared::trace`].
    pub(crate) traces: Traces,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let shared = Self::default();
        shared.metrics.export_progress(&shared.progress);
        shared.metrics.export_health(&shared.health);
        shared
    }

    /// Sends the traces of this process's parts from now on, where a collector is configured.
    ///
    /// # Errors
    /// Its address cannot be used.
    pub(crate) fn trace(&mut self, config: &Config) -> anyhow::Result<()> {
        self.traces = Traces::start(&config.telemetry, &self.metrics).map_err(Ending::usage)?;
        Ok(())
    }
}

impl App {
    /// Loads the configuration and starts logging.
    ///
    /// # Errors
    /// Every fault of the configuration at once.
    pub(crate) fn start(global: &Global, flags: Vec<Flag>) -> anyhow::Result<Self> {
        Self::start_with(global, flags, |_| {})
    }

    /// As [`Self::start`], with a last word of the command on values that nobody set.
    pub(crate) fn start_with(
        global: &Global,
        flags: Vec<Flag>,
        adjust: impl FnOnce(&mut Loaded<Config>),
    ) -> anyhow::Result<Self> {
        let mut app = Self { loaded: load(&sources(global, flags))?, json: global.json };
        adjust(&mut app.loaded);
        telemetry::init(&app.config().log).context("start logging")?;
        Ok(app)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Opens the registry.
    ///
    /// # Errors
    /// Its folder cannot be made, or a key cannot be used.
    pub(crate) async fn registry(&self) -> anyhow::Result<Registry> {
        Registry::open(&self.config().registry).await.map_err(Ending::of).context("open the registry")
    }

    /// Prints an answer: JSON with `--json`, otherwise its text.
    ///
    /// # Errors
    /// The answer does not fit into JSON, or cannot be written; that its reader has gone away is none.
    pub(crate) fn answer<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(answer).context("write the answer as JSON")?
        } else {
            text(answer)
        };
        say::answer(&text).context("write the answer")
    }

    pub(crate) fn grace(&self) -> Duration {
        self.config().grace.get()
    }
}

pub(crate) fn sources(global: &Global, flags: Vec<Flag>) -> Sources {
    let mut sources = Sources::process();
    if let Some(file) = &global.config {
        sources = sources.with_file(file);
    }
    for assignment in &global.set {
        sources = sources.with_set(assignment);
    }
    for Flag { key, flag, value } in flags {
        if let Some(value) = value {
            sources = sources.with_flag(key, value, flag);
        }
    }
    sources
}
