//! The log: one line per event on stderr, JSON for machines, text for people. What happens to a batch that is traced carries the
//! `trace_id` and `span_id` of its span.

use std::io::IsTerminal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::config::{Fault, Validate};

/// What is logged, and how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogConfig {
    /// Level (error, warn, info, debug, trace, off), or directives by module such as "info,rdkafka=warn".
    pub level: String,
    /// Form of a line: auto is text on a terminal and JSON elsewhere.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text when stderr is a terminal, JSON otherwise.
    Auto,
    /// One JSON object a line.
    Json,
    /// Readable text, coloured on a terminal unless NO_COLOR is set.
    Text,
}

impl LogFormat {
    fn is_json(self, terminal: bool) -> bool {
        match self {
            Self::Auto => !terminal,
            Self::Json => true,
            Self::Text => false,
        }
    }
}

impl Validate for LogConfig {
    fn validate(&self) -> Vec<Fault> {
        match filter(&self.level) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Fault::new("level", error.to_string())],
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level cannot be parsed.
    #[error(
        "{0:?} is not a log level: expected error, warn, info, debug, trace, off, or directives such as \"info,rdkafka=warn\""
    )]
    Level(String),
    /// Somebody has set a global subscriber before.
    #[error("logging is already set up in this process: call telemetry::init once, at the start")]
    AlreadySet,
}

/// Sends this process's log to stderr. Call it once, at the start.
///
/// # Errors
/// [`TelemetryError`] for an unknown level, and when logging is already set up.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = filter(&config.level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if config.format.is_json(stderr_is_terminal()) {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        builder.with_ansi(stderr_is_terminal() && !no_color()).try_init()
    };
    set.map_err(|_| TelemetryError::AlreadySet)
}

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let unknown = || TelemetryError::Level(level.to_owned());
    // A bare unknown word would be taken for a module's name, and silence everything else.
    let words = level.split(',').map(str::trim).filter(|word| !word.contains('='));
    for word in words {
        if word.is_empty() {
            return Err(unknown()); // it would parse, as "error"
        }
        word.parse::<tracing_subscriber::filter::LevelFilter>().map_err(|_| unknown())?;
    }
    EnvFilter::try_new(level).map_err(|_| unknown())
}

/// Whether standard output is a terminal: live tables and progress bars belong there only.
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether the user asked for no colours (a non-empty NO_COLOR, see no-color.org).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_level_is_a_fault_that_lists_the_known_ones() {
        let config = LogConfig { level: "verbos".to_owned(), ..LogConfig::default() };
        let faults = config.validate();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].to_string().contains("warn, info"), "{}", faults[0]);
        for level in ["info", "WARN", "off", "info,rdkafka=warn", "churn_sink=debug"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["", "info,", "=", "info,a=b=c", "rdkafka=loud"] {
            assert!(filter(level).is_err(), "{level:?}");
        }
    }

    #[test]
    fn setting_it_up_twice_is_an_error_not_a_panic() {
        let config = LogConfig { level: "off".to_owned(), ..LogConfig::default() };
        let _ = init(&config);
        assert!(matches!(init(&config), Err(TelemetryError::AlreadySet)));
    }

    #[test]
    fn auto_follows_the_terminal() {
        assert!(!LogFormat::Auto.is_json(true));
        assert!(LogFormat::Auto.is_json(false));
        assert!(LogFormat::Json.is_json(true));
        assert!(!LogFormat::Text.is_json(false));
    }
}
