//! Customers of whom something is given.

use churn_domain::{Column, FEATURES, Table, feature_index};
use churn_synth::{ConditionError, Sample};
use proptest::prelude::*;

use crate::GENERATOR;
use crate::checker::Checker;
use crate::sampling::same;

const ROWS: u64 = 4_000;

fn given(conditions: &[(&str, &str)]) -> Sample {
    GENERATOR.given(conditions).unwrap().sample(3, 0..ROWS)
}

fn refused(conditions: &[(&str, &str)]) -> String {
    GENERATOR.given(conditions).unwrap_err().to_string()
}

/// A feature as text.
fn cell(table: &Table, name: &str, row: usize) -> String {
    match table.column(feature_index(name).unwrap()) {
        Column::Category(words) => words.get(row).unwrap().to_owned(),
        Column::Number(values) if values[row].is_nan() => String::new(),
        Column::Number(values) => values[row].to_string(),
    }
}

fn share(sample: &Sample, is: impl Fn(usize) -> bool) -> f64 {
    (0..sample.len()).filter(|&row| is(row)).count() as f64 / sample.len() as f64
}

#[test]
fn what_is_given_holds_in_every_row_and_no_row_is_impossible() {
    let cases: [&[(&str, &str)]; 8] = [
        &[("contract", "Two year")],
        &[("internet_service", "No"), ("phone_service", "1")],
        &[("online_security", "No internet service"), ("payment_method", "Mailed check")],
        &[("streaming_tv", "Yes"), ("streaming_movies", "Yes"), ("tenure", "40"), ("female", "1")],
        &[("monthly_charges", "80.5")],
        &[("total_charges", "1500.1")],
        &[("monthly_charges", "70.3"), ("total_charges", "703.6"), ("contract", "Month-to-month")],
        &[("total_charges", "")],
    ];
    for conditions in cases {
        let sample = given(conditions);
        Checker::new().assert_possible(&sample);
        for (name, value) in conditions {
            assert!((0..sample.len()).all(|row| cell(&sample.features, name, row) == *value), "{conditions:?}");
        }
    }
}

#[test]
fn the_label_can_be_given() {
    let sample = given(&[("churn", "Yes"), ("contract", "Two year")]);
    Checker::new().assert_possible(&sample);
    assert!(sample.label.iter().all(|churned| *churned));
}

/// Drawing under a condition is the same as drawing freely and keeping what fits: shares of everything else agree.
#[test]
fn the_rest_is_distributed_as_among_free_customers_with_the_same_values() {
    let free = GENERATOR.sample_parallel(5, 0..400_000, 2);
    let cases: [&[(&str, &str)]; 4] = [
        &[("contract", "Two year")],
        &[("contract", "One year"), ("payment_method", "Electronic check"), ("partner", "1")],
        &[("tenure", "1"), ("paperless_billing", "0")],
        &[("monthly_charges", "20.05")],
    ];
    for conditions in cases {
        let fits = |row: usize| conditions.iter().all(|(name, value)| cell(&free.features, name, row) == *value);
        let rows: Vec<usize> = (0..free.len()).filter(|&row| fits(row)).collect();
        let conditioned = GENERATOR.given(conditions).unwrap();
        let probability = rows.len() as f64 / free.len() as f64;
        let spread = 5.0 * (probability / free.len() as f64).sqrt();
        assert!(
            (conditioned.probability() - probability).abs() < spread.max(0.02 * probability),
            "{conditions:?}: {} instead of {probability}",
            conditioned.probability()
        );
        let sample = conditioned.sample_parallel(3, 0..20_000, 2);
        let allowed = 5.0 * (0.25 / rows.len() as f64 + 0.25 / sample.len() as f64).sqrt();
        let churned = rows.iter().filter(|&&row| free.label[row]).count() as f64 / rows.len() as f64;
        assert!((share(&sample, |row| sample.label[row]) - churned).abs() < allowed, "{conditions:?}: churn");
        for feature in FEATURES.iter().filter(|feature| feature.is_category()) {
            for word in feature.categories() {
                let expected = rows.iter().filter(|&&row| cell(&free.features, feature.name, row) == *word).count();
                let expected = expected as f64 / rows.len() as f64;
                let found = share(&sample, |row| cell(&sample.features, feature.name, row) == *word);
                assert!(
                    (found - expected).abs() < allowed,
                    "{conditions:?}: {} {word} {found:.4} instead of {expected:.4} ± {allowed:.4}",
                    feature.name
                );
            }
        }
    }
}

#[test]
fn a_place_can_be_given_by_any_of_its_fields() {
    let sample = given(&[("city", "San Diego"), ("churn", "No")]);
    assert!(sample.location.city.iter().all(|city| city == Some("San Diego")));
    let known: std::collections::HashSet<_> = GENERATOR.places().zip_code.iter().flatten().collect();
    assert!(sample.location.zip_code.iter().all(|zip| known.contains(zip.unwrap())));
    let one = given(&[("zip_code", "90210")]);
    assert!(one.location.city.iter().all(|city| city == Some("Beverly Hills")));
}

#[test]
fn an_impossible_condition_names_the_rule() {
    let cases: [(&[(&str, &str)], &str); 10] = [
        (
            &[("internet_service", "No"), ("streaming_tv", "Yes")],
            "streaming_tv is \"No internet service\" exactly where internet_service is absent",
        ),
        (&[("phone_service", "No"), ("multiple_lines", "Yes")], "multiple_lines is \"No phone service\" exactly where"),
        (
            &[("online_security", "No internet service"), ("tech_support", "No")],
            "is \"No internet service\" exactly where internet_service is absent",
        ),
        (&[("tenure", "0"), ("total_charges", "20")], "total_charges is missing exactly where tenure is 0"),
        (&[("tenure", "5"), ("total_charges", "")], "total_charges is missing exactly where tenure is 0"),
        (
            &[("phone_service", "No"), ("internet_service", "Fiber optic")],
            "no real customer with the rest has internet_service Fiber optic",
        ),
        (&[("tenure", "90")], "no real customer with the rest has a tenure of 90 months; they have 0 to 72"),
        (&[("internet_service", "No"), ("monthly_charges", "99")], "monthly_charges follow the services"),
        (&[("tenure", "2"), ("total_charges", "5000")], "total_charges follow tenure × monthly_charges"),
        (&[("city", "Boston")], "a location is one of the known places, and none has city Boston"),
    ];
    for (conditions, rule) in cases {
        let said = refused(conditions);
        assert!(said.contains("no customer can be like this") && said.contains(rule), "{said}");
    }
}

#[test]
fn what_is_no_condition_at_all_is_refused_with_what_would_be() {
    assert!(refused(&[("contact", "Two year")]).contains("there is no column contact; give one of churn, female"));
    assert!(refused(&[("contract", "Ten year")]).contains("expected one of Month-to-month, One year, Two year"));
    assert!(refused(&[("tenure", "1.5")]).contains("a whole number"));
    assert!(refused(&[("monthly_charges", "inf")]).contains("an amount"));
    assert!(refused(&[("churn", "Perhaps")]).contains("Yes or No"));
    assert_eq!(
        GENERATOR.given(&[("female", "1"), ("female", "0")]).unwrap_err(),
        ConditionError::Twice("female".into())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_split_of_a_conditioned_range_on_any_threads_gives_the_same_rows(
        seed in 0..9_u64, start in 0..100_000_u64, rows in 0..500_u64, threads in 1..5_usize,
    ) {
        let conditioned = GENERATOR.given(&[("contract", "One year"), ("churn", "Yes")]).unwrap();
        let whole = conditioned.sample(seed, start..start + rows);
        prop_assert!(same(&conditioned.sample_parallel(seed, start..start + rows, threads), &whole));
    }
}
