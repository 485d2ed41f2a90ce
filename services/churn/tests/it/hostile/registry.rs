//! A schema registry that does not have one schema yet, as one that was restored from an older backup.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// Stands in front of a real registry.
pub(super) struct Front {
    address: String,
    path: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    hidden: String,
    hides: AtomicBool,
    client: reqwest::Client,
}

impl Front {
    /// Hides the schema with this id of the registry at `url`.
    pub(super) async fn start(url: &str, id: i32) -> Result<Self> {
        let parsed = reqwest::Url::parse(url)?;
        let path = parsed.path().trim_end_matches('/').to_owned();
        let upstream = url.trim_end_matches('/').trim_end_matches(&path).to_owned();
        let hidden = format!("{path}/schemas/ids/{id}");
        let shared =
            Arc::new(Shared { upstream, hidden, hides: AtomicBool::new(true), client: churn_testkit::http_client() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, path, shared })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// From now on it has everything.
    pub(super) fn show_all(&self) {
        self.shared.hides.store(false, Ordering::SeqCst);
    }
}

async fn pass(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if shared.hides.load(Ordering::SeqCst) && uri.path() == shared.hidden {
        return (StatusCode::NOT_FOUND, r#"{"error_code":40403,"message":"Schema not found"}"#).into_response();
    }
    let mut request = shared.client.request(method, format!("{}{uri}", shared.upstream)).body(body);
    for name in [header::CONTENT_TYPE, header::ACCEPT] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status();
            (status, answer.bytes().await.unwrap_or_default()).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
