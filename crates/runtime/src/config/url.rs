//! An address with a password in it, shown without the password.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::schema::{MASK, URL_FORMAT};
use super::secret;

/// A connection URL such as `postgres://user:password@host:5432/name`. Debug and Display leave the password out; only
/// [`ConnectionUrl::expose`] gives all of it. Like a `Secret` it may be `file:/path`. Unset is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectionUrl(String);

impl ConnectionUrl {
    /// Takes the text as it is, unchecked: it is for the one who connects to parse.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole URL with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is unset.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "unset" } else { "" })?;
        f.write_str(&mask_url(&self.0))
    }
}

impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Serialize for ConnectionUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConnectionUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = secret::resolve(String::deserialize(deserializer)?).map_err(de::Error::custom)?;
        if text.is_empty()
            || text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
        {
            return Ok(Self(text));
        }
        Err(de::Error::custom("there is no \"scheme://\""))
    }
}

impl JsonSchema for ConnectionUrl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ConnectionUrl".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": URL_FORMAT })
    }
}

/// Leaves out the password before the host and those among the parameters. In doubt it masks too much: an unescaped `@`, `/` or
/// `?` in a password must not let the rest of it through.
pub(crate) fn mask_url(url: &str) -> String {
    if url.is_empty() || url.starts_with("file:") {
        return url.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return MASK.to_owned();
    };
    let (user_info, host) = match rest.rsplit_once('@') {
        Some((user_info, host)) => (Some(user_info), host),
        None => (None, rest),
    };
    let user = match user_info.map(|info| info.split_once(':')) {
        None => String::new(),
        Some(Some((user, _))) => format!("{user}:{MASK}@"),
        Some(None) => format!("{}@", user_info.unwrap_or_default()),
    };
    format!("{scheme}://{user}{}", mask_parameters(host))
}

fn mask_parameters(host: &str) -> String {
    let Some((host, query)) = host.split_once('?') else {
        return host.to_owned();
    };
    let parameter = |pair: &str| match pair.split_once('=') {
        Some((name, _))
            if ["password", "secret", "token", "key"].iter().any(|word| name.to_ascii_lowercase().contains(word)) =>
        {
            format!("{name}={MASK}")
        }
        _ => pair.to_owned(),
    };
    format!("{host}?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let cases = [
            ("postgres://churn:hunter2@db:5432/churn", "postgres://churn:***@db:5432/churn"),
            ("postgres://db/churn", "postgres://db/churn"),
            ("postgres://churn@db/churn", "postgres://churn@db/churn"),
            ("postgres://db/churn?user=a&password=hunter2", "postgres://db/churn?user=a&password=***"),
            ("postgres://churn:hunter2", "postgres://churn:hunter2"), // a host and a bad port, as far as anyone can tell
            ("http://u:hun@ter2/x@db/c", "http://u:***@db/c"),
            ("http://u:hun?ter2@db/c", "http://u:***@db/c"),
            ("hunter2", "***"),
            ("", ""),
        ];
        for (url, shown) in cases {
            assert_eq!(mask_url(url), shown, "{url}");
        }
        assert_eq!(format!("{:?}", ConnectionUrl::new("a://b:c@d")), "a://b:***@d");
        assert_eq!(ConnectionUrl::default().to_string(), "unset");
    }

    #[test]
    fn a_url_without_a_scheme_is_refused_without_quoting_it() {
        let error = serde_json::from_str::<ConnectionUrl>("\"hunter2\"").unwrap_err().to_string();
        assert!(error.contains("scheme") && !error.contains("hunter2"), "{error}");
    }
}
