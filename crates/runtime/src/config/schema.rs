//! What keys there are: the leaves of the serialised defaults, with the description and type that the JSON schema gives them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::url::mask_url;

/// Schema format of a value that is never shown.
pub(crate) const SECRET_FORMAT: &str = "password";
/// Schema format of a value that is shown without its password.
pub(crate) const URL_FORMAT: &str = "connection-url";
/// What stands in place of a secret.
pub(crate) const MASK: &str = "***";

/// One key that can be set.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) key: String,
    pub(crate) default: Value,
    pub(crate) help: String,
    schema: Value,
}

/// All keys of a configuration.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) leaves: BTreeMap<String, Leaf>,
    pub(crate) sections: BTreeSet<String>,
    pub(crate) defaults: Value,
}

impl Keys {
    pub(crate) fn of<C: Serialize + Default + JsonSchema>() -> Result<Self, serde_json::Error> {
        let defaults = serde_json::to_value(C::default())?;
        let root = schemars::schema_for!(C).to_value();
        let mut keys = Self { leaves: BTreeMap::new(), sections: BTreeSet::new(), defaults: defaults.clone() };
        keys.walk("", &root, &defaults, &root);
        Ok(keys)
    }

    fn walk(&mut self, prefix: &str, schema: &Value, default: &Value, root: &Value) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (name, property) in properties {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let resolved = resolve(property, root);
            let default = default.get(name).unwrap_or(&Value::Null);
            if resolved.get("properties").is_some() && default.is_object() {
                self.sections.insert(key.clone());
                self.walk(&key, &resolved, default, root);
            } else {
                let help = resolved.get("description").and_then(Value::as_str).unwrap_or_default();
                let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
                self.leaves.insert(key.clone(), Leaf { key, default: default.clone(), help, schema: resolved });
            }
        }
    }

    /// The known key most like `key`, for "did you mean". Never none while there is any key.
    pub(crate) fn nearest(&self, key: &str) -> Option<&str> {
        let known = self.leaves.keys().chain(&self.sections);
        known.max_by(|a, b| likeness(key, a).total_cmp(&likeness(key, b))).map(String::as_str)
    }
}

/// Whole keys alike, with a bonus for the last word: `kafka.url` means `postgres.url` sooner than `kafka.acks`.
fn likeness(wanted: &str, known: &str) -> f64 {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    strsim::normalized_damerau_levenshtein(wanted, known)
        + 0.5 * strsim::normalized_damerau_levenshtein(&last(wanted), &last(known))
}

/// Follows `$ref` and looks through `Option`'s `anyOf`, keeping the outermost description.
fn resolve(schema: &Value, root: &Value) -> Value {
    let mut schema = schema.clone();
    for _ in 0..16 {
        let inner = if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            root.pointer(reference.trim_start_matches('#')).cloned()
        } else {
            optional_inner(&schema)
        };
        let Some(Value::Object(mut inner)) = inner else {
            break;
        };
        let description = schema.get("description").cloned().or_else(|| inner.get("description").cloned());
        if is_nullable(&schema) {
            inner.insert("x-optional".to_owned(), Value::Bool(true));
        }
        if let Some(description) = description {
            inner.insert("description".to_owned(), description);
        }
        schema = Value::Object(inner);
    }
    schema
}

/// `X` of `anyOf: [X, null]`.
fn optional_inner(schema: &Value) -> Option<Value> {
    let alternatives = schema.get("anyOf")?.as_array()?;
    match alternatives.as_slice() {
        [inner, null] if type_is(null, "null") => Some(inner.clone()),
        [null, inner] if type_is(null, "null") => Some(inner.clone()),
        _ => None,
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema.get("x-optional").is_some()
        || type_is(schema, "null")
        || schema.get("anyOf").and_then(Value::as_array).is_some_and(|any| any.iter().any(|one| type_is(one, "null")))
}

fn type_is(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(many)) => many.iter().any(|one| one == name),
        _ => false,
    }
}

/// The texts of an enum whose variants are all plain words.
fn words(schema: &Value) -> Option<Vec<&str>> {
    let word = |one: &'_ Value| {
        one.get("const").or_else(|| one.get("enum")?.as_array()?.first()).is_some_and(Value::is_string)
    };
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return list.iter().map(Value::as_str).collect();
    }
    let variants = schema.get("oneOf")?.as_array()?;
    if !variants.iter().all(word) {
        return None;
    }
    let texts = variants.iter().flat_map(|one| match one.get("enum").and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        None => one.get("const").and_then(Value::as_str).into_iter().collect(),
    });
    Some(texts.collect())
}

impl Leaf {
    /// Whether text can be taken as it is.
    pub(crate) fn takes_text(&self) -> bool {
        let any = |key: &str| {
            let list = self.schema.get(key).and_then(Value::as_array);
            list.is_some_and(|list| {
                list.iter().any(|one| type_is(one, "string") || one.get("const").is_some_and(Value::is_string))
            })
        };
        type_is(&self.schema, "string") || words(&self.schema).is_some() || any("anyOf") || any("oneOf")
    }

    pub(crate) fn takes_list(&self) -> bool {
        type_is(&self.schema, "array")
    }

    pub(crate) fn is_optional(&self) -> bool {
        is_nullable(&self.schema)
    }

    /// The type in a reader's words.
    pub(crate) fn type_name(&self) -> String {
        let name = type_name(&self.schema);
        if self.is_optional() { format!("{name}, or nothing") } else { name }
    }

    /// The value as it may be shown: secrets masked, passwords cut out of URLs.
    pub(crate) fn masked(&self, value: &Value) -> Value {
        mask(value, &self.schema)
    }

    /// Whether this value, as typed, gives a secret away; that it lies in a file does not.
    pub(crate) fn is_secret(&self, text: &str) -> bool {
        let value = Value::String(text.to_owned());
        let marked = |format| self.schema.get("format").and_then(Value::as_str) == Some(format);
        (marked(SECRET_FORMAT) || marked(URL_FORMAT)) && self.masked(&value) != value
    }

    /// Whether it holds values of its own: a table or a list.
    pub(crate) fn is_compound(&self) -> bool {
        self.takes_list() || type_is(&self.schema, "object")
    }
}

fn items(schema: &Value) -> Option<&Value> {
    schema.get("items")
}

fn type_name(schema: &Value) -> String {
    if let Some(words) = words(schema) {
        let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        return format!("one of {}", quoted.join(", "));
    }
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let named = match format {
        "duration" => "a duration such as \"250ms\", \"30s\" or \"2m\"",
        "byte-size" => "a size such as \"512 KiB\" or \"64 MiB\"",
        SECRET_FORMAT => "a secret: text, or \"file:/path\" to read it from a file",
        URL_FORMAT => "a URL such as \"scheme://user:password@host:port/name\"",
        "ip" => "an IP address",
        _ => "",
    };
    if !named.is_empty() {
        return named.to_owned();
    }
    if type_is(schema, "array") {
        return match items(schema) {
            Some(items) => format!("a list, each {}", type_name(items)),
            None => "a list".to_owned(),
        };
    }
    let plain = [("string", "text"), ("boolean", "true or false"), ("number", "a number"), ("object", "a table")];
    if type_is(schema, "integer") {
        return integer_name(schema);
    }
    if let Some(values @ Value::Object(_)) = schema.get("additionalProperties") {
        return format!("a table, each value {}", type_name(values));
    }
    plain.iter().find(|(name, _)| type_is(schema, name)).map_or("a value", |(_, words)| words).to_owned()
}

fn integer_name(schema: &Value) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    match (bound("minimum"), bound("maximum")) {
        (Some(low), Some(high)) => format!("a whole number from {low} to {high}"),
        (Some(low), None) => format!("a whole number from {low}"),
        (None, Some(high)) => format!("a whole number to {high}"),
        (None, None) => "a whole number".to_owned(),
    }
}

fn mask(value: &Value, schema: &Value) -> Value {
    let format = schema.get("format").and_then(Value::as_str);
    match value {
        Value::Null => Value::Null,
        // A path is no secret, and knowing which file is read is the point of showing it.
        Value::String(text) if format == Some(SECRET_FORMAT) && (text.is_empty() || text.starts_with("file:")) => {
            value.clone()
        }
        _ if format == Some(SECRET_FORMAT) => Value::String(MASK.to_owned()),
        Value::String(text) if format == Some(URL_FORMAT) => Value::String(mask_url(text)),
        _ if format == Some(URL_FORMAT) => Value::String(MASK.to_owned()),
        Value::Array(list) => {
            let items = items(schema).unwrap_or(&Value::Null);
            Value::Array(list.iter().map(|item| mask(item, items)).collect())
        }
        Value::Object(table) => Value::Object(mask_table(table)),
        // A value that is no table or list where one belongs may hold what would have been a secret inside it.
        _ if type_is(schema, "object") => Value::String(MASK.to_owned()),
        _ if items(schema).is_some() => mask(value, items(schema).unwrap_or(&Value::Null)),
        plain => plain.clone(),
    }
}

/// A free-form table (client properties) has no schema that marks its secrets: their names do.
fn mask_table(table: &Map<String, Value>) -> Map<String, Value> {
    let telling = ["password", "secret", "token", "credential", "key", "passwd", "jaas"];
    let entry = |(name, value): (&String, &Value)| {
        let lower = name.to_ascii_lowercase();
        let secret = telling.iter().any(|word| lower.contains(word));
        let shown = if secret { Value::String(MASK.to_owned()) } else { mask(value, &Value::Null) };
        (name.clone(), shown)
    };
    table.iter().map(entry).collect()
}
