//! Scenarios as people ask for them, and as they have begun.

use std::fmt;
use std::str::FromStr;

use churn_runtime::config::HumanDuration;
use churn_synth::{Scenario, ScenarioKind};
use serde::{Deserialize, Serialize};

use crate::timeline::Burst;

/// How long a burst or a silence lasts where nothing is said.
const LENGTH: HumanDuration = HumanDuration::from_secs(10);
/// How many times faster events come in a burst of full strength.
const BURST: f64 = 5.0;

/// A scenario that is asked for: `NAME[*STRENGTH][@WHEN][+LENGTH]`, such as `covariate-drift@15s`, `concept-drift*0.5@75000` or
/// `burst@20s+5s`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScenarioSpec {
    /// What happens.
    pub kind: ScenarioKind,
    /// From 0, nothing, to 1, the full effect. A later scenario of the same kind takes the place of an earlier one.
    pub strength: f64,
    /// When it begins.
    pub start: Start,
    /// How long a burst or a silence lasts; the others last until they are replaced.
    pub length: HumanDuration,
}

/// When a scenario begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// As soon as possible.
    Now,
    /// So long after the synthesizer's start, or as soon as possible where that has passed.
    After(HumanDuration),
    /// With this event of the stream, or as soon as possible where it has left.
    Sequence(u64),
}

impl ScenarioSpec {
    /// At full strength.
    pub fn new(kind: ScenarioKind, start: Start) -> Self {
        Self { kind, strength: 1.0, start, length: LENGTH }
    }

    /// What is wrong with it where events come without a rate.
    pub fn fault(&self, has_rate: bool) -> Option<String> {
        (self.kind == ScenarioKind::Burst && !has_rate)
            .then(|| format!("{self}: a burst needs a rate to exceed, and synthesizer.rate is max"))
    }
}

impl fmt::Display for ScenarioSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.strength != 1.0 {
            write!(f, "*{}", self.strength)?;
        }
        match self.start {
            Start::Now => {}
            Start::After(time) => write!(f, "@{time}")?,
            Start::Sequence(number) => write!(f, "@{number}")?,
        }
        if self.kind.is_about_time() { write!(f, "+{}", self.length) } else { Ok(()) }
    }
}

impl FromStr for ScenarioSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |part: &str, expected: &str| format!("{text:?}: {part:?} is no {expected}");
        let (rest, length) = text.split_once('+').map_or((text, None), |(rest, length)| (rest, Some(length)));
        let (rest, start) = rest.split_once('@').map_or((rest, None), |(rest, start)| (rest, Some(start)));
        let (name, strength) = rest.split_once('*').map_or((rest, None), |(rest, strength)| (rest, Some(strength)));
        let kind: ScenarioKind = name.trim().parse().map_err(|error| format!("{error}"))?;
        let mut spec = Self::new(kind, Start::Now);
        if let Some(strength) = strength {
            let number = strength.parse().ok().filter(|number| (0.0..=1.0).contains(number));
            spec.strength = number.ok_or_else(|| wrong(strength, "strength from 0 to 1"))?;
        }
        if let Some(start) = start {
            let number = start.parse().ok().filter(|number| i64::try_from(*number).is_ok());
            spec.start = match number {
                Some(number) => Start::Sequence(number),
                None => {
                    Start::After(start.parse().map_err(|_| wrong(start, "time such as 15s, nor a sequence number"))?)
                }
            };
        }
        if let Some(length) = length {
            if !kind.is_about_time() {
                return Err(format!("{text:?}: only burst and silence have a length; a strength of 0 ends the others"));
            }
            let day_ms = 86_400_000;
            let parsed =
                length.parse().ok().filter(|length: &HumanDuration| (1..=day_ms).contains(&length.as_millis()));
            spec.length = parsed.ok_or_else(|| wrong(length, "length from 1ms to 1d"))?;
        }
        Ok(spec)
    }
}

impl TryFrom<String> for ScenarioSpec {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ScenarioSpec> for String {
    fn from(spec: ScenarioSpec) -> Self {
        spec.to_string()
    }
}

impl schemars::JsonSchema for ScenarioSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scenario".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "NAME[*STRENGTH][@WHEN][+LENGTH]" })
    }
}

/// A scenario that has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// Its name.
    pub name: String,
    /// The first event that it may touch.
    pub sequence: i64,
    /// The time of that event, UTC.
    pub at: jiff::Timestamp,
    /// As it was asked for.
    pub spec: ScenarioSpec,
    /// A burst: the first event that comes at the usual pace again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

impl Begun {
    /// Begins with an event that was due at `at_us`, before the scenario changes that.
    pub(crate) fn new(spec: ScenarioSpec, sequence: i64, at_us: i64, rate: Option<f64>) -> Self {
        let events = rate.map(|rate| (rate * burst_factor(&spec) * spec.length.get().as_secs_f64()).round() as i64);
        let until = events.filter(|_| spec.kind == ScenarioKind::Burst).map(|events| sequence.saturating_add(events));
        let at_us = at_us + if spec.kind == ScenarioKind::Silence { micros(spec.length) } else { 0 };
        let at = jiff::Timestamp::from_millisecond(at_us / 1_000).unwrap_or_default();
        Self { name: spec.kind.name().to_owned(), sequence, at, spec, until }
    }

    /// What it does to the customers.
    pub(crate) fn scenario(&self) -> Scenario {
        Scenario { kind: self.spec.kind, first: self.sequence.cast_unsigned(), strength: self.spec.strength }
    }

    /// The events that it makes come faster.
    pub(crate) fn burst(&self) -> Option<Burst> {
        Some(Burst { events: self.sequence..self.until?, factor: burst_factor(&self.spec) })
    }

    /// Until when no event comes, epoch microseconds.
    pub(crate) fn silent_until_us(&self) -> Option<i64> {
        (self.spec.kind == ScenarioKind::Silence).then(|| self.at.as_microsecond())
    }
}

fn burst_factor(spec: &ScenarioSpec) -> f64 {
    1.0 + (BURST - 1.0) * spec.strength
}

pub(crate) fn micros(duration: HumanDuration) -> i64 {
    i64::try_from(duration.get().as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read_as_they_are_written() {
        for text in ["covariate-drift@15s", "concept-drift*0.5@75000", "burst@20s+5s", "silence@1+2m", "label-shift@0s"]
        {
            assert_eq!(text.parse::<ScenarioSpec>().map(|spec| spec.to_string()), Ok(text.to_owned()));
        }
        let now = "missing-values".parse::<ScenarioSpec>().unwrap();
        assert_eq!((now.start, now.strength), (Start::Now, 1.0));
    }

    #[test]
    fn a_scenario_that_cannot_be_is_refused_with_what_could_be() {
        for (bad, expected) in [
            ("drift@15s", "covariate-drift, concept-drift"),
            ("", "known are"),
            ("burst*2", "strength from 0 to 1"),
            ("burst*NaN", "strength from 0 to 1"),
            ("burst@soon", "time such as 15s"),
            ("burst@99999999999999999999", "time such as 15s"),
            ("burst+0s", "length from 1ms to 1d"),
            ("label-shift+5s", "only burst and silence"),
        ] {
            let refused = bad.parse::<ScenarioSpec>().unwrap_err();
            assert!(refused.contains(expected), "{bad}: {refused}");
        }
        let burst: ScenarioSpec = "burst".parse().unwrap();
        assert!(burst.fault(false).unwrap().contains("synthesizer.rate is max") && burst.fault(true).is_none());
    }

    #[test]
    fn a_silence_begins_with_the_first_event_after_it_and_a_burst_has_its_length_in_events() {
        let begin = |text: &str| Begun::new(text.parse().unwrap(), 100, 1_000_000, Some(1_000.0));
        assert_eq!(begin("silence+3s").silent_until_us(), Some(4_000_000));
        assert_eq!(begin("burst+2s").burst(), Some(Burst { events: 100..10_100, factor: 5.0 }));
        assert_eq!(begin("label-shift").burst(), None);
        let json = serde_json::to_value(begin("label-shift")).unwrap();
        assert_eq!(
            (&json["name"], &json["sequence"], &json["at"]),
            (&"label-shift".into(), &100.into(), &"1970-01-01T00:00:01Z".into())
        );
    }
}
