//! The scenarios by name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What may happen to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScenarioKind {
    /// Other people come: newer ones, on monthly contracts and fiber. Who leaves, given their features, stays the same.
    CovariateDrift,
    /// The same people come, but those on long contracts and with a long tenure leave now.
    ConceptDrift,
    /// More leavers come. Who they are, given that they leave or stay, stays the same.
    LabelShift,
    /// Some features lack their value.
    MissingValues,
    /// Some pay in a way that was never seen.
    NewCategory,
    /// Events come faster for a while.
    Burst,
    /// No event comes for a while.
    Silence,
}

/// A name that no scenario has.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no scenario is called {name:?}; known are {}", ScenarioKind::ALL.map(ScenarioKind::name).join(", "))]
pub struct UnknownScenario {
    /// The name.
    pub name: String,
}

impl ScenarioKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CovariateDrift,
        Self::ConceptDrift,
        Self::LabelShift,
        Self::MissingValues,
        Self::NewCategory,
        Self::Burst,
        Self::Silence,
    ];

    /// Its name on the command line, in configurations and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::CovariateDrift => "covariate-drift",
            Self::ConceptDrift => "concept-drift",
            Self::LabelShift => "label-shift",
            Self::MissingValues => "missing-values",
            Self::NewCategory => "new-category",
            Self::Burst => "burst",
            Self::Silence => "silence",
        }
    }

    /// Whether it changes when events come rather than what they say, and ends by itself.
    pub fn is_about_time(self) -> bool {
        matches!(self, Self::Burst | Self::Silence)
    }
}

impl fmt::Display for ScenarioKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ScenarioKind {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, UnknownScenario> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownScenario { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_an_unknown_one_is_answered_with_the_known_ones() {
        assert!(ScenarioKind::ALL.into_iter().all(|kind| kind.name().parse() == Ok(kind)));
        let refused = "drift".parse::<ScenarioKind>().unwrap_err().to_string();
        assert!(ScenarioKind::ALL.iter().all(|kind| refused.contains(kind.name())), "{refused}");
    }
}
