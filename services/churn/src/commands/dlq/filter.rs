//! Which letters a command is about.

use std::str::FromStr;

use anyhow::bail;
use churn_runtime::clock::now_ms;
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::Ending;
use churn_stream::letters::Letter;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only records of this source topic.
    #[arg(long)]
    topic: Option<String>,
    /// Only this error class, such as undecodable or out_of_range.
    #[arg(long)]
    class: Option<String>,
    /// Only this part and step, such as scorer.decode.
    #[arg(long)]
    stage: Option<String>,
    /// Only records with this timestamp or later: 2026-11-25T08:00:00Z, or a time ago such as 2h.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only records with an earlier timestamp.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) i64);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(time.as_millisecond()));
        }
        let ago =
            text.parse::<HumanDuration>().map_err(|_| "expected 2026-11-25T08:00:00Z, or a time ago such as 2h")?;
        Ok(Self(now_ms() - i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Filter {
    pub(super) fn wants(&self, letter: &Letter) -> bool {
        self.topic.as_ref().is_none_or(|topic| *letter.id.source.topic == **topic)
            && self.class.as_ref().is_none_or(|class| letter.class == *class)
            && self.stage.as_ref().is_none_or(|stage| letter.stage == *stage)
            && self.since.is_none_or(|since| letter.timestamp_ms >= since.0)
            && self.until.is_none_or(|until| letter.timestamp_ms < until.0)
    }

    /// The source topics among `all` to look at.
    ///
    /// # Errors
    /// The chosen one is not among them.
    pub(super) fn topics<'a>(&self, all: &[&'a String]) -> anyhow::Result<Vec<&'a String>> {
        let wanted: Vec<&String> =
            all.iter().copied().filter(|t| self.topic.as_ref().is_none_or(|w| w == *t)).collect();
        if wanted.is_empty() {
            bail!(Ending::usage(format!("--topic: no source topic is called so; there are {all:?}")));
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_time_ago() {
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Moment(1_000)));
        let hours_ago = "2h".parse::<Moment>().map(|moment| (now_ms() - moment.0) / 60_000);
        assert_eq!(hours_ago, Ok(120));
        assert!("yesterday".parse::<Moment>().is_err());
    }
}
