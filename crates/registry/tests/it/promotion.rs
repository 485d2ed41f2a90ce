//! The champion moves from what was decided upon to what was promoted, or not at all.

use churn_registry::{Champion, Kind, Promotion, Registry, RegistryError, Version};

use crate::{Place, at_once, block_on, draft, edit};

fn promotion(version: Version, by: &str) -> Promotion {
    Promotion { kind: Kind::Model, version, by: by.into(), reason: "better".into(), at_ms: 1_700_000_000_000 }
}

async fn champion(registry: &Registry) -> Option<Champion> {
    registry.champion(Kind::Model).await.unwrap()
}

#[tokio::test]
async fn a_promoted_version_is_the_champion_with_its_hash() {
    let place = Place::new();
    assert_eq!(champion(&place.registry).await, None);
    let first = place.publish("a").await;
    let promoted = place.registry.promote(&promotion(first.manifest.version, "setup"), None).await.unwrap();
    assert_eq!(promoted.manifest_sha256, first.manifest_sha256);
    assert_eq!(champion(&place.registry).await, Some(promoted.clone()));
    assert_eq!(place.registry.load_champion(&promoted).await.unwrap(), first);
}

#[test]
fn of_ten_concurrent_promotions_one_wins_and_nine_are_told_who_did() {
    let place = Place::new();
    let first = block_on(place.publish("first"));
    let start = block_on(place.registry.promote(&promotion(first.manifest.version, "setup"), None)).unwrap();
    let versions: Vec<Version> =
        (0..10).map(|nth| block_on(place.publish(&nth.to_string())).manifest.version).collect();
    let results = at_once(10, |nth| {
        // Each opens the folder for itself, as separate processes do.
        let registry = Registry::folder(place.folder.path()).unwrap();
        block_on(registry.promote(&promotion(versions[nth], &format!("thread {nth}")), Some(&start)))
    });
    let stands = block_on(champion(&place.registry)).unwrap();
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.into_iter().map(Result::unwrap).collect::<Vec<_>>(), std::slice::from_ref(&stands));
    assert_eq!(lost.len(), 9);
    for lost in lost {
        let error = lost.unwrap_err();
        assert!(error.to_string().contains(&stands.by), "{error}");
        let RegistryError::Overtaken { winner, .. } = error else { panic!("{error}") };
        assert_eq!(winner.as_deref(), Some(&stands));
    }
}

#[test]
fn of_ten_concurrent_first_promotions_one_wins() {
    let place = Place::new();
    let version = block_on(place.publish("a")).manifest.version;
    let results =
        at_once(10, |nth| block_on(place.registry.promote(&promotion(version, &format!("thread {nth}")), None)));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_promotion_decided_upon_a_former_champion_is_refused() {
    let place = Place::new();
    let [first, second] = [place.publish("a").await, place.publish("b").await].map(|a| a.manifest.version);
    let former = place.registry.promote(&promotion(first, "one"), None).await.unwrap();
    let stands = place.registry.promote(&promotion(second, "two"), Some(&former)).await.unwrap();
    for decided_upon in [None, Some(&former)] {
        let refused = place.registry.promote(&promotion(first, "late"), decided_upon).await.unwrap_err();
        assert!(matches!(refused, RegistryError::Overtaken { .. }), "{refused}");
    }
    assert_eq!(champion(&place.registry).await, Some(stands));
}

#[tokio::test]
async fn a_corrupt_version_is_not_promoted() {
    let place = Place::new();
    let version = place.publish("a").await.manifest.version;
    std::fs::write(place.path("models/v1/model.json"), "b").unwrap();
    let refused = place.registry.promote(&promotion(version, "one"), None).await.unwrap_err();
    assert!(matches!(refused, RegistryError::Corrupt { .. }), "{refused}");
    assert_eq!(champion(&place.registry).await, None);
}

#[tokio::test]
async fn a_manifest_replaced_after_the_promotion_is_noticed() {
    let place = Place::new();
    let version = place.publish("a").await.manifest.version;
    let promoted = place.registry.promote(&promotion(version, "one"), None).await.unwrap();
    edit(&place.path("models/v1/manifest.json"), |manifest| manifest["created_by"] = "somebody else".into());
    let refused = place.registry.load_champion(&promoted).await.unwrap_err().to_string();
    assert!(refused.contains("models/v1/manifest.json"), "{refused}");
}

#[tokio::test]
async fn a_broken_or_newer_pointer_is_named() {
    let place = Place::new();
    let version = place.publish("a").await.manifest.version;
    place.registry.promote(&promotion(version, "one"), None).await.unwrap();
    let path = place.path("models/champion.json");
    edit(&path, |pointer| pointer["format"] = 2.into());
    let newer = place.registry.champion(Kind::Model).await.unwrap_err();
    assert!(matches!(newer, RegistryError::NewerFormat { found: 2, known: 1, .. }), "{newer}");
    for broken in ["", "{}", r#"{"format":1,"version":"../v1"}"#, "[[[["] {
        std::fs::write(&path, broken).unwrap();
        let error = place.registry.champion(Kind::Model).await.unwrap_err();
        assert!(matches!(error, RegistryError::Corrupt { .. }), "{broken}: {error}");
        assert!(error.to_string().contains("champion.json"), "{error}");
    }
}

#[tokio::test]
async fn kinds_have_champions_of_their_own() {
    let place = Place::new();
    place.publish("a").await;
    let generator = churn_registry::Draft { kind: Kind::Generator, ..draft("g") };
    let version = place.registry.publish(generator).await.unwrap().manifest.version;
    let wish = Promotion { kind: Kind::Generator, ..promotion(version, "fit") };
    place.registry.promote(&wish, None).await.unwrap();
    assert_eq!(champion(&place.registry).await, None);
    assert!(place.registry.champion(Kind::Generator).await.unwrap().is_some());
}
