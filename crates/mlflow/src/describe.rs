//! A version in MLflow's words.

use churn_registry::Manifest;
use serde_json::{Map, Value, json};

/// Longest key, parameter and tag that MLflow takes.
const MAX_KEY: usize = 250;
const MAX_PARAM: usize = 6_000;
const MAX_TAG: usize = 5_000;

/// What MLflow is told of a version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) at_ms: i64,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) metrics: Vec<(String, f64)>,
    pub(crate) tags: Vec<(String, String)>,
}

impl Description {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let (mut params, mut metrics) = (Vec::new(), Vec::new());
        for (title, section) in [("params", &manifest.params), ("lineage", &manifest.lineage)] {
            let text = |(key, value): (String, Value)| (key, cut(&plain(&value), MAX_PARAM));
            params.extend(flat(title, section).into_iter().map(text));
        }
        let mut tags = vec![
            ("churn.kind".to_owned(), manifest.kind.to_string()),
            ("churn.version".to_owned(), manifest.version.to_string()),
            ("churn.created_by".to_owned(), cut(&manifest.created_by, MAX_TAG)),
        ];
        let mut measured = flat("", &manifest.metrics);
        if let Some(decision) = &manifest.decision {
            tags.push(("churn.gate".to_owned(), if decision.passed { "passed" } else { "refused" }.to_owned()));
            tags.push(("churn.gate_reason".to_owned(), cut(&decision.reason, MAX_TAG)));
            tags.push(("churn.gate_against".to_owned(), decision.against.to_string()));
            measured.extend(flat("gate", &decision.figures));
        }
        for (key, value) in measured {
            match value.as_f64() {
                Some(number) => metrics.push((key, number)),
                None => tags.push((key, cut(&plain(&value), MAX_TAG))),
            }
        }
        let Manifest { kind, version, created_by, .. } = manifest;
        Self {
            name: format!("{kind}-{version}"),
            version: version.to_string(),
            summary: format!("{kind} {version} of the registry, made by {created_by}"),
            at_ms: manifest.created_at.as_millisecond(),
            params,
            metrics,
            tags,
        }
    }
}

/// Nested objects and lists as paths with their values, in the letters that MLflow takes.
fn flat(title: &str, section: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in section {
        let path = if title.is_empty() { key.clone() } else { format!("{title}.{key}") };
        walk(&path, value, &mut found);
    }
    found
}

fn walk(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| walk(&format!("{path}.{at}"), value, found));
        }
        Value::Null => {}
        value => found.push((key(path), json!(value))),
    }
}

fn key(path: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_-. :/".contains(letter);
    let letters = path.chars().map(|letter| if allowed(letter) { letter } else { '_' });
    letters.take(MAX_KEY).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// At most so many bytes, cut between letters.
fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_figures_become_paths_in_allowed_letters() {
        let section = json!({ "a": { "b+c": [1, { "d": "x" }] }, "none": null });
        let found = flat("m", section.as_object().unwrap());
        assert_eq!(found, [("m.a.b_c.0".to_owned(), json!(1)), ("m.a.b_c.1.d".to_owned(), json!("x"))]);
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        assert_eq!(cut("äöü", 3), "ä");
        assert_eq!(key(&"k".repeat(999)).len(), MAX_KEY);
    }
}
