//! What every sample keeps.

use churn_domain::{Column, FEATURES, Table, feature_index};
use churn_synth::quality::{self, Customers};
use churn_synth::{Generator, LoadError, Sample};
use proptest::prelude::*;
use serde_json::Value;

use crate::checker::Checker;
use crate::{CUSTOMERS, GENERATOR};

#[test]
fn none_of_200_000_rows_is_impossible() {
    let sample = GENERATOR.sample_parallel(11, 0..200_000, 2);
    assert_eq!(sample.len(), 200_000);
    assert!(sample.features.is_rectangular() && sample.location.len() == 200_000);
    Checker::new().assert_possible(&sample);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_a_range_on_any_threads_gives_the_same_rows(
        seed: u64, start in prop_oneof![Just(0), Just(u64::MAX - 1_500), 0..1_u64 << 40],
        rows in 0..1_500_u64, cut in 0.0..1.0, threads in 1..9_usize,
    ) {
        let (end, cut) = (start + rows, start + (rows as f64 * cut) as u64);
        let whole = GENERATOR.sample(seed, start..end);
        prop_assert!(same(&GENERATOR.sample_parallel(seed, start..end, threads), &whole));
        // The later part first: no row may depend on what was drawn before.
        let later = GENERATOR.sample(seed, cut..end);
        let mut both = GENERATOR.sample(seed, start..cut);
        both.append(&later);
        prop_assert!(same(&both, &whole));
    }
}

/// Equality to the bit; a missing total equals a missing total.
pub(crate) fn same_features(left: &Table, right: &Table) -> bool {
    let column = |(left, right): (&Column, &Column)| match (left, right) {
        (Column::Number(left), Column::Number(right)) => {
            left.iter().map(|v| v.to_bits()).eq(right.iter().map(|v| v.to_bits()))
        }
        (left, right) => left == right,
    };
    left.columns().iter().zip(right.columns()).all(column)
}

pub(crate) fn same(left: &Sample, right: &Sample) -> bool {
    same_features(&left.features, &right.features) && left.label == right.label && left.location == right.location
}

#[test]
fn other_seeds_give_other_rows() {
    assert!(!same(&GENERATOR.sample(1, 0..50), &GENERATOR.sample(2, 0..50)));
}

#[test]
fn a_generator_read_back_draws_the_same_rows_and_writes_the_same_bytes() {
    let json = GENERATOR.to_json().unwrap();
    let back = Generator::from_json(&json).unwrap();
    assert_eq!(back.to_json().unwrap(), json);
    assert!(same(&back.sample(3, 0..5_000), &GENERATOR.sample(3, 0..5_000)));
}

#[test]
fn a_damaged_generator_is_refused_and_says_why() {
    let json = GENERATOR.to_json().unwrap();
    let load = |damage: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&json).unwrap();
        damage(&mut value);
        Generator::from_json(&serde_json::to_vec(&value).unwrap()).unwrap_err()
    };
    assert!(matches!(Generator::from_json(&json[..100]), Err(LoadError::Json(_))));
    assert!(matches!(load(&|file| file["format"] = 9.into()), LoadError::Format { found: 9, .. }));
    type Damage<'a> = (&'a dyn Fn(&mut Value), &'a str);
    let damages: [Damage<'_>; 6] = [
        (&|file| file["features"][1]["name"] = "junior_citizen".into(), "junior_citizen"),
        (&|file| file["strata"][0]["correlation"][0][1] = 3.into(), "correlation matrix"),
        (&|file| file["strata"][0]["marginals"][0]["steps"]["values"][1] = 7.into(), "distribution of female"),
        (&|file| file["strata"][0]["bundle"] = 99.into(), "bundle that is not there"),
        (&|file| file["places"][0]["latitude"] = 91.into(), "a place is not on earth"),
        (&|file| file["total"]["ratio"]["max"] = 0.5.into(), "spread of total charges"),
    ];
    for (damage, named) in damages {
        let said = load(damage).to_string();
        assert!(said.contains(named), "{said}");
    }
}

/// Share of the label among customers with a word, and how many there are.
fn churn_rate(table: &Table, label: &[bool], feature: &str, word: &str) -> f64 {
    let words = table.words(feature_index(feature).unwrap());
    let rows: Vec<usize> = (0..table.len()).filter(|&row| words.get(row) == Some(word)).collect();
    rows.iter().filter(|&&row| label[row]).count() as f64 / rows.len() as f64
}

#[test]
fn the_label_keeps_its_dependence_on_the_features() {
    let sample = GENERATOR.sample_parallel(5, 0..100_000, 2);
    let real = CUSTOMERS.label.as_ref().unwrap();
    for feature in ["contract", "internet_service", "payment_method", "online_security", "tech_support"] {
        let index = feature_index(feature).unwrap();
        for word in FEATURES[index].categories() {
            let expected = churn_rate(&CUSTOMERS.features, real, feature, word);
            let found = churn_rate(&sample.features, &sample.label, feature, word);
            assert!((expected - found).abs() < 0.02, "{feature} {word}: {found:.3}, real {expected:.3}");
        }
    }
}

#[test]
fn marginals_and_pairs_are_as_alike_as_promised() {
    let sample = GENERATOR.sample_parallel(7, 0..50_000, 2);
    let real = Customers::new(&CUSTOMERS.features, CUSTOMERS.label.as_deref().unwrap());
    let report = quality::report(real, Customers::new(&sample.features, &sample.label));
    for column in &report.columns {
        assert!(column.score.unwrap() > 0.985, "{column:?}");
    }
    for pair in report.pairs.iter().filter(|pair| pair.counts) {
        assert!(pair.score.unwrap() > 0.93, "{pair:?}");
    }
    assert!(report.column_shapes > 0.99 && report.pair_trends > 0.98 && report.overall > 0.985, "{}", report.overall);
}
