//! What every request passes, outermost first: counting, one form of error, the guard, its turn, limits of body and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{HttpBody, to_bytes};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::config::HttpConfig;
use super::error::ErrorResponse;
use super::guard::Guard;
use crate::clock::Stopwatch;
use crate::metrics::catalogue::{HTTP_REQUESTS, HTTP_SECONDS};
use crate::metrics::{HistogramVec, IntCounterVec, Metrics};

/// How much of a body that is too large is read and thrown away, in body limits.
const SWALLOWED_LIMITS: u64 = 8;
/// Largest text of a library's refusal that is kept as the message. They are single sentences.
const REFUSAL_LIMIT: usize = 4096;

/// Puts all layers around the routes.
pub(super) fn around(routes: Router, config: &HttpConfig, guard: Guard, metrics: &Metrics) -> Router {
    let turns = Arc::new(Semaphore::new(config.concurrent_requests as usize));
    let counted =
        Counted { requests: metrics.counter_vec(&HTTP_REQUESTS), seconds: metrics.histogram_vec(&HTTP_SECONDS) };
    routes
        .fallback(|| async { ErrorResponse::from_status(StatusCode::NOT_FOUND, "there is no such route") })
        .method_not_allowed_fallback(|| async {
            ErrorResponse::from_status(StatusCode::METHOD_NOT_ALLOWED, "this route does not answer to that method")
        })
        // axum's own limit of 2 MB would undercut a larger one of ours.
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(config.body_limit.as_usize()))
        .layer(from_fn_with_state(config.body_limit.get(), swallow))
        .layer(from_fn_with_state(turns, take_turn))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, config.request_timeout.get()))
        .layer(from_fn_with_state(Arc::new(guard), refuse))
        .layer(from_fn(one_form))
        .layer(from_fn_with_state(counted, count))
}

#[derive(Debug, Clone)]
struct Counted {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

async fn count(State(counted): State<Counted>, request: Request, next: Next) -> Response {
    // The pattern of the route, never the path: paths are made up by whoever asks, and every one would be a new series.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let taken = Stopwatch::start();
    let response = next.run(request).await;
    counted.seconds.with_label_values(&[&route]).observe(taken.seconds());
    counted.requests.with_label_values(&[route.as_str(), response.status().as_str()]).inc();
    response
}

async fn one_form(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || is_json(&response) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = to_bytes(body, REFUSAL_LIMIT).await.unwrap_or_default();
    let message = String::from_utf8_lossy(&text);
    let message = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than `http.body_limit`",
        StatusCode::SERVICE_UNAVAILABLE if message.is_empty() => "the request took longer than `http.request_timeout`",
        _ => message.as_ref(),
    };
    let mut rewritten = ErrorResponse::from_status(status, message).into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            rewritten.headers_mut().append(name, value.clone());
        }
    }
    rewritten
}

fn is_json(response: &Response) -> bool {
    let json = |value: &HeaderValue| value.to_str().is_ok_and(|kind| kind.starts_with("application/json"));
    response.headers().get(header::CONTENT_TYPE).is_some_and(json)
}

/// Refuses a body that says that it is too large, after having read some of it: a client that is cut off while it still sends
/// sees a broken connection instead of the answer.
async fn swallow(State(limit): State<u64>, request: Request, next: Next) -> Response {
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_none_or(|length| length <= limit) {
        return next.run(request).await;
    }
    let mut body = request.into_body();
    let mut swallowed = 0;
    while swallowed < limit.saturating_mul(SWALLOWED_LIMITS) {
        match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            Some(Ok(frame)) => swallowed += frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => break,
        }
    }
    ErrorResponse::from_status(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than `http.body_limit`")
        .into_response()
}

async fn refuse(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let refusal = match guard.check(&request) {
        Ok(()) => return next.run(request).await,
        Err(refusal) => refusal,
    };
    let status = refusal.status();
    let mut response = refusal.into_response();
    let hint = match status {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
        StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "1")),
        _ => None,
    };
    if let Some((name, value)) = hint {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Holds a request until fewer than the limit are being answered; the time limit around it ends the wait.
async fn take_turn(State(turns): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    // Liveness and readiness must answer while slow requests hold every turn, or a busy process would be restarted.
    if matches!(request.uri().path(), "/livez" | "/readyz") {
        return next.run(request).await;
    }
    match turns.acquire().await {
        Ok(_turn) => next.run(request).await,
        Err(_) => ErrorResponse::unavailable("the server is closing").into_response(),
    }
}
