//! What can go wrong with the server, and the one form of an error in a response.

use std::net::SocketAddr;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::exit::Exit;

/// Why the admin server does not run.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Strangers could connect.
    #[error("refusing to listen on {listen} without a token: set `http.token`, or `http.listen` to a loopback address")]
    Open {
        /// The address asked for.
        listen: SocketAddr,
    },
    /// The address is taken, foreign or forbidden.
    #[error(
        "cannot listen on {listen} ({source}): choose another address with `http.listen`, or stop what uses this one"
    )]
    Bind {
        /// The address asked for.
        listen: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It stopped by itself.
    #[error("the admin server failed")]
    Serve(#[source] std::io::Error),
    /// A request was still running when the grace time ended.
    #[error("the admin server still had open requests after {0:?}")]
    Grace(std::time::Duration),
}

impl HttpError {
    /// How a process ends that cannot go on after it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Open { .. } => Exit::Usage,
            Self::Bind { .. } => Exit::Unavailable,
            Self::Serve(_) | Self::Grace(_) => Exit::Failed,
        }
    }
}

/// The body of every error response: `{"error": {"code", "message", "details"?}}`.
///
/// A handler returns it as its error; whatever else answers with a status of 400 or more is put into this form as well.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorResponse {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Value,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Value::is_null")]
    details: &'a Value,
}

impl ErrorResponse {
    /// `code` is for programs and never changes; `message` is for people.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Value::Null }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 422: understood, but a value is wrong; `details` holds the paths.
    pub fn unprocessable(message: impl Into<String>, details: Value) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message).with_details(details)
    }

    /// 503: try again later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// Adds what a program may want to know.
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body as JSON, for a response with more to say than the error.
    pub fn body(&self) -> Value {
        let error = Inner { code: self.code, message: &self.message, details: &self.details };
        serde_json::to_value(Body { error }).unwrap_or_default()
    }

    /// For a status that some library chose.
    pub(super) fn from_status(status: StatusCode, message: &str) -> Self {
        let code = match status {
            StatusCode::BAD_REQUEST => "bad_request",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::REQUEST_TIMEOUT => "timeout",
            StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
            StatusCode::UNPROCESSABLE_ENTITY => "unprocessable",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            status if status.is_client_error() => "refused",
            _ => "internal",
        };
        let reason = status.canonical_reason().unwrap_or("error").to_lowercase();
        Self::new(status, code, if message.is_empty() { reason } else { message.to_owned() })
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}
