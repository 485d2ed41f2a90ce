//! Spans in the words of OTLP, in its JSON form (opentelemetry.io/docs/specs/otlp, opentelemetry-proto's trace.proto): ids as hex
//! digits, times and whole numbers as text, kinds as numbers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::context::SpanContext;
use super::span::{Field, Span};

/// Flags of a span or link: its trace is sampled.
const SAMPLED: u32 = 1;

/// The body of one request.
pub(super) fn request<'a>(spans: impl Iterator<Item = (&'static str, &'a Span)>, instance: &str) -> Value {
    let mut parts: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (part, span) in spans {
        parts.entry(part).or_default().push(of(span));
    }
    let resources: Vec<Value> = parts.into_iter().map(|(part, spans)| resource(part, instance, &spans)).collect();
    json!({ "resourceSpans": resources })
}

fn resource(part: &str, instance: &str, spans: &[Value]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let about = [
        ("service.name", format!("churn-{part}")),
        ("service.namespace", "churnstream".to_owned()),
        ("service.version", version.to_owned()),
        ("service.instance.id", instance.to_owned()),
    ];
    let about: Vec<Value> = about.into_iter().map(|(name, text)| attribute(name, &Field::Text(text))).collect();
    json!({
        "resource": { "attributes": about },
        "scopeSpans": [{ "scope": { "name": "churnstream", "version": version }, "spans": spans }],
    })
}

fn of(span: &Span) -> Value {
    let fields: Vec<Value> = span.fields.iter().map(|(name, value)| attribute(name, value)).collect();
    let links: Vec<Value> = span.links.iter().map(|context| link(*context)).collect();
    json!({
        "traceId": span.context.trace.to_string(),
        "spanId": span.context.span.to_string(),
        "parentSpanId": span.parent.map(|parent| parent.span.to_string()).unwrap_or_default(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": span.start_ns.to_string(),
        "endTimeUnixNano": span.end_ns.to_string(),
        "attributes": fields,
        "links": links,
        "droppedLinksCount": span.unlinked,
        "flags": SAMPLED,
        "status": {},
    })
}

fn link(to: SpanContext) -> Value {
    json!({ "traceId": to.trace.to_string(), "spanId": to.span.to_string(), "flags": SAMPLED })
}

fn attribute(name: &str, value: &Field) -> Value {
    let value = match value {
        Field::Text(text) => json!({ "stringValue": text }),
        Field::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": name, "value": value })
}
