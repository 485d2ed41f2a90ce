//! References and windows: what they say of tables, and of hostile ones.

use std::sync::Arc;

use churn_domain::{Column, FEATURES, Table, feature_index};
use churn_drift::{DriftRule, Edges, Effect, OtherReference, Reference, Window, drifted, psi};

/// A cheap generator, so that a test needs no crate for chance: splitmix64.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Customers whose numbers are spread evenly and whose words are drawn alike; `tilt` moves all of them.
pub(crate) fn customers(rows: usize, seed: u64, tilt: f64) -> Table {
    let mut chance = Chance(seed);
    let mut table = Table::default();
    for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
        for _ in 0..rows {
            let u = chance.next();
            match column {
                Column::Category(words) => {
                    let known = feature.categories();
                    let at = (u.powf(1.0 + tilt) * known.len() as f64) as usize;
                    words.push(Some(known[at.min(known.len() - 1)]));
                }
                Column::Number(values) => values.push(match feature.name {
                    "tenure" => (u * 73.0 * (1.0 - tilt / 2.0)).floor(),
                    "monthly_charges" | "total_charges" => (u * 10_000.0 * (1.0 + tilt)).round() / 100.0,
                    _ => f64::from(u8::from(u < 0.5 + tilt / 3.0)),
                }),
            }
        }
    }
    table
}

fn window(reference: &Arc<Reference>, table: &Table) -> Window {
    let mut window = Window::new(Arc::clone(reference));
    window.add(table, 0..table.len());
    window
}

fn reference(table: &Table) -> Arc<Reference> {
    Arc::new(Reference::from_table(table))
}

#[test]
fn categories_and_few_values_equal_the_exact_index_and_other_numbers_come_near() {
    let (before, after) = (customers(5_000, 1, 0.0), customers(8_000, 2, 0.4));
    let exact = psi::of_tables(&before, &after);
    let streamed = window(&reference(&before), &after).psi();
    assert_eq!(streamed.len(), FEATURES.len());
    for (feature, distance) in streamed {
        let (found, exact) = (distance.get(), exact[feature].unwrap().get());
        match FEATURES[feature].name {
            // The exact index cuts the union of both ranges, the stream's the reference's and what lies outside of it.
            "tenure" => assert!((found - exact).abs() < 0.01, "{found} {exact}"),
            // Most of the new numbers lie there: see below for how far that may go.
            "monthly_charges" | "total_charges" => assert!(found > 0.1 && exact > 0.1, "{found} {exact}"),
            name => assert!((found - exact).abs() < 1e-12, "{name}: {found} {exact}"),
        }
    }
}

/// Charges of the shipped customers, ascending.
fn charges() -> [Vec<f64>; 2] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv");
    let file = std::fs::File::open(path).expect("the shipped customers");
    let customers = churn_domain::csv::read(file, churn_domain::csv::ReadOptions::default()).expect("customers");
    ["monthly_charges", "total_charges"].map(|name| match customers.features.column(index(name)) {
        Column::Number(values) => {
            let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            finite.sort_by(f64::total_cmp);
            finite
        }
        Column::Category(_) => unreachable!(),
    })
}

/// Exact and streamed index of samples drawn from `sorted`, in the second of which low numbers come oftener by `tilt` (high
/// ones, where that is below 0), and all are `factor` times as large.
fn exact_and_streamed(sorted: &[f64], tilt: f64, factor: f64, seed: u64) -> (f64, f64) {
    let mut chance = Chance(seed);
    let mut draw = |rows: usize, tilt: f64, factor: f64| -> Vec<f64> {
        let mut one = || sorted[(chance.next().powf(1.0 + tilt) * sorted.len() as f64) as usize] * factor;
        (0..rows).map(|_| one()).collect()
    };
    let (before, after) = (draw(5_000, 0.0, 1.0), draw(8_000, tilt, factor));
    let exact = psi::of_numbers(&before, &after, false).expect("numbers on both sides").get();
    let reference = churn_drift::ColumnReference::of_numbers("charges", &before);
    let mut window = churn_drift::ColumnWindow::new(Arc::clone(reference.bins()));
    window.add_numbers(&after);
    (exact, reference.effect(&window).expect("numbers on both sides").psi.get())
}

/// Tilt and factor as of [`exact_and_streamed`], and how far the streamed index may lie below and above the exact one.
const ERRORS: [(f64, f64, f64, f64); 19] = [
    // No change, and changes within the reference's range: up to an exact index of 0.16, then beyond.
    (0.0, 1.0, 0.007, 0.007),
    (0.1, 1.0, 0.007, 0.01),
    (-0.1, 1.0, 0.007, 0.007),
    (0.3, 1.0, 0.01, 0.02),
    (-0.3, 1.0, 0.01, 0.01),
    (0.5, 1.0, 0.01, 0.04),
    (1.0, 1.0, 0.025, 0.15),
    (-0.5, 1.0, 0.025, 0.01),
    (2.0, 1.0, 0.06, 0.6),
    (-0.7, 1.0, 0.07, 0.02),
    // All numbers change, and some leave the range that the stream's bins were cut over.
    (0.0, 0.95, 0.02, 0.45),
    (0.0, 0.9, 0.0, 1.5),
    (0.0, 0.8, 0.0, 1.6),
    (0.0, 0.6, 0.001, 0.5),
    (0.0, 1.05, 0.015, 0.07),
    (0.0, 1.1, 0.0, 0.2),
    (0.0, 1.2, 0.0, 0.4),
    (0.0, 1.4, 0.0, 3.0),
    (0.0, 1.8, 0.0, 1.5),
];

#[test]
fn the_error_of_the_streams_bins_is_bounded() {
    for (name, values) in ["monthly_charges", "total_charges"].iter().zip(charges()) {
        for (tilt, factor, below, above) in ERRORS {
            for seed in 0..100 {
                let (exact, streamed) = exact_and_streamed(&values, tilt, factor, seed);
                let case = format!("{name}, tilt {tilt}, times {factor}, seed {seed}: {streamed} for {exact}");
                assert!((-below..=above).contains(&(streamed - exact)), "{case}");
                // What the crate says of all of them.
                assert!(streamed >= exact - 0.01 - 0.07 * exact, "{case}");
            }
        }
    }
}

#[test]
fn other_columns_are_tested_in_the_same_family_as_the_features() {
    let before = customers(5_000, 20, 0.0);
    let window = window(&reference(&before), &customers(5_000, 21, 0.0));
    let effect = |reference: &[u64], current: &[u64]| Effect::of_counts(reference, current);
    let (alone, []) = window.compare_with([]);
    assert_eq!(alone, window.compare());
    let (same, far) = (effect(&[500, 500], &[500, 500]), effect(&[700, 300], &[500, 500]));
    let raw = far.expect("rows on both sides").p_value.get();
    let (features, [first, none, last]) = window.compare_with([same, None, far]);
    assert_eq!(features.len(), FEATURES.len());
    assert_eq!((first.map(|first| first.p_value.get()), none), (Some(1.0), None));
    let last = last.expect("it is tested");
    // Twenty-one tests, and it is the surest of them.
    assert!((last.p_value.get() / (raw * 21.0) - 1.0).abs() < 1e-12, "{last:?} {raw}");
    let rule = DriftRule::default();
    assert!(rule.is_effect(&last) && drifted(&features, &rule).next().is_none());
}

#[test]
fn parts_merged_in_any_order_equal_the_whole() {
    let (before, after) = (customers(1_000, 3, 0.0), customers(3_000, 4, 0.2));
    let reference = reference(&before);
    let whole = window(&reference, &after);
    let mut last = Window::new(Arc::clone(&reference));
    let mut first = last.clone();
    last.add(&after, 1_234..3_000);
    first.add(&after, 0..1_234);
    last.merge(&first).unwrap();
    assert_eq!((last.rows(), last.compare()), (3_000, whole.compare()));
    let mut other = Window::new(self::reference(&after));
    assert_eq!(other.merge(&whole), Err(OtherReference));
    assert_eq!(other.rows(), 0);
}

#[test]
fn a_window_that_was_reset_has_seen_nothing() {
    let table = customers(500, 5, 0.0);
    let mut window = window(&reference(&table), &table);
    window.reset();
    assert_eq!((window.rows(), window.compare()), (0, vec![]));
}

#[test]
fn a_shift_is_an_alarm_and_chance_is_none() {
    let rule = DriftRule::default();
    let reference = reference(&customers(20_000, 6, 0.0));
    for seed in 100..120 {
        let calm = window(&reference, &customers(10_000, seed, 0.0)).compare();
        assert_eq!(drifted(&calm, &rule).count(), 0, "seed {seed}");
    }
    let shifted = window(&reference, &customers(10_000, 7, 0.8)).compare();
    assert!(drifted(&shifted, &rule).count() >= 15);
    // A handful of rows looks far off by chance, and is not significant.
    let handful = window(&reference, &customers(6, 8, 0.0)).compare();
    assert!(handful.iter().any(|drift| drift.psi.reaches(rule.min_psi)));
    assert_eq!(drifted(&handful, &rule).count(), 0);
}

#[test]
fn new_words_missing_and_infinite_values_are_defined() {
    let before = customers(1_000, 9, 0.0);
    let mut after = customers(1_000, 10, 0.0);
    let (contract, tenure, charges) = (index("contract"), index("tenure"), index("total_charges"));
    for row in 0..1_000 {
        match &mut after.columns_mut()[tenure] {
            Column::Number(values) => values[row] = f64::NAN,
            Column::Category(_) => unreachable!(),
        }
    }
    let mut strange = churn_domain::Interned::new(FEATURES[contract].categories());
    (0..1_000).for_each(|row| strange.push(Some(if row % 2 == 0 { "Weekly" } else { "One year" })));
    after.columns_mut()[contract] = Column::Category(strange);
    if let Column::Number(values) = &mut after.columns_mut()[charges] {
        values[0] = f64::INFINITY;
    }
    let window = window(&reference(&before), &after);
    let compared = window.compare();
    assert!(compared.iter().all(|drift| drift.feature != tenure), "a column without values has no index");
    assert_eq!(window.columns()[tenure].missing_share(), Some(1.0));
    assert_eq!(window.columns()[charges].missing(), 1);
    let contract = compared.iter().find(|drift| drift.feature == contract).unwrap();
    assert!(contract.psi.get() > 1.0 && contract.p_value.get() < 1e-9);
}

#[test]
fn an_empty_or_constant_reference_compares_to_nothing_or_to_itself() {
    let table = customers(100, 11, 0.0);
    assert_eq!(window(&reference(&Table::default()), &table).compare(), vec![]);
    let constant = table.select(std::iter::repeat_n(0, 50));
    let compared = window(&reference(&constant), &constant).compare();
    assert_eq!(compared.len(), FEATURES.len());
    assert!(compared.iter().all(|drift| drift.psi.get() == 0.0 && drift.p_value.get() == 1.0));
}

#[test]
fn a_reference_read_back_is_the_same_and_one_of_another_version_is_refused() {
    let reference = Reference::from_table(&customers(1_000, 12, 0.3));
    let text = serde_json::to_string(&reference).unwrap();
    assert_eq!(serde_json::from_str::<Reference>(&text).unwrap(), reference);
    for (from, to) in
        [("\"tenure\"", "\"age\""), ("\"counts\":[", "\"counts\":[1,"), ("\"columns\":[", "\"columns\":[],\"x\":[")]
    {
        let other = text.replacen(from, to, 1);
        assert!(serde_json::from_str::<Reference>(&other).is_err(), "{from}");
    }
    let renamed = text.replacen("\"tenure\"", "\"age\"", 1);
    let error = serde_json::from_str::<Reference>(&renamed).unwrap_err().to_string();
    assert!(error.contains("reference of tenure") && error.contains("fit the model again"), "{error}");
}

#[test]
fn probabilities_drift_on_bins_of_the_callers_choice() {
    let edges = Edges::uniform(0.0, 1.0, 20).unwrap();
    let ramp: Vec<f64> = (0..=1_000).map(|v| f64::from(v) / 1_000.0).collect();
    let reference = churn_drift::ColumnReference::of_numbers_on("probability", edges, &ramp);
    let mut window = churn_drift::ColumnWindow::new(Arc::clone(reference.bins()));
    window.add_numbers(&ramp.iter().map(|v| v * v).collect::<Vec<_>>());
    let (psi, p_value) = reference.distance(&window).unwrap();
    assert!(psi.get() > 0.1 && p_value.get() < 1e-6);
    assert_eq!(reference.missing_share(), Some(0.0));
    assert!((reference.frequencies().unwrap().iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

fn index(name: &str) -> usize {
    feature_index(name).unwrap()
}
