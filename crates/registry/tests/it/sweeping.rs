//! What is swept is what nobody refers to, and a number that was given is never given again.

use churn_registry::{Keep, Kind, Promotion, RegistryError, Version};

use crate::{Place, on_both};

on_both!(
    the_champion_its_predecessors_the_newest_and_the_named_stay,
    what_a_dead_publisher_left_is_swept_after_a_day_and_not_before,
);

/// Later than any file that a test writes.
const LATER_MS: i64 = 4_000_000_000_000;

fn names(versions: &[Version]) -> Vec<String> {
    versions.iter().map(Version::to_string).collect()
}

async fn the_champion_its_predecessors_the_newest_and_the_named_stay(place: Place) {
    let mut champion = None;
    for nth in 1..=9 {
        let version = place.publish(&nth.to_string()).await.manifest.version;
        if [2, 3, 4].contains(&nth) {
            let (by, reason) = ("test".into(), "better".into());
            let overridden = Some("a test has no gate".into());
            let wish = Promotion { kind: Kind::Model, version, by, reason, overridden, at_ms: 0 };
            champion = Some(place.registry.promote(&wish, champion.as_ref()).await.unwrap());
        }
    }
    let keep = Keep { newest: 2, former: 1, versions: vec!["v6".parse().unwrap()] };
    let would = place.registry.sweep(Kind::Model, &keep, 0, true).await.unwrap();
    assert_eq!(names(&would.versions), ["v1", "v2", "v5", "v7"]);
    assert_eq!(place.registry.list(Kind::Model).await.unwrap().len(), 9, "a dry run deletes nothing");

    assert_eq!(place.registry.sweep(Kind::Model, &keep, 0, false).await.unwrap(), would);
    assert_eq!(names(&place.registry.list(Kind::Model).await.unwrap()), ["v3", "v4", "v6", "v8", "v9"]);
    let gone = place.registry.load(Kind::Model, "v5".parse().unwrap()).await.unwrap_err();
    assert!(matches!(gone, RegistryError::NotFound { .. }), "{gone}");
    place.registry.load_champion(&champion.unwrap()).await.unwrap();
    assert_eq!(place.publish("next").await.manifest.version.to_string(), "v10");
    assert!(!place.path("models/v1/model.json").exists() && place.path("models/v1/claim").exists());
}

async fn what_a_dead_publisher_left_is_swept_after_a_day_and_not_before(place: Place) {
    place.publish("a").await;
    place.write("models/v2/claim", "of the dead");
    place.write("models/v2/model.json", "half");
    let keep = Keep { newest: 9, former: 9, versions: Vec::new() };
    let early = place.registry.sweep(Kind::Model, &keep, 0, false).await.unwrap();
    assert!(early.abandoned.is_empty() && place.path("models/v2/model.json").exists());
    let swept = place.registry.sweep(Kind::Model, &keep, LATER_MS, false).await.unwrap();
    assert_eq!(names(&swept.abandoned), ["v2"]);
    assert!(!place.path("models/v2/model.json").exists());
    assert_eq!(place.publish("b").await.manifest.version.to_string(), "v3");
}
