//! Who scores in the champion's shadow.

use std::fs;
use std::time::Duration;

use churn_registry::Kind;
use churn_runtime::clock::now_ms;
use churn_runtime::metrics::{Metrics, catalogue};
use churn_serving::{ChampionWatch, Scored, Shadowing};

use crate::{Fixture, customers};

const HOUR: Duration = Duration::from_secs(3_600);

fn shadows(fixture: &Fixture) -> Vec<String> {
    fixture.slot.shadows().iter().map(|served| served.version().to_owned()).collect()
}

fn watch(fixture: &Fixture, versions: &[&str], predecessor: Duration, metrics: &Metrics) -> ChampionWatch {
    let versions = versions.iter().map(|version| version.parse().unwrap()).collect();
    let health = fixture.health.component("model");
    let watch = ChampionWatch::new(fixture.registry.clone(), fixture.slot.clone(), health, metrics);
    watch.with_shadows(Shadowing { versions, predecessor }, metrics)
}

#[tokio::test]
async fn the_predecessor_stays_in_shadow_for_a_while_after_a_promotion_but_not_after_a_rollback() {
    let fixture = Fixture::new();
    let mut watch = watch(&fixture, &[], HOUR, &Metrics::new());
    let (first, second) = (fixture.publish(1).await, fixture.publish(2).await);
    fixture.point_to_at(first, now_ms()).await;
    watch.look().await.unwrap();
    assert!(shadows(&fixture).is_empty(), "the first has none before it");
    fixture.point_to_at(second, now_ms()).await;
    assert!(watch.look().await.unwrap());
    assert_eq!(shadows(&fixture), [first.to_string()]);

    // A process that starts now agrees, and one that starts when the time is over does without.
    let other = Fixture { slot: churn_serving::ModelSlot::new(), ..fixture };
    let mut late = self::watch(&other, &[], HOUR, &Metrics::new());
    late.look().await.unwrap();
    assert_eq!(shadows(&other), [first.to_string()]);
    let mut after = self::watch(&other, &[], Duration::from_nanos(1), &Metrics::new());
    after.look().await.unwrap();
    assert!(shadows(&other).is_empty());

    let champion = other.registry.champion(Kind::Model).await.unwrap().unwrap();
    other.registry.roll_back(&champion, None, "test", "it was worse", now_ms()).await.unwrap();
    late.look().await.unwrap();
    assert_eq!(other.slot.current().unwrap().version(), first.to_string());
    assert!(shadows(&other).is_empty(), "{:?}", shadows(&other));
}

#[tokio::test]
async fn a_version_that_is_asked_for_is_in_shadow_unless_it_is_the_champion_or_corrupt() {
    let fixture = Fixture::new();
    let versions = [fixture.publish(1).await, fixture.publish(2).await, fixture.publish(3).await];
    let broken = fixture.file(versions[2], "encoder.json");
    let mut bytes = fs::read(&broken).unwrap();
    bytes[10] ^= 1;
    fs::write(&broken, bytes).unwrap();
    let metrics = Metrics::new();
    let mut watch = watch(&fixture, &["v1", "v2", "v3", "v2"], Duration::ZERO, &metrics);
    fixture.point_to(versions[0]).await;
    for _ in 0..3 {
        watch.look().await.unwrap();
        assert_eq!(shadows(&fixture), ["v2"]);
    }
    assert_eq!(metrics.counter(&catalogue::SCORER_SHADOW_REFUSALS).get(), 1, "it is refused once");
    fixture.point_to(versions[1]).await;
    watch.look().await.unwrap();
    assert_eq!(shadows(&fixture), ["v1"]);
    assert!(fixture.health.ready());
}

#[tokio::test]
async fn reasons_and_probabilities_are_the_same_on_any_number_of_threads() {
    let mut fixture = Fixture::new();
    fixture.promote(1).await;
    fixture.watch.look().await.unwrap();
    let (served, customers) = (fixture.slot.current().unwrap(), customers().features);
    let rows: Vec<usize> = (0..3).flat_map(|_| 0..customers.len()).collect();
    let customers = customers.select(rows);
    let expected = served.predict(&customers);
    let mut said = Vec::new();
    for (threads, top) in [(1, 3), (3, 3), (7, 0)] {
        let mut scored = Scored::default();
        served.score(&customers, top, threads, &mut scored);
        assert_eq!(scored.stretches().len(), threads.min(customers.len() / 1_000));
        assert_eq!(scored.probabilities().collect::<Vec<_>>(), expected);
        let reasons: Vec<Vec<(String, u32)>> = scored
            .rows()
            .map(|(_, row, reasons)| reasons.row(row).map(|(feature, by)| (feature.to_owned(), by.to_bits())).collect())
            .collect();
        assert!(reasons.iter().all(|reasons| reasons.len() <= top));
        said.push((top, reasons));
    }
    assert_eq!(said[0].1, said[1].1);
    assert!(said[0].1.iter().any(|reasons| reasons.len() == 3));
    let mut scored = Scored::default();
    served.score(&customers.select(std::iter::empty()), 3, 4, &mut scored);
    assert_eq!(scored.rows().count(), 0);
}
