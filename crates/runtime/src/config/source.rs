//! The layers above the defaults, as they were found and before anybody knows whether they make sense.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Prefix of the environment variables that set a key.
pub(crate) const ENV_PREFIX: &str = "CHURN__";
/// File read when none is named.
pub const DEFAULT_FILE: &str = "churn.toml";

/// The configuration file to read.
#[derive(Debug, Clone, Default)]
enum File {
    #[default]
    None,
    IfPresent(PathBuf),
    Required(PathBuf),
}

/// A value from the command line.
#[derive(Debug, Clone)]
pub(crate) struct FlagValue {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) flag: String,
}

/// Where values may come from: file < environment < flags. Later calls win over earlier ones of the same kind.
///
/// ```
/// use churn_runtime::config::Sources;
/// let sources = Sources::process().with_set("http.listen=127.0.0.1:0").with_flag("log.level", "debug", "--log-level");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Sources {
    file: File,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) flags: Vec<FlagValue>,
    pub(crate) malformed: Vec<String>,
}

impl Sources {
    /// Nothing but the defaults.
    pub fn none() -> Self {
        Self::default()
    }

    /// `churn.toml` of the working folder where there is one, and this process's environment.
    pub fn process() -> Self {
        let env = std::env::vars_os().collect();
        Self { file: File::IfPresent(DEFAULT_FILE.into()), env, ..Self::default() }
    }

    /// Reads this file; it is a fault when it is missing.
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = File::Required(path.into());
        self
    }

    /// Takes these variables instead of the process's.
    pub fn with_env<K: Into<OsString>, V: Into<OsString>>(mut self, env: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env = env.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self
    }

    /// `--set section.key=value`. Text without `=` is reported by `load` with the other faults.
    pub fn with_set(mut self, assignment: &str) -> Self {
        match assignment.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => self.with_flag(key.trim(), value, "--set"),
            _ => {
                let key = assignment.split('=').next().unwrap_or_default().trim();
                self.malformed.push(format!("--set {key}: expected --set section.key=value"));
                self
            }
        }
    }

    /// A named flag that stands for a key: dotted key, value as typed, and the flag's name for messages.
    pub fn with_flag(mut self, key: impl Into<String>, value: impl Into<String>, flag: impl Into<String>) -> Self {
        self.flags.push(FlagValue { key: key.into(), value: value.into(), flag: flag.into() });
        self
    }

    /// The file's path and text, when there is one to read.
    pub(crate) fn read_file(&self) -> Result<Option<(PathBuf, String)>, String> {
        match &self.file {
            File::None => Ok(None),
            File::Required(path) => read(path).map(Some).map_err(|error| describe(path, &error)),
            File::IfPresent(path) => match read(path) {
                Ok(file) => Ok(Some(file)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(describe(path, &error)),
            },
        }
    }
}

fn read(path: &Path) -> std::io::Result<(PathBuf, String)> {
    Ok((path.to_owned(), std::fs::read_to_string(path)?))
}

fn describe(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read the configuration file {}: {error}", path.display())
}
