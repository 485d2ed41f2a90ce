//! `POST /v1/synthesize`.
//!
//! The answer is sampled and sent in parts, each when the one before has been taken: its memory does not grow with `n`.

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use churn_domain::csv::Writer;
use churn_runtime::http::ErrorResponse;
use churn_synth::{Generator, Sample};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Api, rows};

/// Customers in one part: about half a megabyte of JSON. More would only cost memory, fewer would cost a switch of threads each.
const PART: u64 = 1_000;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    n: u64,
    #[serde(default = "default_seed")]
    seed: u64,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

fn default_seed() -> u64 {
    7
}

/// Samples `n` customers with their outcome; the same seed gives the same customers.
pub(crate) async fn handle(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, ErrorResponse> {
    let Some(generator) = api.generator.clone() else {
        return Err(ErrorResponse::unavailable("there is no generator yet; `churn setup` fits one"));
    };
    let request = read(&body, api.config.max_synthesize_rows)?;
    api.metrics.synthesized(request.n);
    let parts = stream::try_unfold(0, move |first| {
        let generator = generator.clone();
        async move {
            if first >= request.n {
                return Ok(None);
            }
            let rows = first..request.n.min(first + PART);
            let next = rows.end;
            let part = tokio::task::spawn_blocking(move || render(&generator, request, rows)).await??;
            anyhow::Ok(Some((part, next)))
        }
    });
    Ok(([(header::CONTENT_TYPE, request.format.content_type())], Body::from_stream(parts)).into_response())
}

fn read(body: &[u8], most: u64) -> Result<Request, ErrorResponse> {
    let refused = |path: &str, message: String| {
        let expected = "expected {\"n\": customers, \"seed\": number, \"format\": \"json\" or \"csv\"}";
        ErrorResponse::unprocessable(expected, json!({ "errors": [{ "path": path, "message": message }] }))
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let request: Request = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_syntax() || error.inner().is_eof() {
            return ErrorResponse::bad_request(format!("the body is no JSON: {}", error.inner()));
        }
        refused(&path_of(&error), without_place(error.inner()))
    })?;
    json.end().map_err(|error| ErrorResponse::bad_request(format!("the body is no JSON: {error}")))?;
    if !(1..=most).contains(&request.n) {
        return Err(refused("n", format!("is {}, expected 1 to {most} (api.max_synthesize_rows)", request.n)));
    }
    Ok(request)
}

/// The field's name; a field that is missing stands in the message only.
fn path_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    match error.path().to_string().as_str() {
        "." if error.inner().to_string().starts_with("missing field `n`") => "n".to_owned(),
        "." => String::new(),
        path => path.to_owned(),
    }
}

/// A field's error says which field; line and column of a body that a program made help nobody.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn render(generator: &Generator, request: Request, rows: Range<u64>) -> anyhow::Result<Vec<u8>> {
    let (first, last) = (rows.start == 0, rows.end == request.n);
    let sample = generator.sample(request.seed, rows);
    match request.format {
        Format::Csv => csv(&sample, first),
        Format::Json => json(&sample, first, last),
    }
}

fn csv(sample: &Sample, first: bool) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, true, true, &[], &[])?;
    for row in 0..sample.features.len() {
        writer.write_row(row, Some(&sample.label), &sample.features, Some(&sample.location), &[], &[])?;
    }
    writer.finish()?;
    if !first && let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        bytes.drain(..=end); // the header stands once
    }
    Ok(bytes)
}

fn json(sample: &Sample, first: bool, last: bool) -> anyhow::Result<Vec<u8>> {
    let mut bytes = if first { br#"{"customers":["#.to_vec() } else { Vec::new() };
    for row in 0..sample.features.len() {
        if !(first && row == 0) {
            bytes.push(b',');
        }
        serde_json::to_writer(&mut bytes, &customer(sample, row))?;
    }
    if last {
        bytes.extend_from_slice(b"]}");
    }
    Ok(bytes)
}

fn customer(sample: &Sample, row: usize) -> Value {
    let mut customer = rows::write(&sample.features, row);
    customer.insert("churn".into(), json!(sample.label[row]));
    let location = &sample.location;
    for (name, text) in [("zip_code", &location.zip_code), ("city", &location.city), ("county", &location.county)] {
        customer.insert(name.into(), json!(text.get(row)));
    }
    customer.insert("latitude".into(), json!(location.latitude[row]));
    customer.insert("longitude".into(), json!(location.longitude[row]));
    Value::Object(customer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(body: &str) -> Value {
        let refused = read(body.as_bytes(), 10).unwrap_err();
        refused.body()["error"]["details"]["errors"][0]["path"].clone()
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        assert_eq!(path(r#"{"n": "three"}"#), "n");
        assert_eq!(path(r#"{"n": -1}"#), "n");
        assert_eq!(path(r#"{"n": 11}"#), "n");
        assert_eq!(path(r#"{"n": 3, "seed": 1.5}"#), "seed");
        assert_eq!(path(r#"{"n": 3, "format": "xml"}"#), "format");
        assert_eq!(path(r#"{"n": 3, "sede": 1}"#), "sede");
        assert_eq!(path(r#"{"seed": 1}"#), "n");
    }

    #[test]
    fn what_is_no_json_is_a_bad_request() {
        for body in ["", "{", "n=3", r#"{"n": 3} x"#] {
            assert_eq!(read(body.as_bytes(), 10).unwrap_err().status().as_u16(), 400, "{body}");
        }
    }
}
