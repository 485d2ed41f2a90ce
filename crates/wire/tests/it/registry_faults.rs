//! The client against servers that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use churn_runtime::config::{Secret, Validate};
use churn_runtime::exit::{Fate, Fated};
use churn_wire::{Record, RegistryError, SchemaRef, SchemaRegistry, WireConfig};
use tokio::net::TcpListener;

/// A server that answers each request with what the function says of its number, from 0.
async fn server(answer: impl Fn(usize, &Uri, &HeaderMap) -> (u16, String) + Send + Sync + 'static) -> WireConfig {
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap| async move {
        let (status, body) = answer(count.fetch_add(1, Ordering::Relaxed), &uri, &headers);
        (StatusCode::from_u16(status).unwrap(), body)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    WireConfig { url, ..WireConfig::default() }
}

fn schema_body() -> String {
    serde_json::json!({ "schema": Record::CustomerEvent.avsc() }).to_string()
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again() {
    let config = server(|number, _, _| match number {
        0 => (503, String::new()),
        1 => (429, "slow down".into()),
        _ => (200, schema_body()),
    })
    .await;
    let found = SchemaRegistry::open(&config).unwrap().fetch(SchemaRef::Id(1)).await.unwrap();
    assert_eq!(found.unwrap().text, Record::CustomerEvent.avsc());
}

#[tokio::test]
async fn a_schema_once_fetched_is_not_asked_for_again() {
    let config = server(|number, _, _| if number == 0 { (200, schema_body()) } else { (404, String::new()) }).await;
    let registry = SchemaRegistry::open(&config).unwrap();
    let first = registry.fetch(SchemaRef::Id(1)).await.unwrap();
    assert_eq!(registry.fetch(SchemaRef::Id(1)).await.unwrap(), first);
}

#[tokio::test]
async fn an_unreachable_registry_is_an_external_error_that_names_the_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let registry = SchemaRegistry::open(&WireConfig { url: url.clone(), ..WireConfig::default() }).unwrap();
    let error = registry.fetch(SchemaRef::Id(1)).await.unwrap_err();
    assert_eq!(error.fate(), Fate::External);
    assert!(matches!(error, RegistryError::Unreachable { .. }) && error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn a_silent_registry_is_given_up_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let timeout = std::time::Duration::from_millis(50).into();
    let registry = SchemaRegistry::open(&WireConfig { url, timeout, ..WireConfig::default() }).unwrap();
    let error = registry.fetch(SchemaRef::Id(1)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    drop(listener);
}

#[tokio::test]
async fn only_the_registrys_own_no_makes_a_schema_unknown() {
    let config = server(|_, _, _| (404, r#"{"error_code": 40403, "message": "Schema not found"}"#.into())).await;
    assert_eq!(SchemaRegistry::open(&config).unwrap().fetch(SchemaRef::Id(1)).await.unwrap(), None);
    for body in ["", "<html>not here</html>", r#"{"detail": "not found"}"#] {
        let config = server(move |_, _, _| (404, body.into())).await;
        let error = SchemaRegistry::open(&config).unwrap().fetch(SchemaRef::Id(1)).await.unwrap_err();
        assert!(matches!(error, RegistryError::Garbled { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_password_is_sent_and_its_refusal_says_what_to_check() {
    let config = server(|_, _, headers| match headers.get("authorization") {
        Some(value) if value == "Basic dXNlcjpzZWNyZXQ=" => (200, schema_body()),
        _ => (401, r#"{"error_code": 40101, "message": "Unauthorized"}"#.into()),
    })
    .await;
    let with = |password: &str| WireConfig { user: "user".into(), password: Secret::new(password), ..config.clone() };
    assert!(SchemaRegistry::open(&with("secret")).unwrap().fetch(SchemaRef::Id(1)).await.unwrap().is_some());
    let error = SchemaRegistry::open(&with("wrong")).unwrap().fetch(SchemaRef::Id(1)).await.unwrap_err().to_string();
    assert!(error.contains("schema_registry.password") && !error.contains("wrong"), "{error}");
}

#[tokio::test]
async fn a_guid_is_asked_for_by_its_path_and_other_languages_are_told_apart() {
    let config = server(|_, uri, _| match uri.path() {
        "/schemas/guids/00000000-0000-0000-0000-000000000007" => {
            (200, r#"{"schema": "syntax = \"proto3\";", "schemaType": "PROTOBUF"}"#.into())
        }
        _ => (404, String::new()),
    })
    .await;
    let registry = SchemaRegistry::open(&config).unwrap();
    let guid = |number| SchemaRef::Guid(uuid::Uuid::from_u128(number));
    assert_eq!(registry.fetch(guid(7)).await.unwrap().unwrap().language, "PROTOBUF");
    assert_eq!(registry.fetch(guid(8)).await.unwrap(), None);
}

#[test]
fn a_url_that_cannot_be_used_is_a_fault_of_the_configuration() {
    for url in ["registry:8081", "ftp://registry", "http://user:hunter2@registry", "nonsense"] {
        let config = WireConfig { url: url.into(), ..WireConfig::default() };
        let faults = config.validate();
        assert_eq!(faults.len(), 1, "{url}");
        assert_eq!(faults[0].key, "url");
        assert!(!faults[0].message.contains("hunter2"));
        assert!(matches!(SchemaRegistry::open(&config), Err(RegistryError::Misconfigured { .. })));
    }
    assert_eq!(WireConfig::default().validate(), []);
}
