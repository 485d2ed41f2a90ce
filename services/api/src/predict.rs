//! `POST /v1/predict`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use churn_domain::{Reasons, Table};
use churn_runtime::http::ErrorResponse;
use churn_serving::Scored;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Api, rows};

#[derive(Debug, Serialize)]
pub(crate) struct Predictions {
    model_version: String,
    threshold: f64,
    predictions: Vec<Prediction>,
}

#[derive(Debug, Serialize)]
struct Prediction {
    probability: f64,
    label: bool,
    /// The features that moved it most, the largest contribution first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
}

#[derive(Debug, Serialize)]
struct Reason {
    feature: String,
    /// To the log-odds before calibration.
    contribution: f32,
}

/// Scores one customer (an object of features) or many (`{"customers": [..]}` or an array).
pub(crate) async fn handle(State(api): State<Arc<Api>>, body: Bytes) -> Result<Json<Predictions>, ErrorResponse> {
    let served = api
        .models
        .current()
        .ok_or_else(|| ErrorResponse::unavailable("there is no model yet; `churn setup` trains one"))?;
    let table = parse(&body, api.config.max_predict_rows)?;
    let mut scored = Scored::default();
    tokio::task::block_in_place(|| served.score(&table, api.config.reasons, 1, &mut scored));
    api.metrics.predicted(table.len());
    let threshold = served.threshold();
    let reason = |(feature, contribution): (&str, f32)| Reason { feature: feature.to_owned(), contribution };
    let prediction = |(probability, row, reasons): (f64, usize, &Reasons)| Prediction {
        probability,
        label: probability >= threshold,
        reasons: reasons.row(row).map(reason).collect(),
    };
    let predictions = scored.rows().map(prediction).collect();
    Ok(Json(Predictions { model_version: served.version().to_owned(), threshold, predictions }))
}

/// Reads the body of a request: customers as the model takes them.
///
/// # Errors
/// The answer that says what is wrong and where.
pub fn parse(body: &[u8], most: usize) -> Result<Table, ErrorResponse> {
    let (customers, path) = customers(body)?;
    if customers.is_empty() || customers.len() > most {
        let message = format!("{} customers, expected 1 to {} (api.max_predict_rows)", customers.len(), most);
        return Err(ErrorResponse::unprocessable(message, json!({ "errors": [{ "path": path }] })));
    }
    let table = rows::read(&customers, path)
        .map_err(|errors| ErrorResponse::unprocessable("a field cannot be read", json!({ "errors": errors })))?;
    Ok(table)
}

fn customers(body: &[u8]) -> Result<(Vec<Value>, &'static str), ErrorResponse> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ErrorResponse::bad_request(format!("the body is no JSON: {error}")))?;
    match value {
        Value::Array(customers) => Ok((customers, "customers")),
        Value::Object(mut object) if object.contains_key("customers") => {
            if let Some(other) = object.keys().find(|key| *key != "customers") {
                let errors = json!({ "errors": [{ "path": other, "message": "is not known beside customers" }] });
                return Err(ErrorResponse::unprocessable("a field is not known", errors));
            }
            match object.remove("customers") {
                Some(Value::Array(customers)) => Ok((customers, "customers")),
                _ => Err(ErrorResponse::unprocessable(
                    "a field cannot be read",
                    json!({ "errors": [{ "path": "customers", "message": "expected an array of objects" }] }),
                )),
            }
        }
        customer => Ok((vec![customer], "")),
    }
}
