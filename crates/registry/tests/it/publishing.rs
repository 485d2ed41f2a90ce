//! Versions come whole, are numbered one after the other and never change.

use churn_registry::{Kind, Registry, RegistryError, Version};
use churn_runtime::exit::{Fate, Fated};

use crate::{Place, at_once, draft, on_both};

on_both!(
    what_was_published_is_loaded,
    another_opening_of_the_registry_sees_the_same_versions,
    versions_are_listed_in_the_order_of_their_numbers_and_by_kind,
    concurrent_publishers_get_versions_of_their_own,
    a_version_whose_publisher_died_does_not_exist_and_its_number_is_not_used_again,
    names_that_lead_out_of_the_registry_are_refused,
    a_registry_that_can_be_written_says_so_again_and_again,
);

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

async fn what_was_published_is_loaded(place: Place) {
    let published = place.publish("a").await;
    assert_eq!(published.manifest.version, version("v1"));
    assert_eq!(place.registry.load(Kind::Model, version("v1")).await.unwrap(), published);
    assert_eq!(place.registry.manifest(Kind::Model, version("v1")).await.unwrap(), published.manifest);
    let names: Vec<&str> = published.manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["empty.bin", "encoder.json", "model.json"]);
    assert_eq!(published.manifest.created_at.to_string(), "2023-11-14T22:13:20Z");
}

async fn another_opening_of_the_registry_sees_the_same_versions(place: Place) {
    let published = place.publish("a").await;
    let again = place.again().await;
    assert_eq!(again.load(Kind::Model, published.manifest.version).await.unwrap(), published);
}

async fn versions_are_listed_in_the_order_of_their_numbers_and_by_kind(place: Place) {
    for nth in 0..11 {
        place.publish(&nth.to_string()).await;
    }
    let listed: Vec<u32> = place.registry.list(Kind::Model).await.unwrap().iter().map(|v| v.number()).collect();
    assert_eq!(listed, (1..=11).collect::<Vec<_>>());
    assert!(place.registry.list(Kind::Generator).await.unwrap().is_empty());
}

/// All ten publish the same content: even then each has a number of its own.
async fn concurrent_publishers_get_versions_of_their_own(place: Place) {
    let published = at_once(10, |_| {
        let registry = place.registry.clone();
        async move { registry.publish(draft("the same")).await.unwrap() }
    });
    let published = published.await;
    let mut versions: Vec<u32> = published.iter().map(|artifact| artifact.manifest.version.number()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=10).collect::<Vec<_>>());
    for artifact in published {
        assert_eq!(place.registry.load(Kind::Model, artifact.manifest.version).await.unwrap(), artifact);
    }
}

async fn a_version_whose_publisher_died_does_not_exist_and_its_number_is_not_used_again(place: Place) {
    place.publish("a").await;
    place.write("models/v2/claim", "of the dead");
    place.write("models/v2/model.json", "half");
    assert_eq!(place.registry.list(Kind::Model).await.unwrap(), [version("v1")]);
    let missing = place.registry.load(Kind::Model, version("v2")).await.unwrap_err();
    assert!(matches!(missing, RegistryError::NotFound { .. }), "{missing}");
    assert_eq!(place.publish("b").await.manifest.version, version("v3"));
}

async fn names_that_lead_out_of_the_registry_are_refused(place: Place) {
    for name in ["../evil", "a/b", "/etc/passwd", "", ".hidden", "manifest.json", "claim", "A.json", "a\\b", "ä.json"]
    {
        let mut draft = draft("a");
        draft.files.insert(name.to_owned(), Vec::new());
        let refused = place.registry.publish(draft).await.unwrap_err();
        assert!(matches!(refused, RegistryError::Unpublishable { .. }), "{name}: {refused}");
    }
    assert!(place.registry.list(Kind::Model).await.unwrap().is_empty());
}

async fn a_registry_that_can_be_written_says_so_again_and_again(place: Place) {
    place.registry.check().await.unwrap();
    place.again().await.check().await.unwrap();
    assert!(place.registry.list(Kind::Model).await.unwrap().is_empty(), "the check publishes nothing");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_owned(), file.path().join("below")] {
        let refused = Registry::folder(&path).unwrap_err();
        assert_eq!(refused.fate(), Fate::External);
        let text = refused.to_string();
        assert!(text.contains(&path.display().to_string()) && text.contains("registry.path"), "{text}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let place = Place::folder().await;
    // Permissions do not stop root: a file where the folder of the kind should be stops everybody.
    std::fs::write(place.path("models"), "in the way").unwrap();
    let refused = place.registry.publish(draft("a")).await.unwrap_err().to_string();
    assert!(refused.contains(&place.path("models").display().to_string()), "{refused}");
    place.registry.check().await.unwrap();
    let root = place.path("");
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::write(root.to_string_lossy().trim_end_matches('/'), "in the way").unwrap();
    let refused = place.registry.check().await.unwrap_err().to_string();
    assert!(refused.contains(root.to_string_lossy().trim_end_matches('/')), "{refused}");
    std::fs::remove_file(root.to_string_lossy().trim_end_matches('/')).unwrap();
}
