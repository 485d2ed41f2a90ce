//! A configuration that passed, and what can be said about it without giving a secret away.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Config;
use super::origin::Origin;
use super::schema::Keys;

/// A checked configuration and where each value came from.
pub struct Loaded<C> {
    /// The configuration.
    pub config: C,
    shown: Vec<ShownKey>,
}

/// One key as `churn config show` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownKey {
    /// Dotted key.
    pub key: String,
    /// Effective value: secrets masked, passwords cut out of URLs.
    pub value: Value,
    /// The layer that set it.
    pub origin: Origin,
    /// What it does.
    pub help: String,
}

impl ShownKey {
    /// The value as it would stand in `churn.toml`; nothing for an unset optional key.
    pub fn text(&self) -> String {
        text_of(&self.value)
    }
}

/// Shows what [`Loaded::show`] shows: the configuration itself may hold a plain map with a password in it.
impl<C> fmt::Debug for Loaded<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.shown.iter().map(|shown| (&shown.key, shown.text()));
        f.debug_map().entries(pairs).finish()
    }
}

impl<C> Loaded<C> {
    pub(crate) fn new(config: C, keys: Keys, values: &Value, mut origins: BTreeMap<String, Origin>) -> Self {
        let shown = keys.leaves.into_values().map(|leaf| {
            let value = values.pointer(&format!("/{}", leaf.key.replace('.', "/"))).unwrap_or(&Value::Null);
            let value = leaf.masked(value);
            let origin = origins.remove(&leaf.key).unwrap_or(Origin::Default);
            ShownKey { key: leaf.key, value, origin, help: leaf.help }
        });
        Self { config, shown: shown.collect() }
    }

    /// Every key with its effective value, by key.
    pub fn show(&self) -> &[ShownKey] {
        &self.shown
    }

    /// Where a key's value came from; none for an unknown key.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.shown.iter().find(|shown| shown.key == key).map(|shown| &shown.origin)
    }
}

/// One key as the reference documents it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyDoc {
    /// Dotted key.
    pub key: String,
    /// Its type in a reader's words.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Default as it would stand in `churn.toml`; empty when there is none.
    pub default: String,
    /// What it does.
    pub help: String,
    /// The environment variable that sets it.
    pub env: String,
}

/// Every key of a configuration, by key, for the generated reference.
pub fn reference<C: Config>() -> Vec<KeyDoc> {
    let leaves = Keys::of::<C>().map(|keys| keys.leaves).unwrap_or_default();
    let doc = |(key, leaf): (String, super::schema::Leaf)| KeyDoc {
        env: format!("{}{}", super::source::ENV_PREFIX, key.to_ascii_uppercase().replace('.', "__")),
        type_name: leaf.type_name(),
        default: text_of(&leaf.masked(&leaf.default)),
        help: leaf.help,
        key,
    };
    leaves.into_iter().map(doc).collect()
}

/// A value in TOML. Nothing for null.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(table) => {
            let pairs: Vec<_> =
                table.iter().map(|(key, value)| format!("{} = {}", quoted(key), text_of(value))).collect();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
        Value::Array(list) => format!("[{}]", list.iter().map(text_of).collect::<Vec<_>>().join(", ")),
        Value::String(text) => quoted(text),
        plain => plain.to_string(),
    }
}

/// A JSON string is a TOML basic string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
