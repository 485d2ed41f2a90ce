//! Text that is used and never shown.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::schema::{MASK, SECRET_FORMAT};

/// A value that begins so is read from the file that follows.
const FILE_PREFIX: &str = "file:";

/// A password, token or key. Debug and Display show `***`; only [`Secret::expose`] gives the text.
///
/// In the configuration it is text, or `file:/path` for a file's content without its trailing line end (how Kubernetes and Docker
/// mount secrets). Unset is empty. It serialises as the text itself, because the layers of the configuration do: never serialise
/// a configuration to anywhere but through `Loaded::show`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is; `file:` has no meaning here.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Hand it to what needs it and keep no copy.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is unset.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "unset" } else { MASK })
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        resolve(String::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": SECRET_FORMAT })
    }
}

/// The text itself, or the content of the file it points to. The problem names the file, never what it holds.
pub(crate) fn resolve(text: String) -> Result<String, String> {
    let Some(path) = text.strip_prefix(FILE_PREFIX) else {
        return Ok(text);
    };
    let content =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read the secret's file {path}: {error}"))?;
    let content = content.strip_suffix('\n').unwrap_or(&content);
    let content = content.strip_suffix('\r').unwrap_or(content);
    if content.is_empty() {
        return Err(format!("the secret's file {path} is empty"));
    }
    Ok(content.to_owned())
}
