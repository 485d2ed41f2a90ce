//! The operations of the OpenAPI document.

use churn_domain::FEATURES;
use serde_json::{Map, Value, json};

const EVERY: &str = "every part";

/// All paths. Scenarios and requests for a new model are served by other parts, and by `run all` on one port.
pub(crate) fn paths() -> Value {
    json!({
        "/v1/predict": { "post": predict() },
        "/v1/synthesize": { "post": synthesize() },
        "/v1/scenarios": { "get": scenarios(), "post": begin_scenario() },
        "/v1/retrain": { "post": retrain() },
        "/v1/retrain/{id}": { "get": retrain_status() },
        "/v2": { "get": plain("api", "Open Inference Protocol v2: name and version of the server.") },
        "/v2/health/live": { "get": plain("api", "Open Inference Protocol v2: whether the server lives.") },
        "/v2/health/ready": { "get": plain("api", "Open Inference Protocol v2: whether a model is loaded.") },
        "/v2/models/{model}": { "get": of_model("Open Inference Protocol v2: the model's tensors.", false) },
        "/v2/models/{model}/ready": { "get": of_model("Open Inference Protocol v2: whether the model is loaded.", false) },
        "/v2/models/{model}/infer": { "post": infer(false) },
        "/v2/models/{model}/versions/{version}":
            { "get": of_model("Open Inference Protocol v2: the tensors of one version.", true) },
        "/v2/models/{model}/versions/{version}/ready":
            { "get": of_model("Open Inference Protocol v2: whether this version is loaded.", true) },
        "/v2/models/{model}/versions/{version}/infer": { "post": infer(true) },
        "/v1/status": { "get": plain(EVERY, "What each stage has read, done and made durable.") },
        "/livez": { "get": plain(EVERY, "200 while the process lives.") },
        "/readyz": { "get": plain(EVERY, "200 when every component can do its work, else 503 with the reasons.") },
        "/metrics": { "get": plain(EVERY, "Metrics for Prometheus.") },
        "/version": { "get": plain(EVERY, "Version and commit of the program.") },
        "/openapi.json": { "get": plain("api", "This document.") },
        "/docs": { "get": plain("api", "A page to read this document and try it.") }
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
    operation("api", "Scores one customer or many.", &one_or_many, &answer, &[400, 413, 422, 503])
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
    operation(
        "api",
        "Samples synthetic customers with their outcome and location.",
        &request,
        &answer,
        &[413, 422, 503],
    )
}

fn scenarios() -> Value {
    let spec = json!({ "type": "string", "description": "as it was asked for" });
    let answer = json!({ "type": "object", "properties": {
        "begun": { "type": "array", "items": { "type": "object", "properties": {
            "name": { "type": "string" },
            "sequence": { "type": "integer", "description": "the first event that it may touch" },
            "at": { "type": "string", "format": "date-time", "description": "the time of that event" },
            "spec": spec
        } } },
        "waiting": { "type": "array", "items": spec },
        "known": { "type": "array", "items": { "type": "string" }, "description": "names of scenarios" }
    } });
    answered("synthesizer", "The scenarios that the stream has gone through, and those that wait.", "200", &answer, &[])
}

fn begin_scenario() -> Value {
    let request = json!({ "type": "object", "required": ["scenario"], "additionalProperties": false, "properties": {
        "scenario": { "type": "string", "description": "NAME[*STRENGTH][@WHEN][+LENGTH]", "examples": ["covariate-drift", "burst@2s+10s"] }
    } });
    let answer = json!({ "type": "object", "properties": { "accepted": { "type": "string" } } });
    let mut begin = answered(
        "synthesizer",
        "Changes the running stream; GET tells when it has begun.",
        "202",
        &answer,
        &[400, 422, 503],
    );
    begin["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": request } } });
    begin
}

fn retrain() -> Value {
    let request = json!({ "oneOf": [
        { "type": "object", "required": ["reason"], "additionalProperties": false,
          "properties": { "reason": { "type": "string" }, "by": { "type": "string" } } },
        { "type": "object", "required": ["status", "groupKey", "alerts"], "description": "Alertmanager's webhook, version 4" }
    ] });
    let answer = json!({ "type": "object", "properties": {
        "request_id": { "type": "string", "description": "a ULID" },
        "new": { "type": "boolean", "description": "false where the same was asked for before" }
    } });
    let mut retrain = answered("trainer", "Asks for a new model.", "202", &answer, &[400, 503]);
    retrain["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": request } } });
    retrain
}

fn retrain_status() -> Value {
    let answer = json!({ "type": "object", "properties": {
        "request_id": { "type": "string" }, "status": { "type": "string" }, "detail": { "type": ["string", "null"] },
        "answered_by": { "type": ["string", "null"], "description": "the request that this one was answered with" },
        "model_version": { "type": ["string", "null"], "description": "the version that came of it" },
        "champion_version": { "type": ["string", "null"], "description": "the champion that it was compared with" }
    } });
    let mut status = answered("trainer", "What became of a request for a new model.", "200", &answer, &[400, 404, 503]);
    status["parameters"] = json!([parameter("id", "01JDRW5VK8Q3T3Y5Z2M8N6P4R7")]);
    status
}

fn of_model(summary: &str, with_version: bool) -> Value {
    let mut operation = plain("api", summary);
    operation["parameters"] = model_parameters(with_version);
    operation
}

fn infer(with_version: bool) -> Value {
    let tensor = json!({ "type": "object", "required": ["name", "shape", "datatype", "data"], "properties": {
        "name": { "enum": FEATURES.iter().map(|feature| feature.name).collect::<Vec<_>>() },
        "shape": { "type": "array", "items": { "type": "integer" } },
        "datatype": { "enum": ["BOOL", "INT32", "INT64", "FP32", "FP64", "BYTES"] },
        "data": { "type": "array" }
    } });
    let request = json!({ "type": "object", "required": ["inputs"], "properties": {
        "id": { "type": "string" }, "inputs": { "type": "array", "items": tensor }, "outputs": { "type": "array" }
    } });
    let answer = json!({ "type": "object", "properties": {
        "model_name": { "type": "string" }, "model_version": { "type": "string" }, "id": { "type": "string" },
        "outputs": { "type": "array", "description": "churn_probability, churn_label, churn_reasons and churn_contributions" }
    } });
    let summary = "Open Inference Protocol v2: one input tensor a feature.";
    let mut infer = operation("api", summary, &request, &answer, &[]);
    // The protocol's errors are {"error": "text"}.
    infer["responses"]["400"] = json!({ "description": "error", "content": { "application/json": { "schema":
        { "type": "object", "properties": { "error": { "type": "string" } } } } } });
    infer["parameters"] = model_parameters(with_version);
    infer
}

fn model_parameters(with_version: bool) -> Value {
    let all = [parameter("model", "churn"), parameter("version", "v1")];
    json!(all[..if with_version { 2 } else { 1 }])
}

fn parameter(name: &str, example: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" }, "example": example })
}

fn operation(tag: &str, summary: &str, request: &Value, answer: &Value, errors: &[u16]) -> Value {
    let mut operation = answered(tag, summary, "200", answer, errors);
    operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": request } } });
    operation
}

fn answered(tag: &str, summary: &str, status: &str, answer: &Value, errors: &[u16]) -> Value {
    let mut responses = Map::new();
    let content = json!({ "application/json": { "schema": answer } });
    responses.insert(status.into(), json!({ "description": "OK", "content": content }));
    for status in errors {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        let content = json!({ "application/json": { "schema": schema } });
        responses.insert(status.to_string(), json!({ "description": "error", "content": content }));
    }
    json!({ "tags": [tag], "summary": summary, "responses": responses })
}

fn plain(tag: &str, summary: &str) -> Value {
    json!({ "tags": [tag], "summary": summary, "responses": { "200": { "description": "OK" } } })
}
