//! The admin server, asked by a real client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use churn_runtime::CancellationToken;
use churn_runtime::config::{ByteSize, HumanDuration, Secret, Validate};
use churn_runtime::health::Health;
use churn_runtime::http::{AdminState, ErrorResponse, HttpConfig, HttpError, RunningServer, Version, serve};
use churn_runtime::metrics::Metrics;
use churn_runtime::progress::Progress;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

struct Server {
    running: RunningServer,
    state: AdminState,
    client: reqwest::Client,
}

fn free_port() -> HttpConfig {
    HttpConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..HttpConfig::default() }
}

fn state() -> AdminState {
    AdminState {
        health: Health::new(),
        metrics: Metrics::new(),
        progress: Progress::new(),
        version: Version { part: "test".into(), version: "1.2.3".into(), commit: "abc".into() },
        status: Some(Arc::new(|| json!({ "model": "v7" }))),
    }
}

async fn echo(body: axum::body::Bytes) -> Vec<u8> {
    body.to_vec()
}

async fn row(axum::Json(body): axum::Json<Value>) -> Result<axum::Json<Value>, ErrorResponse> {
    match body["tenure"].as_i64() {
        Some(_) => Ok(axum::Json(body)),
        None => Err(ErrorResponse::unprocessable("a value is wrong", json!([{ "path": "tenure" }]))),
    }
}

fn extra() -> Router {
    Router::new()
        .route("/v1/echo", post(echo))
        .route("/v1/row", post(row))
        .route("/v1/item/{id}", get(|| async { "item" }))
        .route("/v1/slow", get(std::future::pending::<()>))
}

async fn start(config: HttpConfig) -> Server {
    start_with(config, extra()).await
}

async fn start_with(config: HttpConfig, extra: Router) -> Server {
    let state = state();
    let running = serve(&config, state.clone(), extra, CancellationToken::new()).await.expect("the server starts");
    churn_runtime::tls::install();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().expect("a client");
    Server { running, state, client }
}

impl Server {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.running.local_addr()))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }
}

/// Every error has the same form; gives its code and message.
async fn error(response: Response, status: StatusCode) -> (String, String) {
    assert_eq!(response.status(), status);
    let kind = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/json"), "{kind}");
    let body: Value = response.json().await.expect("JSON");
    let text = |key: &str| body["error"][key].as_str().expect("a text").to_owned();
    assert!(!text("message").is_empty(), "{body}");
    (text("code"), text("message"))
}

#[tokio::test]
async fn readiness_follows_the_components_and_liveness_does_not() {
    let server = start(free_port()).await;
    let postgres = server.state.health.component("postgres");
    let (code, message) = error(server.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!((code.as_str(), message.as_str()), ("not_ready", "postgres: starting"));
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    postgres.up();
    let body: Value = server.get("/readyz").await.json().await.unwrap();
    assert_eq!(body, json!({ "ready": true, "components": { "postgres": { "up": true } } }));
    postgres.down("connection refused");
    let body: Value = server.get("/readyz").await.json().await.unwrap();
    assert_eq!(body["components"]["postgres"], json!({ "up": false, "reason": "connection refused" }));
}

#[tokio::test]
async fn version_and_status_tell_what_runs_and_how_far_it_is() {
    let server = start(free_port()).await;
    let version: Value = server.get("/version").await.json().await.unwrap();
    assert_eq!(version, json!({ "part": "test", "version": "1.2.3", "commit": "abc" }));
    let stage = server.state.progress.stage("scorer");
    stage.consumes("events", [0]);
    server.state.progress.observe_end("events", 0, 5);
    stage.read(3);
    let status: Value = server.get("/v1/status").await.json().await.unwrap();
    assert_eq!(status["stages"][0]["read"], 3);
    assert_eq!(status["backlog"], json!({ "events": 5 }));
    assert_eq!(status["part_status"], json!({ "model": "v7" }));
    assert_eq!((&status["part"], &status["ready"]), (&json!("test"), &json!(true)));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let server = start(free_port()).await;
    server.state.health.component("kafka");
    for path in ["/v1/item/1", "/v1/item/2", "/made/up", "/livez"] {
        server.get(path).await;
    }
    let response = server.get("/metrics").await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    for line in [
        "churn_http_requests_total{route=\"/v1/item/{id}\",status=\"200\"} 2",
        "churn_http_requests_total{route=\"unmatched\",status=\"404\"} 1",
        "churn_component_ready{component=\"kafka\"} 0",
        "churn_build_info{commit=\"abc\",version=\"1.2.3\"} 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("made/up"));
}

#[tokio::test]
async fn a_foreign_host_is_refused_and_an_allowed_one_served() {
    let config = HttpConfig { allowed_hosts: vec!["churn.example".into()], ..free_port() };
    let server = start(config).await;
    let with_host = |host: &'static str| server.request(Method::GET, "/v1/status").header(HOST, host).send();
    let (code, message) = error(with_host("evil.example").await.unwrap(), StatusCode::MISDIRECTED_REQUEST).await;
    assert_eq!(code, "wrong_host");
    assert!(message.contains("http.allowed_hosts"), "{message}");
    for host in ["churn.example", "churn.example:80", "localhost:8080", "127.0.0.1", "[::1]:1"] {
        assert_eq!(with_host(host).await.unwrap().status(), StatusCode::OK, "{host}");
    }
    let probe = server.request(Method::GET, "/readyz").header(HOST, "evil.example").send().await.unwrap();
    assert_eq!(probe.status(), StatusCode::MISDIRECTED_REQUEST, "without a token nothing is open to a rebound name");
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let server = start(free_port()).await;
    let with_origin = |origin: String| server.request(Method::GET, "/v1/status").header(ORIGIN, origin).send();
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let (code, _) = error(with_origin(origin.into()).await.unwrap(), StatusCode::FORBIDDEN).await;
        assert_eq!(code, "foreign_origin");
    }
    let own = format!("http://{}", server.running.local_addr());
    assert_eq!(with_origin(own).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_opens_everything_and_only_probes_open_without() {
    let server = start(HttpConfig { token: Secret::new("hunter2"), ..free_port() }).await;
    for path in ["/metrics", "/version", "/v1/status", "/v1/item/1", "/nothing"] {
        let response = server.get(path).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let (code, message) = error(response, StatusCode::UNAUTHORIZED).await;
        assert!(code == "unauthorized" && !message.contains("hunter2"));
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(server.get(path).await.status(), StatusCode::OK, "{path}");
        let probe = server.request(Method::GET, path).header(HOST, "10.1.2.3:8080").send().await.unwrap();
        assert_eq!(probe.status(), StatusCode::OK, "a kubelet's probe of {path}");
    }
    let with = |value: &'static str| server.request(Method::GET, "/version").header(AUTHORIZATION, value).send();
    for wrong in ["Bearer hunter", "Bearer hunter22", "Basic hunter2", "hunter2", "Bearer "] {
        assert_eq!(with(wrong).await.unwrap().status(), StatusCode::UNAUTHORIZED, "{wrong}");
    }
    for right in ["Bearer hunter2", "bearer hunter2"] {
        assert_eq!(with(right).await.unwrap().status(), StatusCode::OK, "{right}");
    }
}

#[tokio::test]
async fn strangers_need_a_token_before_anything_listens() {
    let config = HttpConfig { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..HttpConfig::default() };
    let faults = config.validate();
    assert_eq!(faults[0].key, "token");
    let refused = serve(&config, state(), Router::new(), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(refused, HttpError::Open { .. }), "{refused}");
    assert_eq!(refused.exit().code(), 64);
    let config = HttpConfig { token: Secret::new("hunter2"), ..config };
    assert!(config.validate().is_empty());
    let running = serve(&config, state(), Router::new(), CancellationToken::new()).await.unwrap();
    running.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_the_address_and_the_key() {
    let server = start(free_port()).await;
    let config = HttpConfig { listen: server.running.local_addr(), ..HttpConfig::default() };
    let error = serve(&config, state(), Router::new(), CancellationToken::new()).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&config.listen.to_string()) && message.contains("`http.listen`"), "{message}");
    assert_eq!(error.exit().code(), 69);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_a_declared_length() {
    let server = start(HttpConfig { body_limit: ByteSize::kib(4), ..free_port() }).await;
    let post = |body: Vec<u8>| server.request(Method::POST, "/v1/echo").body(body).send();
    assert_eq!(post(vec![b'x'; 4096]).await.unwrap().bytes().await.unwrap().len(), 4096);
    let (code, message) = error(post(vec![b'x'; 4097]).await.unwrap(), StatusCode::PAYLOAD_TOO_LARGE).await;
    assert_eq!(code, "body_too_large");
    assert!(message.contains("http.body_limit"), "{message}");

    let head = "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("2000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x2000));
    let answer = raw(&server, &format!("{head}{chunk}")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("\"body_too_large\""), "{answer}");
}

#[tokio::test]
async fn refusals_of_handlers_and_of_the_framework_have_one_form() {
    let server = start(free_port()).await;
    let post = |body: &'static str, kind: &'static str| {
        server.request(Method::POST, "/v1/row").header(CONTENT_TYPE, kind).body(body).send()
    };
    let (code, _) = error(post("{", "application/json").await.unwrap(), StatusCode::BAD_REQUEST).await;
    assert_eq!(code, "bad_request");
    let (code, _) = error(post("{}", "text/plain").await.unwrap(), StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
    assert_eq!(code, "unsupported_media_type");
    let response = post("{}", "application/json").await.unwrap();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["details"], json!([{ "path": "tenure" }]));
    let (code, _) = error(server.get("/nothing").await, StatusCode::NOT_FOUND).await;
    assert_eq!(code, "not_found");
    let wrong_method = server.get("/v1/echo").await;
    assert_eq!(wrong_method.headers()["allow"], "POST");
    assert_eq!(error(wrong_method, StatusCode::METHOD_NOT_ALLOWED).await.0, "method_not_allowed");
    let wrong_method = server.request(Method::DELETE, "/readyz").send().await.unwrap();
    assert_eq!(error(wrong_method, StatusCode::METHOD_NOT_ALLOWED).await.0, "method_not_allowed");
}

#[tokio::test]
async fn requests_that_lack_a_host_or_have_two_are_refused() {
    let server = start(free_port()).await;
    for hosts in ["", "Host: localhost\r\nHost: evil.example\r\n"] {
        let answer = raw(&server, &format!("GET /livez HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let answer = raw(&server, "nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended_and_holds_nobody_up() {
    let config = HttpConfig { request_timeout: HumanDuration::from_millis(500), concurrent_requests: 1, ..free_port() };
    let server = start(config).await;
    let (slow, waiting, probe) = tokio::join!(server.get("/v1/slow"), server.get("/v1/slow"), server.get("/livez"));
    for response in [slow, waiting] {
        let (code, message) = error(response, StatusCode::SERVICE_UNAVAILABLE).await;
        assert!(code == "unavailable" && message.contains("http.request_timeout"), "{message}");
    }
    assert_eq!(probe.status(), StatusCode::OK);
    assert_eq!(server.get("/v1/item/1").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_flood_is_answered_with_429_and_probes_still_answered() {
    let server = start(HttpConfig { requests_per_second: Some(1), ..free_port() }).await;
    let mut refused = 0;
    for _ in 0..20 {
        let response = server.get("/version").await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(response.headers()["retry-after"], "1");
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_answers_open_requests_first() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (server, open) = with_open_request(&entered, &release).await;
    let address = server.running.local_addr();
    let stop = tokio::spawn(server.running.stop(Duration::from_secs(60)));
    release.notify_one();
    assert_eq!(open.await.unwrap().unwrap().text().await.unwrap(), "done");
    stop.await.unwrap().expect("nothing was cut off");
    let refused = server.client.get(format!("http://{address}/livez")).send().await;
    assert!(refused.is_err(), "closed");
}

#[tokio::test]
async fn stopping_cuts_off_what_outlasts_the_grace_time() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (server, open) = with_open_request(&entered, &release).await;
    let stopped = server.running.stop(Duration::from_millis(20)).await;
    assert!(matches!(stopped, Err(HttpError::Grace(_))), "{stopped:?}");
    open.abort();
}

type OpenRequest = tokio::task::JoinHandle<reqwest::Result<Response>>;

/// A server with one request inside its handler, which ends when released.
async fn with_open_request(entered: &Arc<Notify>, release: &Arc<Notify>) -> (Server, OpenRequest) {
    let (inside, go) = (Arc::clone(entered), Arc::clone(release));
    let handler = move || async move {
        inside.notify_one();
        go.notified().await;
        "done"
    };
    let server = start_with(free_port(), Router::new().route("/v1/held", get(handler))).await;
    let open = tokio::spawn(server.request(Method::GET, "/v1/held").send());
    entered.notified().await;
    (server, open)
}

/// Sends bytes as they are and reads until the server closes.
async fn raw(server: &Server, request: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(server.running.local_addr()).await.expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
