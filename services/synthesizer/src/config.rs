//! The `synthesizer` section of the configuration.

use std::str::FromStr;
use std::time::Duration;

use churn_runtime::config::{Fault, HumanDuration, Validate};
use churn_synth::Recurrence;
use serde::{Deserialize, Serialize};

use crate::scenario::ScenarioSpec;

/// What to synthesize, how fast, and when the truth comes out.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SynthesizerConfig {
    /// Name of the stream; with the sequence number it identifies an event. One synthesizer a stream.
    pub stream: String,
    /// Seed of the random numbers: the same seed and generator give the same customers.
    pub seed: u64,
    /// Events a second, or `max` for as fast as the consumers allow.
    pub rate: Rate,
    /// How long after its event a customer's true outcome is emitted.
    pub outcome_delay: HumanDuration,
    /// Outcomes that may wait for their time. When as many wait, no further event is emitted: their number times 48 bytes
    /// is the memory they take.
    pub max_pending_outcomes: usize,
    /// What becomes of outcomes that are due more than 10 s after a request to stop: `leave` them to the next start of the stream,
    /// or `send` them at once. The demo sends them: nothing comes after it.
    pub on_stop: OnStop,
    /// Most events synthesized at once without transactions (the embedded broker). Larger is faster, smaller keeps the pace even.
    pub batch_rows: usize,
    /// Most events in one Kafka transaction. Larger costs less an event, smaller keeps the latency of a full stream low.
    pub transaction_rows: usize,
    /// Time between two transactions that are not full. Shorter lowers the latency, longer spares the brokers.
    pub commit_interval: HumanDuration,
    /// Share of the events, from 0 to 0.5, that are later versions of an earlier customer.
    pub returning_share: f64,
    /// What happens to the stream, each as NAME[*STRENGTH][@WHEN][+LENGTH], where WHEN is a time since the start or a sequence number:
    /// covariate-drift, concept-drift, label-shift, missing-values, new-category, burst, silence. A restart does not begin one again.
    pub scenarios: Vec<ScenarioSpec>,
}

impl Default for SynthesizerConfig {
    fn default() -> Self {
        Self {
            stream: "synthesizer-0".into(),
            seed: 7,
            rate: Rate::PerSecond(1_000.0),
            outcome_delay: HumanDuration::from(Duration::from_secs(2)),
            max_pending_outcomes: 2_000_000,
            on_stop: OnStop::Leave,
            batch_rows: 1_000,
            transaction_rows: 8_000,
            commit_interval: HumanDuration::from(Duration::from_millis(50)),
            returning_share: 0.2,
            scenarios: Vec::new(),
        }
    }
}

impl Validate for SynthesizerConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, key: &str, problem: String| {
            if !holds {
                faults.push(Fault::new(key, problem));
            }
        };
        check((1..=200).contains(&self.stream.len()), "stream", "must have 1 to 200 bytes".into());
        for (key, rows) in [("batch_rows", self.batch_rows), ("transaction_rows", self.transaction_rows)] {
            check((1..=100_000).contains(&rows), key, "must be from 1 to 100000".into());
        }
        let least = self.batch_rows.max(self.transaction_rows);
        check(
            self.max_pending_outcomes >= least,
            "max_pending_outcomes",
            format!("must be at least batch_rows and transaction_rows ({least})"),
        );
        check(
            self.commit_interval.get() <= Duration::from_secs(1),
            "commit_interval",
            "must be at most 1s: an open transaction holds its readers back".into(),
        );
        let most = Recurrence::MAX_SHARE;
        check((0.0..=most).contains(&self.returning_share), "returning_share", format!("must be from 0 to {most}"));
        let has_rate = self.rate.per_second().is_some();
        faults.extend(self.scenarios.iter().filter_map(|spec| Some(Fault::new("scenarios", spec.fault(has_rate)?))));
        faults
    }
}

/// What becomes of outcomes that still wait when the synthesizer is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// They are left to the next start of the stream.
    Leave,
    /// They are sent at once, and say so: they carry the time at which they left.
    Send,
}

/// How fast events are emitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RateText", into = "RateText")]
pub enum Rate {
    /// So many events a second.
    PerSecond(f64),
    /// As fast as the consumers allow.
    Max,
}

impl Rate {
    /// Events a second, `None` without a limit.
    pub fn per_second(self) -> Option<f64> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::Max => None,
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        match text.parse() {
            Ok(rate) if (0.001..=100_000_000.0).contains(&rate) => Ok(Self::PerSecond(rate)),
            _ => Err(format!("{text:?} is no rate: give events a second (0.001 to 100000000) or max")),
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PerSecond(rate) => rate.fmt(f),
            Self::Max => f.write_str("max"),
        }
    }
}

/// A rate as files spell it: a number or a word.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RateText {
    Number(f64),
    Word(String),
}

impl TryFrom<RateText> for Rate {
    type Error = String;

    fn try_from(text: RateText) -> Result<Self, Self::Error> {
        match text {
            RateText::Number(rate) => rate.to_string().parse(),
            RateText::Word(word) => word.parse(),
        }
    }
}

impl From<Rate> for RateText {
    fn from(rate: Rate) -> Self {
        Self::Word(rate.to_string())
    }
}

impl schemars::JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "events a second, or max" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_or_max_and_nothing_else() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("5000".parse(), Ok(Rate::PerSecond(5000.0)));
        for bad in ["", "-1", "0", "fast", "NaN", "inf"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        assert_eq!(Rate::PerSecond(2.5).to_string().parse(), Ok(Rate::PerSecond(2.5)));
    }
}
