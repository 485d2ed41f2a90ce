//! What is wrong with a configuration: all of it, each fault with its key, its place and the way out.

use std::fmt;

use super::origin::Origin;

/// One fault. Its message never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Dotted key, such as `http.listen`; empty when the fault is not about one key.
    pub key: String,
    /// Where the faulty value came from; none until the loader fills it in.
    pub origin: Option<Origin>,
    /// What is wrong and what would be right: lower case, no full stop.
    pub message: String,
}

impl Fault {
    /// A fault of the value at `key`, which is relative to the struct that validates.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), origin: None, message: message.into() }
    }

    pub(crate) fn at(key: impl Into<String>, origin: Origin, message: impl Into<String>) -> Self {
        Self { key: key.into(), origin: Some(origin), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "`{}`", self.key)?;
        }
        match &self.origin {
            Some(origin) if !self.key.is_empty() => write!(f, " ({origin}): ")?,
            Some(origin) => write!(f, "{origin}: ")?,
            None if !self.key.is_empty() => f.write_str(": ")?,
            None => {}
        }
        f.write_str(&self.message)
    }
}

/// Puts the faults of a nested struct under its section.
///
/// ```
/// use churn_runtime::config::{Fault, within};
/// let faults = within("http", vec![Fault::new("listen", "is taken")]);
/// assert_eq!(faults[0].key, "http.listen");
/// ```
pub fn within(section: &str, faults: Vec<Fault>) -> Vec<Fault> {
    let under = |mut fault: Fault| {
        fault.key = if fault.key.is_empty() { section.to_owned() } else { format!("{section}.{}", fault.key) };
        fault
    };
    faults.into_iter().map(under).collect()
}

/// Every fault of a configuration. Never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, in the order in which their layers were read.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(faults: Vec<Fault>) -> Self {
        Self(faults)
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "fault" } else { "faults" };
        write!(f, "{} {plural} in the configuration", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}
