//! The Open Inference Protocol, version 2 (kserve/open-inference-protocol, REST): the same model for clients of KServe, Triton or
//! MLServer.
//!
//! One input tensor a feature, named as in the feature table, all of one length; a feature without a tensor is missing for every
//! customer, a null element for one. Errors have the protocol's form, `{"error": "…"}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use churn_domain::{FEATURES, Feature, Kind};
use churn_serving::{Scored, Served};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Api, rows};

/// The model's name in the protocol.
const MODEL: &str = "churn";
const PROBABILITY: &str = "churn_probability";
const LABEL: &str = "churn_label";
/// The features that moved each probability most, the largest contribution first, and what they added to the log-odds; rows with
/// fewer are filled up with an empty name and 0. Only where `api.reasons` is not 0.
const REASONS: &str = "churn_reasons";
const CONTRIBUTIONS: &str = "churn_contributions";
const OUTPUTS: [&str; 4] = [PROBABILITY, LABEL, REASONS, CONTRIBUTIONS];

/// Model and version, as the path names them.
type Named = BTreeMap<String, String>;

/// An answer in the protocol's form.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

#[derive(Debug, Deserialize)]
struct Request {
    id: Option<String>,
    inputs: Vec<Input>,
    #[serde(default)]
    outputs: Vec<Wanted>,
}

#[derive(Debug, Deserialize)]
struct Input {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    data: Value,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    name: String,
}

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/health/live", get(async || Json(json!({ "live": true }))))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{model}", get(metadata))
        .route("/v2/models/{model}/ready", get(model_ready))
        .route("/v2/models/{model}/infer", post(infer))
        .route("/v2/models/{model}/versions/{version}", get(metadata))
        .route("/v2/models/{model}/versions/{version}/ready", get(model_ready))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer))
}

async fn server() -> Json<Value> {
    Json(json!({ "name": "churnstream", "version": env!("CARGO_PKG_VERSION"), "extensions": [] }))
}

/// The text of the specification and its servers differ in the name of the field: both are answered.
async fn ready(State(api): State<Arc<Api>>) -> Response {
    let ready = api.models.current().is_some();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "live": true, "ready": ready }))).into_response()
}

async fn model_ready(State(api): State<Arc<Api>>, Path(path): Path<Named>) -> Result<Json<Value>, Refusal> {
    let served = served(&api, &path)?;
    Ok(Json(json!({ "name": MODEL, "version": served.version(), "ready": true })))
}

async fn metadata(State(api): State<Arc<Api>>, Path(path): Path<Named>) -> Result<Json<Value>, Refusal> {
    let served = served(&api, &path)?;
    let tensor = |name: &str, datatype: &str| json!({ "name": name, "datatype": datatype, "shape": [-1] });
    let top = api.config.reasons;
    let mut outputs = vec![tensor(PROBABILITY, "FP64"), tensor(LABEL, "BOOL")];
    if top > 0 {
        let wide = |name: &str, datatype: &str| json!({ "name": name, "datatype": datatype, "shape": [-1, top] });
        outputs.extend([wide(REASONS, "BYTES"), wide(CONTRIBUTIONS, "FP32")]);
    }
    let inputs: Vec<Value> = FEATURES.iter().map(|feature| tensor(feature.name, datatype(feature))).collect();
    Ok(Json(json!({
        "name": MODEL,
        "versions": [served.version()],
        "platform": "churnstream",
        "inputs": inputs,
        "outputs": outputs,
    })))
}

async fn infer(State(api): State<Arc<Api>>, Path(path): Path<Named>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let served = served(&api, &path)?;
    let request: Request =
        serde_json::from_slice(&body).map_err(|error| bad(format!("the body is no request: {error}")))?;
    let top = api.config.reasons;
    let outputs = outputs(&request.outputs, top)?;
    let customers = customers(&request.inputs, api.config.max_predict_rows)?;
    let table = rows::read(&customers, "inputs").map_err(|errors| {
        bad(errors.iter().map(|error| format!("{} {}", error.path, error.message)).collect::<Vec<_>>().join("; "))
    })?;
    // Reasons cost several times the score: only who wants them pays.
    let wanted = if outputs.contains(&REASONS) || outputs.contains(&CONTRIBUTIONS) { top } else { 0 };
    let mut scored = Scored::default();
    tokio::task::block_in_place(|| served.score(&table, wanted, 1, &mut scored));
    api.metrics.predicted(table.len());
    let tensor = |name: &&str| tensor(name, &scored, top, served.threshold());
    let mut answer = json!({
        "model_name": MODEL,
        "model_version": served.version(),
        "outputs": outputs.iter().map(tensor).collect::<Vec<_>>(),
    });
    if let Some(id) = request.id {
        answer["id"] = id.into();
    }
    Ok(Json(answer))
}

fn tensor(name: &str, scored: &Scored, top: usize, threshold: f64) -> Value {
    let rows = scored.probabilities().count();
    let (datatype, shape, data): (_, _, Vec<Value>) = match name {
        PROBABILITY => ("FP64", json!([rows]), scored.probabilities().map(Value::from).collect()),
        LABEL => ("BOOL", json!([rows]), scored.probabilities().map(|p| Value::from(p >= threshold)).collect()),
        REASONS => ("BYTES", json!([rows, top]), filled(scored, top, |(name, _)| name.into())),
        _ => ("FP32", json!([rows, top]), filled(scored, top, |(_, contribution)| contribution.into())),
    };
    json!({ "name": name, "datatype": datatype, "shape": shape, "data": data })
}

/// One part of each reason, row by row, each row filled up.
fn filled(scored: &Scored, top: usize, part: impl Fn((&str, f32)) -> Value) -> Vec<Value> {
    let mut data = Vec::new();
    for (_, row, reasons) in scored.rows() {
        let reasons = reasons.row(row).chain(std::iter::repeat(("", 0.0)));
        data.extend(reasons.take(top).map(&part));
    }
    data
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message.into())
}

/// The model in use, if it is the one that the path names.
fn served(api: &Api, path: &Named) -> Result<Arc<Served>, Refusal> {
    let named = |key: &str| path.get(key).map(String::as_str);
    let unknown = |what: String| Refusal(StatusCode::NOT_FOUND, what);
    if named("model") != Some(MODEL) {
        return Err(unknown(format!("there is no such model, expected {MODEL}")));
    }
    let none = || Refusal(StatusCode::SERVICE_UNAVAILABLE, "there is no model yet; `churn setup` trains one".into());
    let served = api.models.current().ok_or_else(none)?;
    match named("version") {
        Some(version) if version != served.version() => {
            Err(unknown(format!("this version is not in use, {} is", served.version())))
        }
        _ => Ok(served),
    }
}

fn datatype(feature: &Feature) -> &'static str {
    match feature.kind {
        Kind::Flag => "BOOL",
        Kind::Category(_) => "BYTES",
        Kind::Integer { .. } => "INT32",
        Kind::Money { .. } => "FP64",
    }
}

fn outputs(wanted: &[Wanted], top: usize) -> Result<Vec<&'static str>, Refusal> {
    let known = if top > 0 { &OUTPUTS[..] } else { &OUTPUTS[..2] };
    if wanted.is_empty() {
        return Ok(known.to_vec());
    }
    let mut outputs = Vec::new();
    for Wanted { name } in wanted {
        let Some(&output) = known.iter().find(|known| *known == name) else {
            return Err(bad(format!("an output is not known, expected {}", known.join(", "))));
        };
        // A short request that names one a thousand times would have a thousand times the answer.
        if outputs.contains(&output) {
            return Err(bad(format!("output {output:?} comes twice")));
        }
        outputs.push(output);
    }
    Ok(outputs)
}

/// The tensors as one object of features a customer.
fn customers(inputs: &[Input], most: usize) -> Result<Vec<Value>, Refusal> {
    let length = inputs.first().map_or(0, Input::elements);
    if length == 0 || length > most as u64 {
        return Err(bad(format!("{length} customers, expected 1 to {most} (api.max_predict_rows)")));
    }
    let mut customers = vec![Map::new(); length as usize];
    for input in inputs {
        let values = input.values(length)?;
        for (customer, value) in customers.iter_mut().zip(values) {
            if customer.insert(input.name.clone(), value.clone()).is_some() {
                return Err(bad(format!("input {:?} comes twice", input.name)));
            }
        }
    }
    Ok(customers.into_iter().map(Value::Object).collect())
}

impl Input {
    fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |product, size| product.saturating_mul(*size))
    }

    /// Its elements in row-major order, each of its type or null.
    fn values(&self, length: u64) -> Result<Vec<&Value>, Refusal> {
        let refused = |problem: String| bad(format!("input {:?} {problem}", self.name));
        let vector = matches!(self.shape.as_slice(), [_] | [_, 1]);
        if !vector || self.elements() != length {
            return Err(refused(format!("has shape {:?}, expected [{length}] or [{length}, 1]", self.shape)));
        }
        let mut values = Vec::new();
        flatten(&self.data, &mut values);
        if values.len() as u64 != length {
            return Err(refused(format!("has {} elements, its shape says {length}", values.len())));
        }
        let fits: fn(&Value) -> bool = match self.datatype.as_str() {
            "BOOL" => Value::is_boolean,
            "BYTES" => Value::is_string,
            "FP16" | "FP32" | "FP64" => Value::is_number,
            "INT8" | "INT16" | "INT32" | "INT64" => Value::is_i64,
            "UINT8" | "UINT16" | "UINT32" | "UINT64" => Value::is_u64,
            other => return Err(refused(format!("has datatype {other:?}, which is none of the protocol"))),
        };
        match values.iter().find(|value| !value.is_null() && !fits(value)) {
            Some(value) => Err(refused(format!("holds {value}, which is no {}", self.datatype))),
            None => Ok(values),
        }
    }
}

/// Nested or flat, in row-major order.
fn flatten<'a>(data: &'a Value, into: &mut Vec<&'a Value>) {
    match data {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, into)),
        value => into.push(value),
    }
}
