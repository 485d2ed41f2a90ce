//! Nothing that differs from what was published is ever handed out.

use churn_registry::{Kind, RegistryError, Version};
use churn_runtime::exit::{Fate, Fated};
use serde_json::{Value, json};

use crate::{Place, on_both};

on_both!(
    a_flipped_bit_in_any_file_is_refused_and_the_file_is_named,
    a_file_that_is_shorter_longer_or_gone_is_refused,
    a_hostile_manifest_is_refused_before_a_file_is_touched,
    a_manifest_of_another_version_kind_or_format_is_refused,
    a_manifest_that_is_no_json_or_endless_is_refused,
);

fn v1() -> Version {
    "v1".parse().unwrap()
}

async fn refusal(place: &Place) -> RegistryError {
    place.registry.load(Kind::Model, v1()).await.unwrap_err()
}

async fn a_flipped_bit_in_any_file_is_refused_and_the_file_is_named(place: Place) {
    place.publish("content").await;
    for file in ["model.json", "encoder.json"] {
        let key = format!("models/v1/{file}");
        let mut bytes = place.read(&key);
        for at in 0..8 * bytes.len() {
            bytes[at / 8] ^= 1 << (at % 8);
            place.write(&key, &bytes);
            let error = refusal(&place).await;
            assert_eq!(error.fate(), Fate::Data);
            assert!(error.to_string().contains(&key), "{error}");
            bytes[at / 8] ^= 1 << (at % 8);
        }
        place.write(&key, &bytes);
        place.registry.load(Kind::Model, v1()).await.unwrap();
    }
}

async fn a_file_that_is_shorter_longer_or_gone_is_refused(place: Place) {
    place.publish("content").await;
    for (content, complaint) in [(Some("conten"), "6 bytes"), (Some("content and more"), "longer"), (None, "not there")]
    {
        match content {
            Some(content) => place.write("models/v1/model.json", content),
            None => place.remove("models/v1/model.json"),
        }
        let error = refusal(&place).await.to_string();
        assert!(error.contains("model.json") && error.contains(complaint), "{error}");
    }
}

/// Damages the manifest, gives the refusal, and mends it again.
async fn with_manifest(place: &Place, change: impl FnOnce(&mut Value)) -> RegistryError {
    let good = place.read("models/v1/manifest.json");
    place.edit("models/v1/manifest.json", change);
    let refused = refusal(place).await;
    place.write("models/v1/manifest.json", good);
    refused
}

async fn a_hostile_manifest_is_refused_before_a_file_is_touched(place: Place) {
    place.publish("content").await;
    place.write("secret", "content");
    let named = |name: &str| {
        let name = name.to_owned();
        move |manifest: &mut Value| manifest["files"][0]["name"] = name.into()
    };
    let long = "x".repeat(65);
    for name in
        ["../../secret", "/etc/passwd", "..", ".", "", "a/b", "manifest.json", "manifest.sig", "claim", long.as_str()]
    {
        let error = with_manifest(&place, named(name)).await;
        assert!(matches!(&error, RegistryError::Corrupt { .. }), "{name}: {error}");
        assert!(error.to_string().contains("models/v1/manifest.json"), "{error}");
    }
    let huge = with_manifest(&place, |manifest| manifest["files"][0]["size"] = json!(1_u64 << 60)).await.to_string();
    assert!(huge.contains("at most"), "{huge}");
    let many = with_manifest(&place, |manifest| {
        let file = |nth| json!({"name": format!("f{nth}"), "size": 268_435_456, "sha256": "0"});
        manifest["files"] = (0..3).map(file).collect();
    });
    let many = many.await.to_string();
    assert!(many.contains("at most"), "{many}");
    let crowd = with_manifest(&place, |manifest| {
        manifest["files"] = (0..65).map(|nth| json!({"name": format!("f{nth}"), "size": 0, "sha256": "0"})).collect();
    });
    let crowd = crowd.await.to_string();
    assert!(crowd.contains("65 files"), "{crowd}");
    let twice = with_manifest(&place, |manifest| manifest["files"][1] = manifest["files"][0].clone()).await.to_string();
    assert!(twice.contains("twice"), "{twice}");
}

async fn a_manifest_of_another_version_kind_or_format_is_refused(place: Place) {
    place.publish("content").await;
    let moved = with_manifest(&place, |manifest| manifest["version"] = "v2".into()).await.to_string();
    assert!(moved.contains("model v2"), "{moved}");
    let kind = with_manifest(&place, |manifest| manifest["kind"] = "generator".into()).await.to_string();
    assert!(kind.contains("generator v1"), "{kind}");
    let newer = with_manifest(&place, |manifest| *manifest = json!({"format": 2, "unheard": "of"})).await;
    assert!(matches!(newer, RegistryError::NewerFormat { found: 2, known: 1, .. }), "{newer}");
}

async fn a_manifest_that_is_no_json_or_endless_is_refused(place: Place) {
    place.publish("content").await;
    let endless = vec![b' '; (4 << 20) + 1];
    let deep = "[".repeat(100_000).into_bytes();
    for content in [b"".to_vec(), b"{".to_vec(), b"\xff\xfe".to_vec(), deep, endless] {
        place.write("models/v1/manifest.json", content);
        let error = refusal(&place).await;
        assert!(matches!(error, RegistryError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("manifest.json"), "{error}");
    }
}
