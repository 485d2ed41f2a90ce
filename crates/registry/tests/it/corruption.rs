//! Nothing that differs from what was published is ever handed out.

use churn_registry::{Kind, RegistryError, Version};
use churn_runtime::exit::{Fate, Fated};
use serde_json::{Value, json};

use crate::{Place, edit};

const FILES: [&str; 2] = ["model.json", "encoder.json"];

fn v1() -> Version {
    "v1".parse().unwrap()
}

async fn refusal(place: &Place) -> RegistryError {
    place.registry.load(Kind::Model, v1()).await.unwrap_err()
}

#[tokio::test]
async fn a_flipped_bit_in_any_file_is_refused_and_the_file_is_named() {
    for file in FILES {
        let place = Place::new();
        place.publish("content").await;
        let path = place.path(&format!("models/v1/{file}"));
        let mut bytes = std::fs::read(&path).unwrap();
        for at in 0..8 * bytes.len() {
            bytes[at / 8] ^= 1 << (at % 8);
            std::fs::write(&path, &bytes).unwrap();
            let error = refusal(&place).await;
            assert_eq!(error.fate(), Fate::Data);
            assert!(error.to_string().contains(&format!("models/v1/{file}")), "{error}");
            bytes[at / 8] ^= 1 << (at % 8);
        }
        std::fs::write(&path, &bytes).unwrap();
        place.registry.load(Kind::Model, v1()).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_shorter_longer_or_gone_is_refused() {
    for (content, complaint) in [(Some("conten"), "6 bytes"), (Some("content and more"), "longer"), (None, "not there")]
    {
        let place = Place::new();
        place.publish("content").await;
        let path = place.path("models/v1/model.json");
        match content {
            Some(content) => std::fs::write(&path, content).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let error = refusal(&place).await.to_string();
        assert!(error.contains("model.json") && error.contains(complaint), "{error}");
    }
}

/// Publishes, damages the manifest and gives the refusal.
async fn with_manifest(change: impl FnOnce(&mut Value)) -> RegistryError {
    let place = Place::new();
    place.publish("content").await;
    std::fs::write(place.folder.path().join("secret"), "content").unwrap();
    edit(&place.path("models/v1/manifest.json"), change);
    refusal(&place).await
}

#[tokio::test]
async fn a_hostile_manifest_is_refused_before_a_file_is_touched() {
    let named = |name: &str| {
        let name = name.to_owned();
        move |manifest: &mut Value| manifest["files"][0]["name"] = name.into()
    };
    for name in ["../../secret", "/etc/passwd", "..", ".", "", "a/b", "manifest.json", "claim", &"x".repeat(65)] {
        let error = with_manifest(named(name)).await;
        assert!(matches!(&error, RegistryError::Corrupt { .. }), "{name}: {error}");
        assert!(error.to_string().contains("models/v1/manifest.json"), "{error}");
    }
    let huge = with_manifest(|manifest| manifest["files"][0]["size"] = json!(1_u64 << 60)).await.to_string();
    assert!(huge.contains("at most"), "{huge}");
    let many = with_manifest(|manifest| {
        let file = |nth| json!({"name": format!("f{nth}"), "size": 268_435_456, "sha256": "0"});
        manifest["files"] = (0..3).map(file).collect();
    });
    let many = many.await.to_string();
    assert!(many.contains("at most"), "{many}");
    let crowd = with_manifest(|manifest| {
        manifest["files"] = (0..65).map(|nth| json!({"name": format!("f{nth}"), "size": 0, "sha256": "0"})).collect();
    });
    let crowd = crowd.await.to_string();
    assert!(crowd.contains("65 files"), "{crowd}");
    let twice = with_manifest(|manifest| manifest["files"][1] = manifest["files"][0].clone()).await.to_string();
    assert!(twice.contains("twice"), "{twice}");
}

#[tokio::test]
async fn a_manifest_of_another_version_kind_or_format_is_refused() {
    let moved = with_manifest(|manifest| manifest["version"] = "v2".into()).await.to_string();
    assert!(moved.contains("model v2"), "{moved}");
    let kind = with_manifest(|manifest| manifest["kind"] = "generator".into()).await.to_string();
    assert!(kind.contains("generator v1"), "{kind}");
    let newer = with_manifest(|manifest| *manifest = json!({"format": 2, "unheard": "of"})).await;
    assert!(matches!(newer, RegistryError::NewerFormat { found: 2, known: 1, .. }), "{newer}");
}

#[tokio::test]
async fn a_manifest_that_is_no_json_or_endless_is_refused() {
    let place = Place::new();
    place.publish("content").await;
    let path = place.path("models/v1/manifest.json");
    let endless = vec![b' '; (4 << 20) + 1];
    let deep = "[".repeat(100_000).into_bytes();
    for content in [b"".to_vec(), b"{".to_vec(), b"\xff\xfe".to_vec(), deep, endless] {
        std::fs::write(&path, content).unwrap();
        let error = refusal(&place).await;
        assert!(matches!(error, RegistryError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("manifest.json"), "{error}");
    }
}
