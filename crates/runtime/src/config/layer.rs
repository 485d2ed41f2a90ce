//! Reads each layer into entries: a known key, a value, an origin. What does not fit a known key becomes a fault here.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::origin::Origin;
use super::schema::Keys;
use super::source::{ENV_PREFIX, Sources};
use super::tomls;

/// Why a secret is not taken from a flag.
const SHOWN_TO_ALL: &str = "is a secret, and every user of this machine can read the command line: use the environment, \
    the configuration file, or file:/path";

/// A value as found.
#[derive(Debug)]
pub(crate) enum Found {
    /// Typed, from TOML.
    Typed(Value),
    /// As typed in a shell: what it means depends on the key.
    Text(String),
}

/// A value for a known key.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) found: Found,
    pub(crate) origin: Origin,
}

/// All entries in order of strength, weakest first, and every fault met on the way.
pub(crate) fn read(sources: &Sources, keys: &Keys) -> (Vec<Entry>, Vec<Fault>) {
    let mut layers = Layers { keys, entries: Vec::new(), faults: Vec::new() };
    match sources.read_file() {
        Ok(Some((path, text))) => layers.file(&path, &text),
        Ok(None) => {}
        Err(message) => layers.faults.push(Fault::new("", message)),
    }
    layers.env(sources);
    layers.faults.extend(sources.malformed.iter().map(|message| Fault::new("", message.clone())));
    for flag in &sources.flags {
        if keys.leaves.get(&flag.key).is_some_and(|leaf| leaf.is_secret(&flag.value)) {
            layers.faults.push(Fault::at(&flag.key, Origin::Flag(flag.flag.clone()), SHOWN_TO_ALL));
            continue;
        }
        layers.entry(&flag.key, Found::Text(flag.value.clone()), Origin::Flag(flag.flag.clone()));
    }
    (layers.entries, layers.faults)
}

struct Layers<'a> {
    keys: &'a Keys,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl Layers<'_> {
    fn file(&mut self, path: &Path, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map_or(1, |span| tomls::line_of(text, span.start));
            // The error's own rendering quotes the line, which may hold a secret: only its message is kept.
            self.faults.push(Fault::at(
                "",
                Origin::File(path.to_owned(), line),
                format!("not TOML: {}", error.message()),
            ));
        }
        self.table("", table.get_ref(), path, text);
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>, path: &Path, text: &str) {
        for (name, value) in table {
            let name = name.get_ref();
            let key = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            self.file_value(&key, value, path, text);
        }
    }

    fn file_value(&mut self, key: &str, value: &Spanned<DeValue<'_>>, path: &Path, text: &str) {
        let origin = Origin::File(path.to_owned(), tomls::line_of(text, value.span().start));
        if self.keys.leaves.contains_key(key) {
            match tomls::to_json(value.get_ref()) {
                Ok(json) => self.entry(key, Found::Typed(json), origin),
                Err(problem) => self.faults.push(Fault::at(key, origin, problem)),
            }
            return;
        }
        match value.get_ref() {
            DeValue::Table(inner) if self.keys.sections.contains(key) => self.table(key, inner, path, text),
            // Each unknown key of an unknown section is named, with the key that was probably meant.
            DeValue::Table(inner) if !inner.is_empty() && !self.below_leaf(key) => self.table(key, inner, path, text),
            _ => self.unknown(key, origin),
        }
    }

    fn env(&mut self, sources: &Sources) {
        let mut variables: Vec<_> = sources.env.iter().filter(|(name, _)| is_ours(name)).collect();
        variables.sort(); // the same faults in the same order on every run
        for (name, value) in variables {
            let name = name.to_string_lossy().into_owned();
            let origin = Origin::Env(name.clone());
            let Some(key) = name.strip_prefix(ENV_PREFIX) else {
                let meant = name.replacen("CHURN_", ENV_PREFIX, 1);
                self.faults.push(Fault::at(
                    "",
                    origin,
                    format!("is not read: two underscores come after CHURN (`{meant}`)"),
                ));
                continue;
            };
            let key = key.to_ascii_lowercase().replace("__", ".");
            match value.to_str() {
                Some(text) => self.entry(&key, Found::Text(text.to_owned()), origin),
                None => self.faults.push(Fault::at(key, origin, "is not UTF-8 text")),
            }
        }
    }

    fn entry(&mut self, key: &str, found: Found, origin: Origin) {
        if self.keys.leaves.contains_key(key) {
            self.entries.push(Entry { key: key.to_owned(), found, origin });
        } else {
            self.unknown(key, origin);
        }
    }

    /// Whether the key lies inside a value that is set as a whole.
    fn below_leaf(&self, key: &str) -> bool {
        self.leaf_above(key).is_some()
    }

    fn leaf_above(&self, key: &str) -> Option<String> {
        let mut above = key;
        while let Some((parent, _)) = above.rsplit_once('.') {
            if self.keys.leaves.contains_key(parent) {
                return Some(parent.to_owned());
            }
            above = parent;
        }
        None
    }

    fn unknown(&mut self, key: &str, origin: Origin) {
        let message = if self.keys.sections.contains(key) {
            format!("is a section, not a value: set one of its keys, such as `{}`", self.first_below(key))
        } else if let Some(parent) = self.leaf_above(key) {
            format!("lies inside `{parent}`, which is set as a whole")
        } else {
            match self.keys.nearest(key) {
                Some(nearest) => format!("unknown key; did you mean `{nearest}`?"),
                None => "unknown key; this configuration has none".to_owned(),
            }
        };
        self.faults.push(Fault::at(key, origin, message));
    }

    fn first_below(&self, section: &str) -> &str {
        let prefix = format!("{section}.");
        self.keys.leaves.keys().find(|key| key.starts_with(&prefix)).map_or("", String::as_str)
    }
}

/// `CHURN__…`, and `CHURN_SECTION__KEY`, which can only be a slip of the former.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(ENV_PREFIX) || name.strip_prefix("CHURN_").is_some_and(|rest| rest.contains("__"))
}
