//! The encoder as it is stored: by names, so that it outlives changes of the feature table's order and words.

use churn_domain::{FEATURES, feature_index};
use serde::{Deserialize, Serialize};

use super::{Block, Encoder, Words, derived, estimate, lay_out};

#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    features: Vec<StoredFeature>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    estimates: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    derived: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredFeature {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    words: Option<Vec<String>>,
    #[serde(default)]
    missing_indicator: bool,
}

impl From<Encoder> for Stored {
    fn from(encoder: Encoder) -> Self {
        let stored = |block: Block| StoredFeature {
            name: FEATURES[block.feature].name.to_owned(),
            words: block.words.map(|words| words.words),
            missing_indicator: block.missing_indicator,
        };
        let estimates = encoder.estimates.iter().map(|estimate| estimate.name().to_owned()).collect();
        let derived = encoder.derived.iter().map(|derived| derived.name().to_owned()).collect();
        Self { features: encoder.blocks.into_iter().map(stored).collect(), estimates, derived }
    }
}

impl TryFrom<Stored> for Encoder {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let mut parts: Vec<(usize, Option<Words>, bool)> = Vec::new();
        for StoredFeature { name, words, missing_indicator } in stored.features {
            let feature = feature_index(&name).ok_or_else(|| format!("this program has no feature {name:?}"))?;
            if parts.iter().any(|(earlier, ..)| *earlier == feature) {
                return Err(format!("the feature {name} occurs twice"));
            }
            if words.is_some() != FEATURES[feature].is_category() {
                return Err(format!("the feature {name} is {} here", FEATURES[feature].expected()));
            }
            if let Some(twice) = words.as_ref().and_then(|words| twice(words)) {
                return Err(format!("{twice:?} of the feature {name} occurs twice"));
            }
            parts.push((feature, words.map(|words| Words::new(feature, words)), missing_indicator));
        }
        let estimates = by_name(&stored.estimates, &estimate::ALL, |known| known.name(), "estimate")?;
        let derived = by_name(&stored.derived, &derived::ALL, |known| known.name(), "derived column")?;
        let encoder = lay_out(parts, estimates, derived);
        if encoder.derived.len() != stored.derived.len() || encoder.estimates.len() != stored.estimates.len() {
            return Err("it lacks a feature that its estimates or derived columns are computed from".into());
        }
        if encoder.columns == 0 || encoder.columns > Self::MAX_COLUMNS {
            return Err(format!("it has {} columns, expected 1 to {}", encoder.columns, Self::MAX_COLUMNS));
        }
        Ok(encoder)
    }
}

/// The known things of these names, each once.
fn by_name<T: Copy + PartialEq>(
    names: &[String],
    all: &[T],
    name_of: fn(T) -> &'static str,
    what: &str,
) -> Result<Vec<T>, String> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let known = all.iter().copied().find(|&known| name_of(known) == name);
        let known = known.ok_or_else(|| format!("this program has no {what} {name:?}"))?;
        if found.contains(&known) {
            return Err(format!("the {what} {name:?} occurs twice"));
        }
        found.push(known);
    }
    Ok(found)
}

fn twice(words: &[String]) -> Option<&String> {
    words.iter().enumerate().find(|(at, word)| words[..*at].contains(word)).map(|(_, word)| word)
}
