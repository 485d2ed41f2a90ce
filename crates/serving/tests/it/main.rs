//! Champions are loaded, refused and swapped as promised.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod shadows;
mod swaps;

use std::fs;
use std::path::PathBuf;

use churn_domain::csv::{Customers, ReadOptions, read};
use churn_learn::{TrainParams, train};
use churn_registry::{Draft, Kind, Promotion, Registry, Version};
use churn_runtime::health::Health;
use churn_runtime::metrics::Metrics;
use churn_serving::{ChampionWatch, ModelSlot};
use serde_json::Map;
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
    registry: Registry,
    slot: ModelSlot,
    health: Health,
    watch: ChampionWatch,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let registry = Registry::folder(folder.path()).unwrap();
        let (slot, health) = (ModelSlot::new(), Health::new());
        let watch = ChampionWatch::new(registry.clone(), slot.clone(), health.component("model"), &Metrics::new());
        Self { folder, registry, slot, health, watch }
    }

    async fn promote(&self, seed: u64) -> Version {
        let version = self.publish(seed).await;
        self.point_to(version).await;
        version
    }

    async fn publish(&self, seed: u64) -> Version {
        let params = TrainParams { seed, folds: 2, ..TrainParams::default() };
        let trained = train(&customers(), &params, &mut |_| {}).unwrap();
        let draft = Draft {
            kind: Kind::Model,
            created_at_ms: 0,
            created_by: "test".into(),
            params: Map::new(),
            lineage: Map::new(),
            metrics: Map::new(),
            decision: None,
            files: trained.artifact.to_files().unwrap(),
        };
        self.registry.publish(draft).await.unwrap().manifest.version
    }

    async fn point_to(&self, version: Version) {
        self.point_to_at(version, 0).await;
    }

    async fn point_to_at(&self, version: Version, at_ms: i64) {
        let before = self.registry.champion(Kind::Model).await.unwrap();
        let (by, reason) = ("test".into(), "test".into());
        let overridden = Some("a test has no gate".into());
        let promotion = Promotion { kind: Kind::Model, version, by, reason, overridden, at_ms };
        self.registry.promote(&promotion, before.as_ref()).await.unwrap();
    }

    fn file(&self, version: Version, name: &str) -> PathBuf {
        self.folder.path().join(format!("models/{version}/{name}"))
    }
}

/// A thousand of the shipped customers: enough to train on, and quick.
fn customers() -> Customers {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv");
    let text = fs::read_to_string(path).unwrap();
    let some: String = text.lines().take(1_001).map(|line| format!("{line}\n")).collect();
    read(some.as_bytes(), ReadOptions::default()).unwrap()
}

#[tokio::test]
async fn a_new_champion_takes_the_place_of_the_old_one_while_batches_keep_theirs() {
    let mut fixture = Fixture::new();
    assert!(!fixture.watch.look().await.unwrap());
    assert!(fixture.slot.current().is_none() && !fixture.health.ready());

    let first = fixture.promote(1).await;
    assert!(fixture.watch.look().await.unwrap());
    assert!(!fixture.watch.look().await.unwrap(), "the same champion is loaded once");
    let batch = fixture.slot.current().unwrap();
    assert_eq!(batch.version(), first.to_string());
    assert!(fixture.health.ready());

    let second = fixture.promote(2).await;
    assert!(fixture.watch.look().await.unwrap());
    assert_eq!(fixture.slot.current().unwrap().version(), second.to_string());
    let features = customers().features;
    assert_eq!(batch.version(), first.to_string(), "a batch in flight keeps its model");
    let probabilities = batch.predict(&features);
    assert_eq!(probabilities.len(), features.len());
    assert!(probabilities.iter().all(|probability| (0.0..=1.0).contains(probability)));
}

#[tokio::test]
async fn a_corrupted_champion_is_refused_once_and_the_old_one_stays() {
    let mut fixture = Fixture::new();
    let first = fixture.promote(1).await;
    fixture.watch.look().await.unwrap();
    let second = fixture.promote(2).await;
    let encoder = fixture.file(second, "encoder.json");
    let mut bytes = fs::read(&encoder).unwrap();
    bytes[10] ^= 1;
    fs::write(&encoder, bytes).unwrap();

    let refused = fixture.watch.look().await.unwrap_err().to_string();
    assert!(refused.contains("encoder.json"), "{refused}");
    assert!(!fixture.watch.look().await.unwrap(), "what is corrupt stays corrupt: it is not loaded again and again");
    assert_eq!(fixture.slot.current().unwrap().version(), first.to_string());
    assert!(fixture.health.ready());
}
