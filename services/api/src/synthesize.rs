//! `POST /v1/synthesize`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use churn_domain::csv::Writer;
use churn_runtime::http::ErrorResponse;
use churn_synth::{Generator, Sample};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Api, rows};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    n: u64,
    #[serde(default = "default_seed")]
    seed: u64,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

fn default_seed() -> u64 {
    7
}

/// Samples `n` customers with their outcome; the same seed gives the same customers.
pub(crate) async fn handle(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, ErrorResponse> {
    let Some(generator) = api.generator.clone() else {
        return Err(ErrorResponse::unavailable("there is no generator yet; `churn setup` fits one"));
    };
    let request: Request = serde_json::from_slice(&body).map_err(|error| {
        let errors = json!({ "errors": [{ "path": "", "message": error.to_string() }] });
        ErrorResponse::unprocessable(
            "expected {\"n\": rows, \"seed\": number, \"format\": \"json\" or \"csv\"}",
            errors,
        )
    })?;
    let most = api.config.max_synthesize_rows;
    if !(1..=most).contains(&request.n) {
        let message = format!("is {}, expected 1 to {most} (api.max_synthesize_rows)", request.n);
        return Err(ErrorResponse::unprocessable(
            "n is out of range",
            json!({ "errors": [{ "path": "n", "message": message }] }),
        ));
    }
    let answer = tokio::task::block_in_place(|| render(&generator, &request));
    let (content_type, bytes) =
        answer.map_err(|error| ErrorResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))?;
    api.metrics.synthesized(request.n);
    Ok(([(header::CONTENT_TYPE, content_type)], bytes).into_response())
}

fn render(generator: &Generator, request: &Request) -> anyhow::Result<(&'static str, Vec<u8>)> {
    let sample = generator.sample(request.seed, 0..request.n);
    match request.format {
        Format::Csv => Ok(("text/csv; charset=utf-8", csv(&sample)?)),
        Format::Json => Ok(("application/json", serde_json::to_vec(&json(&sample))?)),
    }
}

fn csv(sample: &Sample) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, true, true, &[], &[])?;
    for row in 0..sample.features.len() {
        writer.write_row(row, Some(&sample.label), &sample.features, Some(&sample.location), &[], &[])?;
    }
    writer.finish()?;
    Ok(bytes)
}

fn json(sample: &Sample) -> Value {
    let customer = |row: usize| {
        let mut customer = rows::write(&sample.features, row);
        customer.insert("churn".into(), json!(sample.label[row]));
        let location = &sample.location;
        for (name, text) in [("zip_code", &location.zip_code), ("city", &location.city), ("county", &location.county)] {
            customer.insert(name.into(), json!(text.get(row)));
        }
        customer.insert("latitude".into(), json!(location.latitude[row]));
        customer.insert("longitude".into(), json!(location.longitude[row]));
        Value::Object(customer)
    };
    json!({ "customers": (0..sample.features.len()).map(customer).collect::<Vec<_>>() })
}
