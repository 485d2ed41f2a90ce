//! The encoder as it is stored: by names, so that it outlives changes of the feature table's order and words.

use churn_domain::{FEATURES, feature_index};
use serde::{Deserialize, Serialize};

use super::derived::ALL;
use super::{Block, Encoder, Words, lay_out};

#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    features: Vec<StoredFeature>,
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
        let derived = encoder.derived.iter().map(|derived| derived.name().to_owned()).collect();
        Self { features: encoder.blocks.into_iter().map(stored).collect(), derived }
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
        let mut derived = Vec::with_capacity(stored.derived.len());
        for name in &stored.derived {
            let known = ALL.iter().find(|known| known.name() == name);
            let known = *known.ok_or_else(|| format!("this program has no derived column {name:?}"))?;
            if derived.contains(&known) {
                return Err(format!("the derived column {name:?} occurs twice"));
            }
            derived.push(known);
        }
        let encoder = lay_out(parts, derived);
        if encoder.derived.len() != stored.derived.len() {
            return Err("it lacks a feature that its derived columns are computed from".into());
        }
        if encoder.columns == 0 || encoder.columns > Self::MAX_COLUMNS {
            return Err(format!("it has {} columns, expected 1 to {}", encoder.columns, Self::MAX_COLUMNS));
        }
        Ok(encoder)
    }
}

fn twice(words: &[String]) -> Option<&String> {
    words.iter().enumerate().find(|(at, word)| words[..*at].contains(word)).map(|(_, word)| word)
}
