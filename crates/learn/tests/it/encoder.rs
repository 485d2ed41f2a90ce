//! Each value has one place in the encoded row, and what is odd is counted.

use churn_domain::{Column, FEATURES, feature_index};
use churn_learn::{EncodeStats, Encoder};

use crate::{CUSTOMER, sample, shipped, table};

fn encoder() -> Encoder {
    let rows: Vec<usize> = (0..shipped().len()).collect();
    Encoder::fit(&shipped().features, &rows)
}

/// The encoded value of each column of one customer, by the column's name.
fn encoded(encoder: &Encoder, customer: &str) -> (Vec<(String, f32)>, EncodeStats) {
    let mut values = Vec::new();
    let stats = encoder.encode_into(&table(&[customer]), 0..1, &mut values);
    (encoder.column_names().into_iter().zip(values).collect(), stats)
}

fn of<'a>(row: &'a [(String, f32)], feature: &str) -> Vec<(&'a str, f32)> {
    let own = |name: &str| {
        name.strip_prefix(feature)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(" = ") || rest == " is missing")
    };
    row.iter().filter(|(name, _)| own(name)).map(|(name, value)| (name.as_str(), *value)).collect()
}

#[test]
fn a_customer_is_one_hot_with_numbers_as_they_are() {
    let (row, stats) = encoded(&encoder(), CUSTOMER);
    assert_eq!(
        of(&row, "contract"),
        [("contract = Month-to-month", 1.0), ("contract = One year", 0.0), ("contract = Two year", 0.0)]
    );
    assert_eq!(of(&row, "monthly_charges"), [("monthly_charges", 29.85)]);
    assert_eq!(of(&row, "partner"), [("partner", 1.0)]);
    // Some of the shipped customers lack their total charges, which follow from the others, and nobody lacks any other feature.
    assert_eq!(of(&row, "total_charges"), [("total_charges", 29.85)]);
    assert_eq!(row.len(), 40 + 8);
    assert_eq!(stats, EncodeStats { rows: 1, ..EncodeStats::default() });
}

#[test]
fn derived_columns_are_computed_from_the_others_and_missing_where_one_of_them_is() {
    let value = |customer: &str, name: &str| {
        let (row, _) = encoded(&encoder(), customer);
        f64::from(row.iter().find(|(column, _)| column == name).unwrap().1)
    };
    let old = CUSTOMER.replace("0,1,0,1,0,No phone", "0,1,0,11,0,No phone").replace("29.85,29.85", "50,440");
    let old = old.replace("DSL,No,Yes", "Fiber optic,Yes,Yes");
    let close = |name: &str, expected: f64| {
        let found = value(&old, name);
        assert!((found - expected).abs() < 1e-5, "{name}: {found}");
    };
    close("total_charges / tenure", 40.0);
    close("monthly_charges - total_charges / tenure", 10.0);
    close("ln(1 + tenure)", 12_f64.ln());
    close("number of add-ons", 2.0);
    close("monthly_charges / (1 + tenure)", 50.0 / 12.0);
    close("ln(1 + tenure) if month-to-month", 12_f64.ln());
    close("monthly_charges if month-to-month", 50.0);
    close("fiber optic and month-to-month", 1.0);
    let bound = old.replace("Month-to-month", "Two year");
    assert_eq!(value(&bound, "monthly_charges if month-to-month"), 0.0);
    let new = CUSTOMER.replace("0,1,0,1,0,No phone", "0,1,0,0,0,No phone");
    assert_eq!(value(&new, "total_charges / tenure"), f64::from(29.85_f32));
    let unknown = old.replace("50,440", ",");
    assert!(value(&unknown, "total_charges / tenure").is_nan());
    assert!(value(&unknown, "ln(1 + tenure)").is_finite());
}

#[test]
fn an_unknown_word_is_no_known_one_and_a_missing_value_is_nan_and_both_are_counted() {
    let odd = CUSTOMER.replace("DSL", "Satellite").replace("Month-to-month", "").replace("29.85,29.85", ",");
    let (row, stats) = encoded(&encoder(), &odd);
    assert!(of(&row, "internet_service").iter().all(|(_, value)| *value == 0.0));
    assert!(of(&row, "contract").iter().all(|(_, value)| value.is_nan()));
    assert!(of(&row, "monthly_charges")[0].1.is_nan());
    assert!(of(&row, "total_charges")[0].1.is_nan());
    let count = |counts: [u64; FEATURES.len()]| -> Vec<&str> {
        FEATURES.iter().zip(counts).filter(|(_, count)| *count == 1).map(|(feature, _)| feature.name).collect()
    };
    assert_eq!(count(stats.unknown), ["internet_service"]);
    assert_eq!(count(stats.missing), ["contract", "monthly_charges", "total_charges"]);
}

#[test]
fn of_tenure_and_charges_one_that_is_missing_is_worked_out_of_the_other_two_and_still_counted() {
    // Ten months at 50 a month.
    let customer = |charges: &str| CUSTOMER.replace("0,1,0,1,0,No", "0,1,0,10,0,No").replace("29.85,29.85", charges);
    let whole = encoded(&encoder(), &customer("50,500")).0;
    let of_nobody = customer("50,500").replace("0,1,0,10,0,No", "0,1,0,,0,No");
    for (lacking, feature) in
        [(customer("50,"), "total_charges"), (customer(",500"), "monthly_charges"), (of_nobody, "tenure")]
    {
        let (row, stats) = encoded(&encoder(), &lacking);
        for ((name, found), (_, expected)) in row.iter().zip(&whole) {
            // That the price is as it was is assumed, not known.
            let change = name == "monthly_charges - total_charges / tenure";
            assert!(if change { found.is_nan() } else { found == expected }, "{name} without {feature}: {found}");
        }
        assert_eq!(stats.missing[feature_index(feature).unwrap()], 1);
    }
    let (new, _) = encoded(&encoder(), &CUSTOMER.replace("0,1,0,1,0,No", "0,1,0,0,0,No").replace("29.85,29.85", "50,"));
    assert_eq!(of(&new, "total_charges"), [("total_charges", 0.0)]);
    assert_eq!(of(&new, "monthly_charges - total_charges / tenure")[0].1, 0.0);
    for lost in [",500", ",", "0,"] {
        let lost = customer(lost).replace("0,1,0,10,0,No", "0,1,0,,0,No");
        let (row, _) = encoded(&encoder(), &lost);
        assert!(of(&row, "tenure")[0].1.is_nan(), "nothing follows from {lost}");
    }
    let (free, _) = encoded(&encoder(), &customer("0,0").replace("0,1,0,10,0,No", "0,1,0,,0,No"));
    assert!(of(&free, "tenure")[0].1.is_nan(), "of nothing paid for nothing no time follows");
}

#[test]
fn only_what_cannot_be_worked_out_has_a_column_that_says_missing() {
    let lost = CUSTOMER.replace("29.85,29.85", ",");
    let mut rows = vec![CUSTOMER; 30];
    rows.push(lost.as_str());
    let customers = table(&rows);
    let fitted = Encoder::fit(&customers, &(0..customers.len()).collect::<Vec<_>>());
    let (row, _) = encoded(&fitted, &lost);
    assert_eq!(of(&row, "monthly_charges")[1], ("monthly_charges is missing", 1.0));
    assert_eq!(of(&row, "total_charges")[1], ("total_charges is missing", 1.0));
    let (row, _) = encoded(&fitted, &CUSTOMER.replace("29.85,29.85", "29.85,"));
    assert_eq!(of(&row, "total_charges"), [("total_charges", 29.85), ("total_charges is missing", 0.0)]);
}

#[test]
fn an_infinite_number_counts_as_missing() {
    let mut customers = table(&[CUSTOMER, CUSTOMER]);
    let tenure = feature_index("tenure").unwrap();
    let Column::Number(values) = &mut customers.columns_mut()[tenure] else { unreachable!() };
    values.copy_from_slice(&[f64::INFINITY, 1e300]);
    let mut encoded = Vec::new();
    let stats = encoder().encode_into(&customers, 0..2, &mut encoded);
    assert_eq!(stats.missing[tenure], 2);
    assert!(encoded.iter().all(|value| !value.is_infinite()));
}

#[test]
fn a_frequent_new_word_is_learned_and_a_rare_one_is_not() {
    let frequent = CUSTOMER.replace("DSL", "Satellite");
    let rare = CUSTOMER.replace("DSL", "Carrier pigeon");
    let mut rows = vec![CUSTOMER; 40];
    rows.extend([frequent.as_str(); 20]);
    rows.extend([rare.as_str(); 19]);
    let customers = table(&rows);
    let all: Vec<usize> = (0..customers.len()).collect();
    let fitted = Encoder::fit(&customers, &all);
    let (row, stats) = encoded(&fitted, &frequent);
    assert_eq!(of(&row, "internet_service").last(), Some(&("internet_service = Satellite", 1.0)));
    assert_eq!(stats.unknown, [0; FEATURES.len()]);
    let (_, stats) = encoded(&fitted, &rare);
    assert_eq!(stats.unknown[feature_index("internet_service").unwrap()], 1);
}

#[test]
fn an_encoder_comes_back_from_its_stored_form() {
    let encoder = encoder();
    let stored = serde_json::to_string(&encoder).unwrap();
    assert_eq!(serde_json::from_str::<Encoder>(&stored).unwrap(), encoder);
}

#[test]
fn a_stored_encoder_that_does_not_fit_the_feature_table_is_refused() {
    for (stored, complaint) in [
        (r#"{"features":[]}"#, "0 columns"),
        (r#"{"features":[{"name":"shoe_size"}]}"#, "shoe_size"),
        (r#"{"features":[{"name":"tenure"},{"name":"tenure"}]}"#, "twice"),
        (r#"{"features":[{"name":"contract"}]}"#, "contract"),
        (r#"{"features":[{"name":"tenure","words":["a"]}]}"#, "tenure"),
        (r#"{"features":[{"name":"contract","words":["a","a"]}]}"#, "twice"),
        (r#"{"features":[{"name":"tenure"}],"estimates":["tenure = luck"]}"#, "no estimate"),
        (
            r#"{"features":[{"name":"tenure"}],"estimates":["tenure = total_charges / monthly_charges"]}"#,
            "lacks a feature",
        ),
    ] {
        let error = serde_json::from_str::<Encoder>(stored).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn rows_are_encoded_alike_alone_and_together() {
    let encoder = encoder();
    let customers = sample(50).features;
    let together = encoder.encode(&customers, 0..customers.len());
    let names = encoder.column_names();
    assert_eq!(encoder.column_features().len(), names.len());
    for row in 0..customers.len() {
        let alone = encoder.encode(&customers, [row].into_iter());
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&alone.values), bits(&together.values[row * names.len()..(row + 1) * names.len()]));
    }
}
