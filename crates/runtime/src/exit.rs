//! What an exit code means, and which one an error gets.
//!
//! Codes follow BSD's sysexits.h where it has one, so that a supervisor can tell "fix the configuration" (64) from "start me again
//! later" (69) and "look at me" (1).

use std::error::Error;
use std::fmt;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was accepted is durable.
    Drained = 0,
    /// It failed for a reason of its own; restarting may or may not help.
    Failed = 1,
    /// The command line or the configuration is wrong; restarting does not help.
    Usage = 64,
    /// The data given are wrong.
    Data = 65,
    /// Something it depends on is out of reach; restarting later may help.
    Unavailable = 69,
    /// Ended at once by a second SIGINT.
    Interrupted = 130,
    /// Ended at once by a second SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The number handed to the operating system.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What becomes of the work when an error happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The record or file is bad and always will be: a dead letter in a stream, exit 65 in a command.
    Data,
    /// Something outside is down or busy: back off and try again; exit 69 where there is nobody to try again.
    External,
    /// A rule of ours is broken: stop, exit 1.
    Internal,
}

impl Fate {
    /// The exit code of a process that ends with such an error.
    pub fn exit(self) -> Exit {
        match self {
            Self::Data => Exit::Data,
            Self::External => Exit::Unavailable,
            Self::Internal => Exit::Failed,
        }
    }
}

/// Implemented by error types that know their fate.
pub trait Fated {
    /// What becomes of the work.
    fn fate(&self) -> Fate;
}

/// An error on its way out of the process, with the exit code it asks for. It prints as the error it wraps.
///
/// Wrap at the place that knows (`.map_err(Ending::external)`); context added on top does not hide it from [`exit_of`].
#[derive(Debug)]
pub struct Ending {
    exit: Exit,
    error: Box<dyn Error + Send + Sync>,
}

impl Ending {
    /// Ends the process with `exit`.
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into() }
    }

    /// The command line or configuration is wrong.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// The data are wrong.
    pub fn data(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Data, error)
    }

    /// Something outside is out of reach.
    pub fn external(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Unavailable, error)
    }

    /// By the error's own fate.
    pub fn of<E: Fated + Error + Send + Sync + 'static>(error: E) -> Self {
        Self::new(error.fate().exit(), error)
    }

    /// The exit code it asks for.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Ending {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// The exit code of an error: the first link of its chain that knows one, otherwise [`Exit::Failed`].
pub fn exit_of(error: &(dyn Error + 'static)) -> Exit {
    exit_of_known(error, |_| None)
}

/// As [`exit_of`], where the program knows error types that this crate does not: `known` gives their exit codes, so that
/// a link nobody wrapped in an [`Ending`] counts as well.
pub fn exit_of_known(error: &(dyn Error + 'static), known: impl Fn(&(dyn Error + 'static)) -> Option<Exit>) -> Exit {
    let exit = links(error).find_map(|link| own_exit(link).or_else(|| known(link)));
    exit.unwrap_or(Exit::Failed)
}

/// An error and all of its reasons in one line: what a log line needs, where `Display` alone would leave out why.
pub fn reasons(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for link in links(error) {
        let link = link.to_string();
        // A transparent error says the same as its source, and some quote it.
        if !text.contains(&link) {
            text = if text.is_empty() { link } else { format!("{text}: {link}") };
        }
    }
    text
}

fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

fn own_exit(error: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(ending) = error.downcast_ref::<Ending>() {
        return Some(ending.exit);
    }
    if error.is::<crate::config::Faults>() {
        return Some(Exit::Usage);
    }
    if error.is::<crate::telemetry::TelemetryError>() {
        return Some(Exit::Usage);
    }
    error.downcast_ref::<crate::http::HttpError>().map(crate::http::HttpError::exit)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn context_on_top_does_not_hide_the_exit_code() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let error = Err::<(), _>(Ending::external(refused)).context("reaching postgres").unwrap_err();
        assert_eq!(exit_of(error.as_ref()), Exit::Unavailable);
        assert_eq!(format!("{error:#}"), "reaching postgres: refused");
    }

    #[test]
    fn an_error_that_says_nothing_is_a_failure() {
        assert_eq!(exit_of(anyhow::anyhow!("something").as_ref()), Exit::Failed);
    }

    #[test]
    fn faults_of_the_configuration_are_usage() {
        let faults = crate::config::Faults::from(vec![crate::config::Fault::new("a.b", "is wrong")]);
        let error = anyhow::Error::new(faults).context("starting");
        assert_eq!(exit_of(error.as_ref()).code(), 64);
    }

    #[test]
    fn a_type_that_only_the_program_knows_gets_its_code_too() {
        let error = anyhow::Error::new(std::fmt::Error).context("starting");
        let known = |link: &(dyn Error + 'static)| link.is::<std::fmt::Error>().then_some(Exit::Unavailable);
        assert_eq!(exit_of_known(error.as_ref(), known), Exit::Unavailable);
        assert_eq!(exit_of(error.as_ref()), Exit::Failed);
    }

    #[test]
    fn all_reasons_stand_in_one_line_and_none_twice() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let error = anyhow::Error::new(Ending::external(refused)).context("reaching postgres");
        assert_eq!(reasons(error.as_ref()), "reaching postgres: refused");
    }

    #[test]
    fn each_fate_has_its_code() {
        assert_eq!([Fate::Data, Fate::External, Fate::Internal].map(|fate| fate.exit().code()), [65, 69, 1]);
    }
}
