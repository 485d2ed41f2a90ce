//! What makes a row impossible, written from the data's rules in words alone: it shares no code with the generator.

use std::collections::HashSet;

use churn_domain::{Column, Locations, Table, feature_index};
use churn_synth::Sample;

use crate::{CUSTOMERS, PLACES};

const ADD_ONS: [&str; 6] =
    ["online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies"];

fn number(table: &Table, name: &str, row: usize) -> f64 {
    match table.column(feature_index(name).unwrap()) {
        Column::Number(values) => values[row],
        Column::Category(_) => panic!("{name} is a category"),
    }
}

fn word<'a>(table: &'a Table, name: &str, row: usize) -> &'a str {
    match table.column(feature_index(name).unwrap()) {
        Column::Category(words) => words.get(row).unwrap_or("(missing)"),
        Column::Number(_) => panic!("{name} is a number"),
    }
}

fn services(table: &Table, row: usize) -> String {
    format!("{} {}", number(table, "phone_service", row), word(table, "internet_service", row))
}

/// Total divided by tenure × monthly charges.
fn ratio(table: &Table, row: usize) -> f64 {
    let plain = number(table, "tenure", row) * number(table, "monthly_charges", row);
    number(table, "total_charges", row) / plain
}

fn place(locations: &Locations, row: usize) -> String {
    let text = |text: Option<&str>| text.unwrap_or("(missing)").to_owned();
    [
        text(locations.zip_code.get(row)),
        text(locations.city.get(row)),
        text(locations.county.get(row)),
        locations.latitude[row].to_string(),
        locations.longitude[row].to_string(),
    ]
    .join("|")
}

fn has_cents(amount: f64) -> bool {
    format!("{amount:.2}").parse::<f64>() == Ok(amount)
}

/// What the real customers allow.
pub(crate) struct Checker {
    services: HashSet<String>,
    places: HashSet<String>,
    ratio: (f64, f64),
    monthly: (f64, f64),
    longest: f64,
}

impl Checker {
    pub(crate) fn new() -> Self {
        let table = &CUSTOMERS.features;
        let rows = 0..table.len();
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        Self {
            services: rows.clone().map(|row| services(table, row)).collect(),
            places: (0..PLACES.len()).map(|row| place(&PLACES, row)).collect(),
            ratio: range(&mut rows.clone().map(|row| ratio(table, row)).filter(|ratio| !ratio.is_nan())),
            monthly: range(&mut rows.clone().map(|row| number(table, "monthly_charges", row))),
            longest: range(&mut rows.map(|row| number(table, "tenure", row))).1,
        }
    }

    /// The rules that a row breaks.
    pub(crate) fn broken(&self, sample: &Sample, row: usize) -> Vec<&'static str> {
        let table = &sample.features;
        let phone = number(table, "phone_service", row);
        let internet = word(table, "internet_service", row);
        let (tenure, monthly) = (number(table, "tenure", row), number(table, "monthly_charges", row));
        let total = number(table, "total_charges", row);
        let billed = tenure > 0.0;
        let rules = [
            ("phone", (phone == 0.0) == (word(table, "multiple_lines", row) == "No phone service")),
            ("services", self.services.contains(&services(table, row))),
            (
                "internet",
                ADD_ONS.iter().all(|name| (internet == "No") == (word(table, name, row) == "No internet service")),
            ),
            ("known words", (0..table.columns().len()).all(|at| known(table.column(at), row))),
            ("whole months", tenure.fract() == 0.0 && (0.0..=self.longest).contains(&tenure)),
            ("total missing exactly at tenure 0", billed != total.is_nan()),
            ("first bill", tenure != 1.0 || total == monthly),
            ("at least one bill", !billed || total >= monthly),
            ("spread", !billed || (self.ratio.0..=self.ratio.1).contains(&ratio(table, row))),
            ("monthly range", (self.monthly.0..=self.monthly.1).contains(&monthly)),
            ("cents", has_cents(monthly) && (!billed || has_cents(total))),
            ("place", self.places.contains(&place(&sample.location, row))),
        ];
        rules.into_iter().filter(|(_, holds)| !holds).map(|(rule, _)| rule).collect()
    }

    pub(crate) fn assert_possible(&self, sample: &Sample) {
        for row in 0..sample.len() {
            let broken = self.broken(sample, row);
            assert!(broken.is_empty(), "row {row} breaks {broken:?}");
        }
    }
}

fn known(column: &Column, row: usize) -> bool {
    match column {
        Column::Category(words) => usize::from(words.codes()[row]) < words.known().len(),
        Column::Number(_) => true,
    }
}

#[test]
fn the_real_customers_pass_the_checker_and_a_spoilt_one_does_not() {
    let mut sample = Sample { features: CUSTOMERS.features.clone(), ..Sample::default() };
    sample.label = CUSTOMERS.label.clone().unwrap();
    (0..sample.len()).for_each(|row| sample.location.push_from(&PLACES, row % PLACES.len()));
    let checker = Checker::new();
    checker.assert_possible(&sample);
    let tenure = feature_index("tenure").unwrap();
    let Column::Number(values) = &mut sample.features.columns_mut()[tenure] else { panic!("tenure is a number") };
    values[0] = 0.0;
    assert_eq!(checker.broken(&sample, 0), ["total missing exactly at tenure 0"]);
}
