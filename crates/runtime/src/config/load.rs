//! Puts the layers together and checks every value by itself, so that one wrong value hides no other.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Fault, Faults};
use super::layer::{self, Entry, Found};
use super::loaded::{Loaded, text_of};
use super::origin::Origin;
use super::schema::{Keys, Leaf};
use super::source::Sources;
use super::tomls;

/// Rules between values, and rules that a type cannot hold.
pub trait Validate {
    /// Every broken rule; keys are relative to this struct. The default knows no rules.
    fn validate(&self) -> Vec<Fault> {
        Vec::new()
    }
}

/// What a root configuration has to be. Implemented for everything that is.
///
/// Sections are nested structs, never optional ones; every field has a default (`#[serde(default)]` on each struct); a doc comment
/// on a field is its help text. A map is set as a whole.
pub trait Config: Serialize + DeserializeOwned + Default + JsonSchema + Validate {}

impl<C: Serialize + DeserializeOwned + Default + JsonSchema + Validate> Config for C {}

/// Defaults < file < environment < flags, checked.
///
/// # Errors
/// [`Faults`] with every fault of every layer: unreadable file, broken TOML, unknown keys, wrong types, broken rules.
pub fn load<C: Config>(sources: &Sources) -> Result<Loaded<C>, Faults> {
    let keys = Keys::of::<C>().map_err(|error| broken_defaults(&error))?;
    if let Err(error) = serde_json::from_value::<C>(keys.defaults.clone()) {
        return Err(broken_defaults(&error));
    }
    let (entries, mut faults) = layer::read(sources, &keys);
    let mut values = keys.defaults.clone();
    let mut origins = BTreeMap::new();
    for entry in entries {
        let Entry { key, found, origin } = entry;
        let Some(leaf) = keys.leaves.get(&key) else {
            continue;
        };
        match accept::<C>(&keys.defaults, leaf, found) {
            Ok(value) => {
                set(&mut values, &key, value);
                origins.insert(key, origin);
            }
            Err(message) => faults.push(Fault::at(key, origin, message)),
        }
    }
    let config = finish::<C>(&values, &origins, &mut faults);
    match config {
        Some(config) if faults.is_empty() => Ok(Loaded::new(config, keys, &values, origins)),
        _ => Err(Faults::from(faults)),
    }
}

/// The whole configuration with the values that were accepted, and its broken rules.
fn finish<C: Config>(values: &Value, origins: &BTreeMap<String, Origin>, faults: &mut Vec<Fault>) -> Option<C> {
    match serde_json::from_value::<C>(values.clone()) {
        Ok(config) => {
            for mut fault in config.validate() {
                // A rule about a value that was refused was checked against its default: that says nothing.
                if faults.iter().any(|known| known.key == fault.key && !fault.key.is_empty()) {
                    continue;
                }
                fault.origin = origins.get(&fault.key).cloned();
                faults.push(fault);
            }
            Some(config)
        }
        Err(_) => {
            // Each value was fine by itself, so the type has a rule between fields; serde's text could quote a secret.
            faults.push(Fault::new("", "the values are right one by one but not together"));
            None
        }
    }
}

fn broken_defaults(error: &serde_json::Error) -> Faults {
    Faults::from(vec![Fault::new("", format!("the built-in defaults cannot be read back, which is a bug: {error}"))])
}

/// The value to set, in the first reading that the type takes.
fn accept<C: DeserializeOwned>(defaults: &Value, leaf: &Leaf, found: Found) -> Result<Value, String> {
    let (shown, readings) = match found {
        Found::Typed(value) => (value.clone(), vec![value]),
        Found::Text(text) => (Value::String(text.clone()), readings(&text, leaf)),
    };
    let mut refusal = None;
    for reading in readings {
        let mut values = defaults.clone();
        set(&mut values, &leaf.key, reading.clone());
        match serde_json::from_value::<C>(values) {
            Ok(_) => return Ok(reading),
            Err(error) => {
                refusal.get_or_insert(error.to_string());
            }
        }
    }
    Err(refused(leaf, &shown, &refusal.unwrap_or_default()))
}

/// What a text may mean for this key, best guess first.
fn readings(text: &str, leaf: &Leaf) -> Vec<Value> {
    if leaf.is_optional() && text.is_empty() {
        return vec![Value::Null];
    }
    let verbatim = Value::String(text.to_owned());
    let typed = tomls::parse(text);
    if leaf.takes_text() {
        return [Some(verbatim), typed].into_iter().flatten().collect();
    }
    if leaf.takes_list() && !text.trim_start().starts_with('[') {
        return vec![
            separated(text, |item| item.into()),
            separated(text, |item| tomls::parse(item).unwrap_or(item.into())),
        ];
    }
    [typed, Some(verbatim)].into_iter().flatten().collect()
}

/// `a,b` as a list of two; nothing as an empty list.
fn separated(text: &str, item: impl Fn(&str) -> Value) -> Value {
    Value::Array(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(item).collect())
}

fn refused(leaf: &Leaf, value: &Value, reason: &str) -> String {
    let mut message = format!("{} is not {}", text_of(&leaf.masked(value)), leaf.type_name());
    // Serde's own reasons repeat the type and quote the value, which may be secret. A type's own reason (a secret's file that
    // cannot be read) says more; inside tables and lists nobody knows what it would quote.
    let generic = ["invalid ", "unknown variant", "data did not match"];
    if !reason.is_empty() && !leaf.is_compound() && !generic.iter().any(|start| reason.starts_with(start)) {
        message.push_str(": ");
        message.push_str(reason);
    }
    message
}

/// Sets a dotted key whose sections exist.
fn set(values: &mut Value, key: &str, value: Value) {
    let mut place = values;
    for name in key.split('.') {
        let Some(table) = place.as_object_mut() else {
            return;
        };
        place = table.entry(name).or_insert(Value::Null);
    }
    *place = value;
}
