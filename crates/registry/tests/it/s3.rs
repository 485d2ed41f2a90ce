//! What only an object store can do wrong.

use churn_registry::{Kind, Promotion, Registry, RegistryConfig, RegistryError, S3Config};
use churn_runtime::config::Secret;
use churn_runtime::exit::{Fate, Fated};

use crate::proxy::{Fault, Proxy};
use crate::{Place, draft};

fn config(place: &Place) -> S3Config {
    place.config.s3.clone()
}

async fn open(s3: S3Config) -> Registry {
    Registry::open(&RegistryConfig { s3, ..RegistryConfig::default() }).await.unwrap()
}

async fn refusal(s3: S3Config) -> RegistryError {
    open(s3).await.champion(Kind::Model).await.unwrap_err()
}

#[tokio::test]
async fn a_wrong_secret_a_missing_bucket_and_a_silent_server_are_told_apart() {
    let place = Place::s3().await;
    let wrong = refusal(S3Config { secret_access_key: Secret::new("guess"), ..config(&place) }).await;
    assert!(wrong.to_string().contains("SignatureDoesNotMatch"), "{wrong}");
    assert!(!wrong.to_string().contains("guess"), "{wrong}");
    let missing = refusal(S3Config { bucket: "no-such-bucket".into(), ..config(&place) }).await;
    assert!(missing.to_string().contains("NoSuchBucket"), "{missing}");
    let closed = refusal(S3Config { endpoint: Some("http://127.0.0.1:1".into()), ..config(&place) }).await;
    for error in [wrong, missing, closed] {
        assert_eq!(error.fate(), Fate::External);
        assert!(error.to_string().contains("s3://") && error.to_string().contains("registry.s3"), "{error}");
    }
}

/// A write whose answer is lost is sent again by the client library, and the second one meets the first one's object.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_won_and_lost_its_answer_is_known_by_its_content() {
    let place = Place::s3().await;
    let proxy = Proxy::start(place.config.s3.endpoint.as_deref().unwrap()).await;
    let registry = open(S3Config { endpoint: Some(proxy.url()), ..config(&place) }).await;

    proxy.next_puts_with("manifest.json", Fault::LoseAnswer, 1);
    let first = registry.publish(draft("a")).await.unwrap().manifest.version;
    assert_eq!(proxy.faults(), 1);
    assert!(registry.load(Kind::Model, first).await.is_ok());

    proxy.next_puts_with("champion.json", Fault::LoseAnswer, 1);
    let wish = Promotion {
        kind: Kind::Model,
        version: first,
        by: "one".into(),
        reason: "first".into(),
        overridden: None,
        at_ms: 0,
    };
    let champion = registry.promote(&wish, None).await.unwrap();
    assert_eq!(proxy.faults(), 2);

    let second = registry.publish(draft("b")).await.unwrap().manifest.version;
    proxy.next_puts_with("champion.json", Fault::LoseAnswer, 1);
    let wish = Promotion { version: second, overridden: Some("a test has no gate".into()), ..wish };
    let champion = registry.promote(&wish, Some(&champion)).await.unwrap();
    assert_eq!(proxy.faults(), 3);
    assert_eq!(place.registry.champion(Kind::Model).await.unwrap(), Some(champion));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_conditions_is_found_out() {
    let place = Place::s3().await;
    let proxy = Proxy::start(place.config.s3.endpoint.as_deref().unwrap()).await;
    let registry = open(S3Config { endpoint: Some(proxy.url()), ..config(&place) }).await;
    registry.check().await.unwrap();
    for (header, writes) in [("If-None-Match", 2), ("If-Match", 1)] {
        proxy.next_puts_with(&format!("{}:", header.to_lowercase()), Fault::PretendSuccess, writes);
        let refused = registry.check().await.unwrap_err().to_string();
        assert!(refused.contains(&format!("ignores {header},")), "{refused}");
    }
}
