//! Rows of one model version, and what its windows say of them.

use churn_domain::{Column, FEATURES};
use churn_drift::{Drift, FeatureQuality, Reference, drifted};

use super::*;

const RULE: DriftRule = DriftRule { min_psi: 0.1, false_discovery_rate: 0.05 };

fn settings() -> DriftSettings {
    let segments = ["contract".to_owned(), "senior_citizen".to_owned()];
    DriftSettings {
        reference_rows: 1_000,
        window_rows: 500,
        rule: RULE,
        quality: QualityRule::default(),
        alarm_windows: 2,
        segmentation: Arc::new(Segmentation::new(&segments).unwrap()),
        windowing: None,
    }
}

/// Whoever is more likely to leave than not is predicted to.
fn add(watch: &mut DriftWatch, features: &Table, probability: &[f64], range: Range<usize>) {
    let mut cells = Vec::new();
    watch.settings.segmentation.clone().cells_into(features, 0..features.len(), &mut cells);
    let predicted: Vec<bool> = probability.iter().map(|p| *p >= 0.5).collect();
    let time_ms = vec![0; probability.len()];
    watch.add(Rows { features, probability, predicted: &predicted, time_ms: &time_ms, cells: &cells, range });
}

/// Customers that come round every hundred rows, their numbers moved by `shift`.
fn rows(count: usize, shift: f64) -> (Table, Vec<f64>) {
    let mut table = Table::default();
    for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
        for row in 0..count {
            match column {
                Column::Category(words) => words.push(Some(feature.categories()[row % feature.categories().len()])),
                Column::Number(values) if feature.unit.is_some() => values.push((row % 100) as f64 + shift),
                Column::Number(values) => values.push((row % 2) as f64),
            }
        }
    }
    (table, (0..count).map(|row| (row % 100) as f64 / 100.0).collect())
}

#[test]
fn the_first_rows_become_the_reference_and_each_full_window_is_compared_with_it() {
    let mut watch = DriftWatch::new(settings());
    let (table, probability) = rows(1_499, 0.0);
    add(&mut watch, &table, &probability, 0..700);
    assert_eq!(watch.reference_rows(), 700);
    add(&mut watch, &table, &probability, 700..1_499);
    assert_eq!((watch.reference_rows(), watch.live().is_some()), (1_000, false));
    add(&mut watch, &table, &probability, 0..1);
    let calm = watch.live().expect("a full window");
    assert_eq!(calm.drift.features.len(), FEATURES.len());
    assert_eq!(drifted(&calm.drift.features, &RULE).count(), 0);
    assert_eq!(calm.drift.drifted(&RULE), 0);
    assert!(calm.drift.score.expect("scores on both sides").psi.get() < 0.01);
    assert!(calm.drift.label.expect("predictions on both sides").psi.get() < 0.01);
    assert!(calm.segments.iter().all(|segment| segment.drifted.unwrap_or(0) == 0), "{:?}", calm.segments);

    let (table, _) = rows(500, 60.0);
    add(&mut watch, &table, &probability, 0..500);
    let shifted = watch.live().expect("a full window");
    let names: Vec<_> = drifted(&shifted.drift.features, &RULE).map(Drift::name).collect();
    assert_eq!(names, ["tenure", "monthly_charges", "total_charges"]);
    assert!(!watch.drift_alarm(), "one window is none yet");
    let mut restored: DriftWatch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
    for watch in [&mut watch, &mut restored] {
        add(watch, &table, &probability, 0..499);
        assert!(!watch.drift_alarm());
        add(watch, &table, &probability, 0..1);
        assert!(watch.drift_alarm(), "a restart hides none");
    }
}

/// Two windows, their scores changed by `change`: how many drifted columns the last had, the score and the share of
/// leavers among them, and whether that is an alarm.
fn with_scores(change: impl Fn(f64) -> f64) -> (usize, bool, bool, bool) {
    let mut watch = DriftWatch::new(settings());
    let (table, probability) = rows(1_000, 0.0);
    add(&mut watch, &table, &probability, 0..1_000);
    let changed: Vec<f64> = probability.iter().map(|p| change(*p)).collect();
    add(&mut watch, &table, &changed, 0..1_000);
    let drift = &watch.live().expect("two windows").drift;
    assert_eq!(drifted(&drift.features, &RULE).count(), 0, "the features are the same");
    let moved = |effect: Option<churn_drift::Effect>| RULE.is_effect(&effect.expect("rows on both sides"));
    (drift.drifted(&RULE), moved(drift.score), moved(drift.label), watch.drift_alarm())
}

#[test]
fn scores_that_move_alone_are_an_alarm_and_calm_ones_are_none() {
    assert_eq!(with_scores(|p| p), (0, false, false, false));
    assert_eq!(with_scores(|p| (p + 0.01).min(1.0)), (0, false, false, false), "chance would do as much");
    assert_eq!(with_scores(|p| if p < 0.5 { p / 2.0 } else { p }), (1, true, false, true), "as many leave");
    assert_eq!(with_scores(|p| p / 2.0), (2, true, true, true), "nobody is predicted to leave");
}

#[test]
fn predictions_that_move_are_an_alarm_by_themselves() {
    let mut watch = DriftWatch::new(settings());
    let (table, probability) = rows(1_000, 0.0);
    let cells = vec![0; 1_000];
    let mut predict = |leaves: fn(usize) -> bool| {
        let predicted: Vec<bool> = (0..1_000).map(leaves).collect();
        let (features, probability) = (&table, probability.as_slice());
        let (time_ms, range) = (&[0; 1_000], 0..1_000);
        watch.add(Rows { features, probability, predicted: &predicted, time_ms, cells: &cells, range });
        watch.drift_alarm()
    };
    assert!(!predict(|row| row % 4 == 0));
    assert!(!predict(|row| row % 100 < 27), "27 of 100 are no more than 25");
    assert!(predict(|row| row % 2 == 0));
    assert!(!predict(|row| row % 4 == 0), "it ends when they are as before");
}

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

#[test]
fn values_that_go_missing_are_a_quality_alarm_and_segments_say_whose() {
    let mut watch = DriftWatch::new(settings());
    let (mut table, probability) = rows(1_000, 0.0);
    add(&mut watch, &table, &probability, 0..1_000);
    let contract = churn_domain::feature_index("contract").unwrap();
    let tenure = churn_domain::feature_index("tenure").unwrap();
    let two_years: Vec<usize> = (0..1_000).filter(|&row| table.words(contract).get(row) == Some("Two year")).collect();
    if let Column::Number(values) = &mut table.columns_mut()[tenure] {
        two_years.iter().for_each(|&row| values[row] = f64::NAN);
    }
    add(&mut watch, &table, &probability, 0..500);
    assert!(!watch.quality_alarm());
    add(&mut watch, &table, &probability, 500..1_000);
    assert!(watch.quality_alarm() && !watch.drift_alarm());
    let live = watch.live().unwrap();
    let names = watch.settings().segmentation.segments();
    let missing: Vec<_> = names
        .zip(&live.segments)
        .filter(|(name, found)| name.feature == "contract" && found.rows > 0)
        .map(|(name, found)| (name.value, found.missing.unwrap()))
        .collect();
    assert_eq!(missing, [("Month-to-month", 0.0), ("One year", 0.0), ("Two year", 1.0)]);
    let worse: Vec<_> =
        live.quality.iter().filter(|found| watch.settings.quality.is_worse(found)).map(FeatureQuality::name).collect();
    assert_eq!(worse, ["tenure"]);
}

#[test]
fn the_training_reference_is_shown_from_the_first_window_on() {
    let mut watch = DriftWatch::new(settings());
    let (table, probability) = rows(500, 60.0);
    let (training, _) = rows(500, 0.0);
    let reference = Reference::from_table(&training);
    watch.compare_with_training(Training { features: reference, probability: probability_reference(&probability) });
    add(&mut watch, &table, &probability, 0..500);
    assert!(watch.live().is_none(), "the live reference is being collected");
    assert_eq!(drifted(&watch.training().expect("a full window").features, &RULE).count(), 3);
}

/// What `Window` says of the rows whose times lie in a window.
fn by_definition(reference: &Table, table: &Table, time_ms: &[i64], window: Range<i64>) -> Vec<f64> {
    let mut expected = Window::new(Arc::new(Reference::from_table(reference)));
    (0..table.len()).filter(|&row| window.contains(&time_ms[row])).for_each(|row| expected.add(table, row..row + 1));
    expected.compare().iter().map(|drift| drift.psi.get()).collect()
}

#[test]
fn sliding_windows_by_time_say_what_their_rows_say_over_gaps_disorder_and_restarts() {
    let length = Length::Time { length_ms: 2_000, lateness_ms: 100 };
    let mut watch = DriftWatch::new(DriftSettings { windowing: Some(Windowing { length, panes: 4 }), ..settings() });
    let (first, probability) = rows(1_000, 0.0);
    add(&mut watch, &first, &probability, 0..1_000);
    // A row a millisecond, in no order within 100 ms; nothing for 1.7 s after 4 s and for an hour after 9.8 s; and from
    // 7 s on they change.
    let count = 14_000;
    let mut time_ms: Vec<i64> = (0..count).map(|row| row + if row < 3_960 { 0 } else { 1_700 }).collect();
    time_ms[8_100..].iter_mut().for_each(|time| *time += 3_600_000);
    time_ms.chunks_mut(90).for_each(<[i64]>::reverse);
    let (mut table, probability) = rows(count as usize, 0.0);
    if let Column::Number(values) = &mut table.columns_mut()[churn_domain::feature_index("tenure").unwrap()] {
        values.iter_mut().zip(&time_ms).filter(|(_, time)| **time >= 7_000).for_each(|(value, _)| *value += 30.0);
    }
    let cells = vec![0; count as usize];
    let predicted: Vec<bool> = probability.iter().map(|p| *p >= 0.5).collect();
    let (mut seen, mut alarm) = (0, None);
    for start in (0..count as usize).step_by(130) {
        let range = start..(start + 130).min(count as usize);
        let (end, time_ms) = (range.end, time_ms.as_slice());
        watch.add(Rows {
            features: &table,
            probability: &probability,
            predicted: &predicted,
            time_ms,
            cells: &cells,
            range,
        });
        watch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        let newest = time_ms[..end].iter().max().unwrap();
        // The last window that is complete and has enough rows.
        let ends = (0..=(newest - 100) / 500).rev().map(|pane| pane * 500);
        let enough = |window: &Range<i64>| time_ms[..end].iter().filter(|time| window.contains(time)).count() >= 1_000;
        let Some(window) = ends.map(|end| end - 2_000..end).take(30).find(enough) else { continue };
        let live = watch.live().expect("a window");
        let found: Vec<f64> = live.drift.features.iter().map(|drift| drift.psi.get()).collect();
        let expected = by_definition(&first, &table, time_ms, window.clone());
        assert_eq!(found, expected, "{window:?} at {newest}");
        seen += 1;
        if watch.drift_alarm() {
            alarm.get_or_insert(window);
        }
    }
    assert!(seen > 60, "{seen}");
    assert_eq!(watch.late_rows(), 0);
    // The first to drift is that up to 7.5 s; two that share no row have to, and all between.
    assert_eq!(alarm, Some(7_500..9_500));
}

#[test]
fn a_window_by_time_of_few_rows_says_nothing() {
    let length = Length::Time { length_ms: 1_000, lateness_ms: 0 };
    let windowing = Some(Windowing { length, panes: 1 });
    let mut watch = DriftWatch::new(DriftSettings { windowing, ..settings() });
    let (table, probability) = rows(3_000, 0.0);
    let time_ms: Vec<i64> = (0..3_000).map(|row| if row < 1_999 { row } else { row - 1_000 }).collect();
    let (cells, predicted) = (vec![0; 3_000], vec![false; 3_000]);
    let rows = |range| Rows {
        features: &table,
        probability: &probability,
        predicted: &predicted,
        time_ms: &time_ms,
        cells: &cells,
        range,
    };
    // The first 1,000 are the reference, 999 the window, and one too late begins the next.
    watch.add(rows(0..1_999));
    assert!(watch.live().is_none());
    let late: Vec<i64> = vec![5_000; 3_000];
    watch.add(Rows { time_ms: &late, ..rows(1_999..2_000) });
    assert!(watch.live().is_none(), "999 rows");
    assert_eq!(watch.late_rows(), 0);
    watch.add(rows(2_000..3_000));
    assert_eq!((watch.late_rows(), watch.live().is_none()), (1_000, true));
}

#[test]
fn columns_that_no_longer_go_together_are_seen_though_each_is_as_before() {
    let settings = DriftSettings { reference_rows: 20_000, window_rows: 10_000, ..settings() };
    let mut watch = DriftWatch::new(settings);
    let (table, probability) = rows(20_000, 0.0);
    add(&mut watch, &table, &probability, 0..20_000);
    add(&mut watch, &table, &probability, 0..20_000);
    let calm = watch.live().expect("two windows");
    assert!(!calm.apart && !watch.drift_alarm(), "{:?}", calm.reconstructed);
    // The same values, but the charges are another customer's.
    let mut mixed = table.clone();
    for (step, name) in [(7_003, "monthly_charges"), (3_007, "total_charges")] {
        if let Column::Number(values) = &mut mixed.columns_mut()[churn_domain::feature_index(name).unwrap()] {
            let before = values.clone();
            values.iter_mut().enumerate().for_each(|(row, value)| *value = before[row * step % before.len()]);
        }
    }
    add(&mut watch, &mixed, &probability, 0..20_000);
    let live = watch.live().expect("windows");
    assert_eq!(live.drift.drifted(&RULE), 0, "no column has drifted");
    assert!(live.drift.features.iter().all(|drift| drift.psi.get() < 0.01));
    assert!(live.apart && watch.drift_alarm(), "{:?}", live.reconstructed);
}
