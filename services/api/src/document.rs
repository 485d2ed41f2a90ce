//! The OpenAPI document, made from the feature table, and a page that shows it without any outside asset.

use churn_domain::{FEATURES, Feature, Kind};
use serde_json::{Map, Value, json};

use crate::operations;

/// The documentation page: it reads `/openapi.json` of the same server.
pub(crate) const PAGE: &str = include_str!("docs.html");

/// All routes of all parts in OpenAPI 3.1.
pub fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Churnstream",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Scores telecom customers for churn and synthesizes new ones.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "security": [{}, { "bearer": [] }],
        "tags": [
            { "name": "api", "description": "The part `api`, and `churn run all`." },
            { "name": "synthesizer", "description": "The part `synthesizer`, and `churn run all`." },
            { "name": "trainer", "description": "The part `trainer`, and `churn run all`." },
            { "name": "every part", "description": "Every part, on its own port." }
        ],
        "paths": operations::paths(),
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "description": "http.token, where one is set" } },
            "schemas": { "Customer": customer(), "Error": error() }
        }
    })
}

fn customer() -> Value {
    let properties: Map<String, Value> =
        FEATURES.iter().map(|feature| (feature.name.to_owned(), property(feature))).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "description": "Features of a customer; one that is absent or null is missing.",
        "properties": properties
    })
}

fn property(feature: &Feature) -> Value {
    let mut property = match feature.kind {
        Kind::Flag => json!({ "type": ["boolean", "null"] }),
        Kind::Category(known) => json!({ "type": ["string", "null"], "examples": known }),
        Kind::Integer { min, max } => json!({ "type": ["integer", "null"], "minimum": min, "maximum": max }),
        Kind::Money { min, max } => json!({ "type": ["number", "null"], "minimum": min, "maximum": max }),
    };
    let unit = feature.unit.map(|unit| format!(" ({unit})")).unwrap_or_default();
    property["description"] = json!(format!("{}{unit}", feature.about));
    property
}

fn error() -> Value {
    json!({
        "type": "object",
        "properties": { "error": { "type": "object", "properties": {
            "code": { "type": "string" },
            "message": { "type": "string" },
            "details": { "type": "object", "properties": { "errors": { "type": "array", "items": {
                "type": "object", "properties": { "path": { "type": "string" }, "message": { "type": "string" } } } } } }
        } } }
    })
}
