//! What former versions of the program have stored is gone on with.

use super::*;

#[test]
fn the_memory_of_a_version_that_did_not_test_scores_and_predictions_is_gone_on_with() {
    let mut watch = DriftWatch::new(settings());
    let (table, probability) = rows(1_000, 0.0);
    add(&mut watch, &table, &probability, 0..1_000);
    add(&mut watch, &table, &probability, 0..500);
    let mut stored = serde_json::to_value(&watch).unwrap();
    let live = stored.pointer_mut("/live/Watching").unwrap();
    live.as_object_mut().unwrap().remove("labels").expect("counted now");
    let latest = live["latest"].as_object_mut().unwrap();
    latest.remove("labels").expect("counted now");
    let drift = latest["drift"].as_object_mut().unwrap();
    for now in ["score", "label"] {
        drift.remove(now).expect("tested now");
    }
    drift.insert("probability".into(), serde_json::json!(0.02));
    let mut restored: DriftWatch = serde_json::from_value(stored).unwrap();
    let half: Vec<f64> = probability.iter().map(|p| p / 2.0).collect();
    add(&mut restored, &table, &half, 0..1_000);
    let drift = &restored.live().expect("two windows").drift;
    assert!(RULE.is_effect(&drift.score.unwrap()) && drift.label.is_none() && restored.drift_alarm());
}

#[test]
fn a_window_that_a_version_without_panes_had_begun_is_gone_on_with() {
    let mut watch = DriftWatch::new(settings());
    let (table, probability) = rows(1_000, 0.0);
    add(&mut watch, &table, &probability, 0..1_000);
    add(&mut watch, &table, &probability, 0..300);
    let mut stored = serde_json::to_value(&watch).unwrap();
    stored.as_object_mut().unwrap().remove("scores").expect("watched now");
    stored["settings"].as_object_mut().unwrap().remove("windowing").expect("configured now");
    let live = stored.pointer_mut("/live/Watching").unwrap();
    let begun = live["panes"]["panes"][0]["counted"].clone();
    live["window"] = begun["window"].clone();
    live["labels"]["now"] = begun["labels"].clone();
    for now in ["panes", "components", "seen"] {
        live.as_object_mut().unwrap().remove(now).expect("stored now");
    }
    let mut restored: DriftWatch = serde_json::from_value(stored).unwrap();
    assert_eq!(restored.settings(), watch.settings());
    let (shifted, _) = rows(1_000, 60.0);
    for watch in [&mut watch, &mut restored] {
        add(watch, &shifted, &probability, 0..199);
        assert!(watch.live().is_none());
        add(watch, &shifted, &probability, 199..700);
    }
    let (expected, found) = (watch.live().unwrap(), restored.live().unwrap());
    assert_eq!((&found.drift.features, found.labels), (&expected.drift.features, expected.labels));
    assert!(found.reconstructed.is_none() && expected.reconstructed.is_some());
    assert!(restored.drift_alarm(), "two windows have drifted");
}
