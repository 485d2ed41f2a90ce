//! With a key configured, nothing is even parsed that nobody trusted has signed.

use churn_registry::{Artifact, Kind, Promotion, Registry, RegistryConfig, RegistryError};
use churn_runtime::config::{Secret, Validate};
use churn_runtime::exit::{Fate, Fated};

use crate::{Place, draft, on_both};

on_both!(
    what_a_trusted_key_signed_is_loaded,
    what_is_unsigned_or_signed_by_another_is_refused,
    a_signed_manifest_that_was_changed_is_refused_before_it_is_parsed,
    a_signature_of_another_version_does_not_count,
    a_pointer_that_nobody_trusted_has_signed_is_refused_unread,
);

/// RFC 8410, section 10.3 and 10.1.
const ALICE: (&str, &str) = (
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC",
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
);
/// RFC 8032, section 7.1, test 1.
const BOB: (&str, &str) = (
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
);

fn pem(kind: &str, body: &str) -> Secret {
    Secret::new(format!("-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n"))
}

async fn signing_with(place: &Place, key: (&str, &str)) -> Registry {
    place.with(|config| config.signing_key = pem("PRIVATE", key.0)).await
}

async fn trusting(place: &Place, key: (&str, &str)) -> Registry {
    place.with(|config| config.trusted_keys = vec![pem("PUBLIC", key.1)]).await
}

async fn load(registry: &Registry, version: &str) -> Result<Artifact, RegistryError> {
    registry.load(Kind::Model, version.parse().unwrap()).await
}

async fn what_a_trusted_key_signed_is_loaded(place: Place) {
    let alice = signing_with(&place, ALICE).await;
    let signed = alice.publish(draft("a")).await.unwrap();
    assert_eq!(load(&alice, "v1").await.unwrap(), signed, "its own signatures are trusted");
    assert_eq!(load(&trusting(&place, ALICE).await, "v1").await.unwrap(), signed);
    assert_eq!(load(&place.registry, "v1").await.unwrap(), signed, "without a key nothing is asked for");
    let both = place.with(|config| config.trusted_keys = vec![pem("PUBLIC", BOB.1), pem("PUBLIC", ALICE.1)]).await;
    assert_eq!(load(&both, "v1").await.unwrap(), signed);
}

async fn what_is_unsigned_or_signed_by_another_is_refused(place: Place) {
    place.publish("unsigned").await;
    signing_with(&place, BOB).await.publish(draft("of bob")).await.unwrap();
    let alice = trusting(&place, ALICE).await;
    for (version, complaint) in [("v1", "no signature"), ("v2", "none of the 1 trusted keys")] {
        let refused = load(&alice, version).await.unwrap_err();
        assert!(matches!(refused, RegistryError::Untrusted { .. }), "{refused}");
        assert_eq!(refused.fate(), Fate::Data);
        assert!(refused.to_string().contains(complaint), "{refused}");
    }
    for damage in ["", "zz", &"0".repeat(128), &"f".repeat(1_000)] {
        place.write("models/v2/manifest.sig", damage);
        let refused = load(&trusting(&place, BOB).await, "v2").await.unwrap_err();
        assert!(matches!(refused, RegistryError::Untrusted { .. }), "{damage}: {refused}");
    }
}

/// A manifest that is no JSON at all: whoever parsed it would call it corrupt.
async fn a_signed_manifest_that_was_changed_is_refused_before_it_is_parsed(place: Place) {
    let alice = signing_with(&place, ALICE).await;
    alice.publish(draft("a")).await.unwrap();
    let mut manifest = place.read("models/v1/manifest.json");
    manifest[0] = b'?';
    place.write("models/v1/manifest.json", &manifest);
    let refused = load(&alice, "v1").await.unwrap_err();
    assert!(matches!(refused, RegistryError::Untrusted { .. }), "{refused}");
    let parsed = load(&place.registry, "v1").await.unwrap_err();
    assert!(matches!(parsed, RegistryError::Corrupt { .. }), "{parsed}");
}

async fn a_signature_of_another_version_does_not_count(place: Place) {
    let alice = signing_with(&place, ALICE).await;
    alice.publish(draft("a")).await.unwrap();
    alice.publish(draft("b")).await.unwrap();
    place.write("models/v2/manifest.sig", place.read("models/v1/manifest.sig"));
    let refused = load(&alice, "v2").await.unwrap_err();
    assert!(matches!(refused, RegistryError::Untrusted { .. }), "{refused}");
    // Version 1 whole, manifest and signature, in the place of version 2.
    place.write("models/v2/manifest.json", place.read("models/v1/manifest.json"));
    let refused = load(&alice, "v2").await.unwrap_err().to_string();
    assert!(refused.contains("it says that it is model v1"), "{refused}");
}

async fn a_pointer_that_nobody_trusted_has_signed_is_refused_unread(place: Place) {
    const POINTER: &str = "models/champion.json";
    let alice = signing_with(&place, ALICE).await;
    for version in ["a", "b"] {
        alice.publish(draft(version)).await.unwrap();
    }
    let refused = trusting(&place, ALICE).await.promote(&promotion("v1"), None).await.unwrap_err();
    assert!(refused.to_string().contains("registry.signing_key"), "who cannot sign moves nothing: {refused}");
    let first = alice.promote(&promotion("v1"), None).await.unwrap();
    let signed = place.read(POINTER);
    let second = alice.promote(&promotion("v2"), Some(&first)).await.unwrap();
    let reader = trusting(&place, ALICE).await;
    assert_eq!(reader.champion(Kind::Model).await.unwrap(), Some(second.clone()));
    assert_eq!(
        place.registry.champion(Kind::Model).await.unwrap(),
        Some(second.clone()),
        "without a key nothing is asked for"
    );
    assert_eq!(reader.load_champion(&second).await.unwrap().manifest.version.to_string(), "v2");
    serde_json::from_slice::<serde_json::Value>(&place.read(POINTER)).unwrap();

    // The first version and its own hash, which is a signed version like any other, in the second's pointer.
    let (first_hash, second_hash) = (&first.manifest_sha256, &second.manifest_sha256);
    let text = String::from_utf8(place.read(POINTER)).unwrap();
    let forged = text.replacen("\"v2\"", "\"v1\"", 1).replacen(second_hash, first_hash, 1);
    let unsigned = format!("{}\n}}\n", &forged[..forged.find(",\n  \"signature\"").unwrap()]);
    let of_generator = text.replacen("\"kind\": \"model\"", "\"kind\": \"generator\"", 1);
    for (pointer, complaint) in [
        (forged.as_str(), "of another content"),
        (&unsigned, "no signature"),
        (&of_generator, "of another content"),
        ("?", "no signature"),
    ] {
        place.write(POINTER, pointer);
        let refused = reader.champion(Kind::Model).await.unwrap_err();
        assert!(matches!(refused, RegistryError::Untrusted { .. }), "{refused}");
        assert!(refused.to_string().contains(complaint), "{refused}");
    }
    place.write(POINTER, &text);
    let bob = trusting(&place, BOB).await.champion(Kind::Model).await.unwrap_err().to_string();
    assert!(bob.contains("none of the 1 trusted keys"), "{bob}");
    // An old pointer is what was once true: no signature tells it from a rollback (docs/security.md).
    place.write(POINTER, &signed);
    assert_eq!(reader.champion(Kind::Model).await.unwrap().unwrap().version.to_string(), "v1");
}

fn promotion(version: &str) -> Promotion {
    Promotion {
        kind: Kind::Model,
        version: version.parse().unwrap(),
        by: "test".into(),
        reason: "test".into(),
        overridden: Some("a test has no gate".into()),
        at_ms: 0,
    }
}

#[test]
fn keys_that_are_none_are_faults_that_do_not_show_them() {
    let config = RegistryConfig {
        signing_key: pem("PRIVATE", "c2VjcmV0"),
        trusted_keys: vec![pem("PUBLIC", ALICE.1), Secret::new("hunter2")],
        ..RegistryConfig::default()
    };
    let faults: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("signing_key") && faults[1].contains("trusted_keys[1]"), "{faults:?}");
    assert!(!faults.concat().contains("hunter2") && !faults.concat().contains("c2VjcmV0"), "{faults:?}");
}
