//! The champion moves from what was decided upon to what was promoted, or not at all.

use churn_registry::{Champion, Decision, Draft, Kind, Promotion, Registry, RegistryError, Version};
use serde_json::Map;

use crate::{Place, at_once, draft, on_both};

on_both!(
    a_promoted_version_is_the_champion_with_its_hash,
    of_ten_concurrent_promotions_one_wins_and_nine_are_told_who_did,
    of_ten_concurrent_first_promotions_one_wins,
    a_promotion_decided_upon_a_former_champion_is_refused,
    a_corrupt_version_is_not_promoted,
    a_manifest_replaced_after_the_promotion_is_noticed,
    a_broken_or_newer_pointer_is_named,
    kinds_have_champions_of_their_own,
    only_what_passed_the_gate_against_this_champion_is_promoted,
    a_rollback_returns_to_the_predecessor_and_never_to_what_was_rolled_back,
    a_pointer_written_before_there_was_a_history_is_read,
);

fn promotion(version: Version, by: &str) -> Promotion {
    Promotion {
        kind: Kind::Model,
        version,
        by: by.into(),
        reason: "better".into(),
        overridden: Some("a test has no gate".into()),
        at_ms: 1_700_000_000_000,
    }
}

async fn champion(registry: &Registry) -> Option<Champion> {
    registry.champion(Kind::Model).await.unwrap()
}

async fn a_promoted_version_is_the_champion_with_its_hash(place: Place) {
    assert_eq!(champion(&place.registry).await, None);
    let first = place.publish("a").await;
    let promoted = place.registry.promote(&promotion(first.manifest.version, "setup"), None).await.unwrap();
    assert_eq!(promoted.manifest_sha256, first.manifest_sha256);
    assert_eq!(champion(&place.registry).await, Some(promoted.clone()));
    assert_eq!(place.registry.load_champion(&promoted).await.unwrap(), first);
}

async fn of_ten_concurrent_promotions_one_wins_and_nine_are_told_who_did(place: Place) {
    let first = place.publish("first").await.manifest.version;
    let start = place.registry.promote(&promotion(first, "setup"), None).await.unwrap();
    let mut contenders = Vec::new();
    for nth in 0..10 {
        let version = place.publish(&nth.to_string()).await.manifest.version;
        // Each opens the registry for itself, as separate processes do.
        contenders.push((version, place.again().await));
    }
    let results = at_once(10, |nth| {
        let ((version, registry), start) = (contenders[nth].clone(), start.clone());
        async move { registry.promote(&promotion(version, &format!("contender {nth}")), Some(&start)).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = results.await.into_iter().partition(Result::is_ok);
    let stands = champion(&place.registry).await.unwrap();
    assert_eq!(won.into_iter().map(Result::unwrap).collect::<Vec<_>>(), std::slice::from_ref(&stands));
    assert_eq!(lost.len(), 9);
    for lost in lost {
        let error = lost.unwrap_err();
        assert!(error.to_string().contains(&stands.by), "{error}");
        let RegistryError::Overtaken { winner, .. } = error else { panic!("{error}") };
        assert_eq!(winner.as_deref(), Some(&stands));
    }
}

/// All ten write the same wish: even then only one may believe that it was its own.
async fn of_ten_concurrent_first_promotions_one_wins(place: Place) {
    let version = place.publish("a").await.manifest.version;
    let results = at_once(10, |_| {
        let registry = place.registry.clone();
        async move { registry.promote(&promotion(version, "somebody"), None).await }
    });
    assert_eq!(results.await.iter().filter(|result| result.is_ok()).count(), 1);
}

async fn a_promotion_decided_upon_a_former_champion_is_refused(place: Place) {
    let [first, second] = [place.publish("a").await, place.publish("b").await].map(|a| a.manifest.version);
    let former = place.registry.promote(&promotion(first, "one"), None).await.unwrap();
    let stands = place.registry.promote(&promotion(second, "two"), Some(&former)).await.unwrap();
    for decided_upon in [None, Some(&former)] {
        let refused = place.registry.promote(&promotion(first, "late"), decided_upon).await.unwrap_err();
        assert!(matches!(refused, RegistryError::Overtaken { .. }), "{refused}");
    }
    assert_eq!(champion(&place.registry).await, Some(stands));
}

async fn a_corrupt_version_is_not_promoted(place: Place) {
    let version = place.publish("a").await.manifest.version;
    place.write("models/v1/model.json", "b");
    let refused = place.registry.promote(&promotion(version, "one"), None).await.unwrap_err();
    assert!(matches!(refused, RegistryError::Corrupt { .. }), "{refused}");
    assert_eq!(champion(&place.registry).await, None);
}

async fn a_manifest_replaced_after_the_promotion_is_noticed(place: Place) {
    let version = place.publish("a").await.manifest.version;
    let promoted = place.registry.promote(&promotion(version, "one"), None).await.unwrap();
    place.edit("models/v1/manifest.json", |manifest| manifest["created_by"] = "somebody else".into());
    let refused = place.registry.load_champion(&promoted).await.unwrap_err().to_string();
    assert!(refused.contains("models/v1/manifest.json"), "{refused}");
}

async fn a_broken_or_newer_pointer_is_named(place: Place) {
    let version = place.publish("a").await.manifest.version;
    place.registry.promote(&promotion(version, "one"), None).await.unwrap();
    place.edit("models/champion.json", |pointer| pointer["format"] = 2.into());
    let newer = place.registry.champion(Kind::Model).await.unwrap_err();
    assert!(matches!(newer, RegistryError::NewerFormat { found: 2, known: 1, .. }), "{newer}");
    for broken in ["", "{}", r#"{"format":1,"version":"../v1"}"#, "[[[["] {
        place.write("models/champion.json", broken);
        let error = place.registry.champion(Kind::Model).await.unwrap_err();
        assert!(matches!(error, RegistryError::Corrupt { .. }), "{broken}: {error}");
        assert!(error.to_string().contains("champion.json"), "{error}");
    }
}

async fn kinds_have_champions_of_their_own(place: Place) {
    place.publish("a").await;
    let generator = Draft { kind: Kind::Generator, ..draft("g") };
    let version = place.registry.publish(generator).await.unwrap().manifest.version;
    let wish = Promotion { kind: Kind::Generator, ..promotion(version, "fit") };
    place.registry.promote(&wish, None).await.unwrap();
    assert_eq!(champion(&place.registry).await, None);
    assert!(place.registry.champion(Kind::Generator).await.unwrap().is_some());
}

/// A challenger that the gate has compared with this version.
async fn judged(place: &Place, passed: bool, against: Version) -> Version {
    let decision = Decision { passed, against, reason: "log-loss rose".into(), figures: Map::new() };
    let draft = Draft { decision: Some(decision), ..draft("challenger") };
    place.registry.publish(draft).await.unwrap().manifest.version
}

async fn only_what_passed_the_gate_against_this_champion_is_promoted(place: Place) {
    let first = place.publish("a").await.manifest.version;
    let champion = place.registry.promote(&promotion(first, "setup"), None).await.unwrap();
    let refusals = [
        (place.publish("b").await.manifest.version, "never asked"),
        (judged(&place, false, first).await, "log-loss rose"),
        (judged(&place, true, "v9".parse().unwrap()).await, "compared it with v9"),
    ];
    for (version, complaint) in refusals {
        let wish = Promotion { overridden: None, ..promotion(version, "somebody") };
        let refused = place.registry.promote(&wish, Some(&champion)).await.unwrap_err().to_string();
        assert!(refused.contains(complaint) && refused.contains("--override"), "{refused}");
    }
    let good = judged(&place, true, first).await;
    let wish = Promotion { overridden: None, ..promotion(good, "trainer") };
    let promoted = place.registry.promote(&wish, Some(&champion)).await.unwrap();
    assert_eq!((promoted.version, promoted.overridden.as_deref()), (good, None));

    let wish =
        Promotion { overridden: Some("an experiment".into()), ..promotion(refusals_version(&place).await, "me") };
    let forced = place.registry.promote(&wish, Some(&promoted)).await.unwrap();
    assert_eq!(forced.overridden.as_deref(), Some("an experiment"));
    let again = place.again().await.champion(Kind::Model).await.unwrap().unwrap();
    assert_eq!(again.overridden.as_deref(), Some("an experiment"), "the reason is stored");
}

async fn refusals_version(place: &Place) -> Version {
    judged(place, false, "v1".parse().unwrap()).await
}

async fn a_rollback_returns_to_the_predecessor_and_never_to_what_was_rolled_back(place: Place) {
    let mut now = None;
    for content in ["a", "b", "c"] {
        let version = place.publish(content).await.manifest.version;
        now = Some(place.registry.promote(&promotion(version, "trainer"), now.as_ref()).await.unwrap());
    }
    let mut now = now.unwrap();
    for expected in ["v2", "v1"] {
        now = place.registry.roll_back(&now, None, "operator", "worse", 1_700_000_000_000).await.unwrap();
        assert_eq!(now.version.to_string(), expected);
        assert_eq!(champion(&place.registry).await, Some(now.clone()));
    }
    let end = place.registry.roll_back(&now, None, "operator", "worse", 0).await.unwrap_err();
    assert!(matches!(end, RegistryError::NoPredecessor { .. }), "{end}");
    let named = |text: &str| Some(text.parse::<Version>().unwrap());
    let back = place.registry.roll_back(&now, named("v3"), "operator", "after all", 0).await.unwrap();
    assert_eq!(back.version.to_string(), "v3");
    for (to, complaint) in [("v3", "already"), ("v7", "never was champion")] {
        let refused = place.registry.roll_back(&back, named(to), "operator", "", 0).await.unwrap_err().to_string();
        assert!(refused.contains(complaint), "{refused}");
    }
    let reasons: Vec<&str> = back.history.iter().map(|former| former.reign.reason.as_str()).collect();
    assert_eq!(reasons, ["worse", "worse", "better", "better", "better"]);
}

async fn a_pointer_written_before_there_was_a_history_is_read(place: Place) {
    let artifact = place.publish("a").await;
    let hash = &artifact.manifest_sha256;
    let old = format!(
        r#"{{"format":1,"kind":"model","version":"v1","manifest_sha256":"{hash}","promoted_at":"2026-01-02T03:04:05Z",
            "by":"churn setup","reason":"the registry had none"}}"#
    );
    place.write("models/champion.json", old);
    let champion = champion(&place.registry).await.unwrap();
    assert_eq!(place.registry.load_champion(&champion).await.unwrap(), artifact);
    let next = place.publish("b").await.manifest.version;
    place.registry.promote(&promotion(next, "one"), Some(&champion)).await.unwrap();
}
