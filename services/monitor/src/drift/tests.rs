//! Rows of one model version, and what its windows say of them.

mod by_time;
mod former;

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
