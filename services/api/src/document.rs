//! The OpenAPI document, made from the feature table, and a page that shows it without any outside asset.

use churn_domain::{FEATURES, Feature, Kind};
use serde_json::{Map, Value, json};

/// The documentation page: it reads `/openapi.json` of the same server.
pub(crate) const PAGE: &str = include_str!("docs.html");

/// The api in OpenAPI 3.1.
pub(crate) fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Churnstream",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Scores telecom customers for churn and synthesizes new ones.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "security": [{}, { "bearer": [] }],
        "paths": {
            "/v1/predict": { "post": predict() },
            "/v1/synthesize": { "post": synthesize() },
            "/v2/models/churn": { "get": plain("Open Inference Protocol v2: the model's tensors; also /v2, /v2/health/live, /v2/health/ready, and each below /versions/VERSION.") },
            "/v2/models/churn/infer": { "post": plain("Open Inference Protocol v2: one input tensor a feature; churn_probability, churn_label, churn_reasons and churn_contributions out.") },
            "/v1/status": { "get": plain("What each stage has read, done and made durable.") },
            "/livez": { "get": plain("200 while the process lives.") },
            "/readyz": { "get": plain("200 when every component can do its work, else 503 with the reasons.") },
            "/metrics": { "get": plain("Metrics for Prometheus.") },
            "/version": { "get": plain("Version and commit of the program.") }
        },
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "description": "http.token, where one is set" } },
            "schemas": { "Customer": customer(), "Error": error() }
        }
    })
}

fn predict() -> Value {
    let one_or_many = json!({ "oneOf": [
        { "$ref": "#/components/schemas/Customer" },
        { "type": "object", "required": ["customers"], "additionalProperties": false,
          "properties": { "customers": { "type": "array", "minItems": 1, "items": { "$ref": "#/components/schemas/Customer" } } } },
        { "type": "array", "minItems": 1, "items": { "$ref": "#/components/schemas/Customer" } }
    ] });
    let answer = json!({
        "type": "object",
        "properties": {
            "model_version": { "type": "string" },
            "threshold": { "type": "number", "description": "label is true from this probability on" },
            "predictions": { "type": "array", "items": { "type": "object", "properties": {
                "probability": { "type": "number", "minimum": 0, "maximum": 1, "description": "calibrated probability that the customer leaves" },
                "label": { "type": "boolean" },
                "reasons": { "type": "array", "description": "the features that moved the probability most, the largest contribution first (api.reasons)",
                  "items": { "type": "object", "properties": {
                    "feature": { "enum": FEATURES.iter().map(|feature| feature.name).collect::<Vec<_>>() },
                    "contribution": { "type": "number", "description": "what the feature added to the log-odds before calibration" }
                } } }
            } } }
        }
    });
    operation("Scores one customer or many.", &one_or_many, &answer, &[400, 413, 422, 503])
}

fn synthesize() -> Value {
    let request = json!({
        "type": "object",
        "required": ["n"],
        "additionalProperties": false,
        "properties": {
            "n": { "type": "integer", "minimum": 1, "description": "number of customers" },
            "seed": { "type": "integer", "minimum": 0, "default": 7, "description": "the same seed gives the same customers" },
            "format": { "enum": ["json", "csv"], "default": "json" }
        }
    });
    let answer = json!({
        "type": "object",
        "properties": { "customers": { "type": "array", "items": { "$ref": "#/components/schemas/Customer" } } }
    });
    operation("Samples synthetic customers with their outcome and location.", &request, &answer, &[413, 422, 503])
}

fn operation(summary: &str, request: &Value, answer: &Value, errors: &[u16]) -> Value {
    let mut responses = Map::new();
    responses
        .insert("200".into(), json!({ "description": "OK", "content": { "application/json": { "schema": answer } } }));
    for status in errors {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        responses.insert(
            status.to_string(),
            json!({ "description": "error", "content": { "application/json": { "schema": schema } } }),
        );
    }
    json!({
        "summary": summary,
        "requestBody": { "required": true, "content": { "application/json": { "schema": request } } },
        "responses": responses
    })
}

fn plain(summary: &str) -> Value {
    json!({ "summary": summary, "responses": { "200": { "description": "OK" } } })
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
