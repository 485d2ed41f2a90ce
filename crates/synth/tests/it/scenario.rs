//! What each scenario does to a stream, and what it leaves alone.

use std::collections::HashMap;

use churn_domain::{Column, Table, feature_index};
use churn_synth::{EventSource, NEW_CATEGORY, Recurrence, Scenario, ScenarioKind, StreamSample};

use crate::GENERATOR;
use crate::checker::Checker;
use crate::sampling::same;

const EVENTS: u64 = 40_000;
const FIRST: u64 = 10_000;

fn with(scenarios: &[Scenario]) -> EventSource {
    let mut source = EventSource::new(GENERATOR.clone(), 5, "s", Recurrence::default()).unwrap();
    source.set_scenarios(scenarios);
    source
}

fn full(kind: ScenarioKind) -> Scenario {
    Scenario { kind, first: FIRST, strength: 1.0 }
}

/// The stream before and after the first event, with and without the scenario.
fn after(kind: ScenarioKind) -> (StreamSample, StreamSample) {
    let (plain, shifted) = (with(&[]), with(&[full(kind)]));
    let before = (plain.events(0..FIRST), shifted.events(0..FIRST));
    assert!(same(&before.0.customers, &before.1.customers) && before.0.customer_id == before.1.customer_id);
    (plain.events(FIRST..EVENTS), shifted.events(FIRST..EVENTS))
}

fn churn(events: &StreamSample) -> f64 {
    events.customers.label.iter().filter(|left| **left).count() as f64 / events.len() as f64
}

fn word<'a>(table: &'a Table, name: &str, row: usize) -> &'a str {
    table.words(feature_index(name).unwrap()).get(row).unwrap_or("(missing)")
}

/// The group that a row falls into, with the shares of all groups.
fn shares(events: &StreamSample, group: impl Fn(&Table, usize) -> String) -> HashMap<String, f64> {
    let mut shares = HashMap::new();
    for row in 0..events.len() {
        *shares.entry(group(&events.customers.features, row)).or_default() += 1.0 / events.len() as f64;
    }
    shares
}

/// Population stability index of two sets of shares.
fn psi(before: &HashMap<String, f64>, after: &HashMap<String, f64>) -> f64 {
    let floor = |share: Option<&f64>| share.copied().unwrap_or(0.0).max(1e-4);
    let groups: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    groups
        .into_iter()
        .map(|group| {
            let (old, new) = (floor(before.get(group)), floor(after.get(group)));
            (new - old) * (new / old).ln()
        })
        .sum()
}

fn contract(table: &Table, row: usize) -> String {
    word(table, "contract", row).to_owned()
}

fn year(table: &Table, row: usize) -> String {
    (table.numbers(feature_index("tenure").unwrap())[row] / 12.0).floor().to_string()
}

/// Largest difference in churn within a contract and year of tenure that 400 rows or more of both streams share.
fn change_within_groups(one: &StreamSample, two: &StreamSample) -> f64 {
    let rates = |events: &StreamSample| {
        let mut groups: HashMap<String, (f64, f64)> = HashMap::new();
        for row in 0..events.len() {
            let table = &events.customers.features;
            let internet = word(table, "internet_service", row);
            let group = groups.entry(format!("{} {} {internet}", contract(table, row), year(table, row))).or_default();
            group.0 += 1.0;
            group.1 += f64::from(u8::from(events.customers.label[row]));
        }
        groups
    };
    let (one, two) = (rates(one), rates(two));
    let both = one.iter().filter_map(|(group, one)| Some((one, two.get(group)?)));
    both.filter(|(one, two)| one.0.min(two.0) >= 400.0)
        .map(|(one, two)| (one.1 / one.0 - two.1 / two.0).abs())
        .fold(0.0, f64::max)
}

#[test]
fn scenarios_of_people_make_no_impossible_customer_and_nobody_returns_after_leaving() {
    use ScenarioKind::{ConceptDrift, CovariateDrift, LabelShift};
    let source = with(&[full(CovariateDrift), full(ConceptDrift), full(LabelShift)]);
    let events = source.events(0..EVENTS);
    Checker::new().assert_possible(&events.customers);
    let mut left: HashMap<&str, bool> = HashMap::new();
    for row in 0..events.len() {
        let id = events.customer_id.get(row).unwrap();
        assert!(!left.insert(id, events.customers.label[row]).unwrap_or(false), "{id} returns after leaving");
    }
}

#[test]
fn covariate_drift_changes_who_comes_and_not_who_leaves_given_that() {
    let (plain, drifted) = after(ScenarioKind::CovariateDrift);
    let (by_contract, by_year) = (
        psi(&shares(&plain, contract), &shares(&drifted, contract)),
        psi(&shares(&plain, year), &shares(&drifted, year)),
    );
    assert!(by_contract > 0.25 && by_year > 0.25, "contract {by_contract}, tenure {by_year}");
    let change = change_within_groups(&plain, &drifted);
    assert!(change < 0.09, "churn within a group changes by {change}");
}

#[test]
fn concept_drift_changes_who_leaves_and_not_who_comes() {
    let (plain, drifted) = after(ScenarioKind::ConceptDrift);
    let moved = psi(&shares(&plain, contract), &shares(&drifted, contract))
        + psi(&shares(&plain, year), &shares(&drifted, year));
    assert!(moved < 0.02, "features move by {moved}");
    assert!((churn(&drifted) - churn(&plain)).abs() < 0.08, "churn {} was {}", churn(&drifted), churn(&plain));
    assert!(change_within_groups(&plain, &drifted) > 0.3);
    let leaving = |events: &StreamSample, wanted: &str| {
        let rows: Vec<usize> =
            (0..events.len()).filter(|&row| contract(&events.customers.features, row) == wanted).collect();
        rows.iter().filter(|&&row| events.customers.label[row]).count() as f64 / rows.len() as f64
    };
    assert!(leaving(&plain, "Month-to-month") > leaving(&plain, "Two year") + 0.2);
    assert!(leaving(&drifted, "Two year") > leaving(&drifted, "Month-to-month") + 0.2);
}

#[test]
fn label_shift_brings_more_leavers_of_the_same_kind() {
    let (plain, shifted) = after(ScenarioKind::LabelShift);
    assert!(churn(&shifted) > churn(&plain) + 0.15, "churn {} was {}", churn(&shifted), churn(&plain));
    let leavers = |events: &StreamSample| {
        let rows = (0..events.len()).filter(|&row| events.customers.label[row] && !events.returning[row]);
        let customers = events.customers.features.select(rows);
        let count = customers.len() as f64;
        (0..customers.len()).fold(HashMap::new(), |mut shares: HashMap<String, f64>, row| {
            *shares.entry(contract(&customers, row)).or_default() += 1.0 / count;
            shares
        })
    };
    let moved = psi(&leavers(&plain), &leavers(&shifted));
    assert!(moved < 0.01, "leavers' contracts move by {moved}");
}

#[test]
fn missing_values_and_the_new_category_take_their_share_and_touch_nothing_else() {
    for (kind, touched, share) in [
        (ScenarioKind::MissingValues, &["contract", "payment_method", "paperless_billing"][..], 0.3),
        (ScenarioKind::NewCategory, &["payment_method"][..], 0.25),
    ] {
        let (plain, changed) = after(kind);
        assert_eq!(plain.customers.label, changed.customers.label);
        for (at, feature) in churn_domain::FEATURES.iter().enumerate() {
            let count = match (plain.customers.features.column(at), changed.customers.features.column(at)) {
                (Column::Number(old), Column::Number(new)) => {
                    old.iter().zip(new).filter(|(old, new)| old.to_bits() != new.to_bits()).count()
                }
                (Column::Category(old), Column::Category(new)) => {
                    let new_ones = |word: Option<&str>| {
                        if kind == ScenarioKind::NewCategory { word == Some(NEW_CATEGORY) } else { word.is_none() }
                    };
                    let differ: Vec<_> = old.iter().zip(new.iter()).filter(|(old, new)| old != new).collect();
                    assert!(differ.iter().all(|(_, new)| new_ones(*new)), "{}", feature.name);
                    differ.len()
                }
                _ => panic!("both tables have the same columns"),
            };
            let found = count as f64 / plain.len() as f64;
            let wanted = if touched.contains(&feature.name) { share } else { 0.0 };
            assert!((found - wanted).abs() < 0.01, "{kind}: {found} of {} changed, expected {wanted}", feature.name);
        }
    }
}

#[test]
fn a_stream_with_scenarios_is_the_same_however_it_is_drawn_and_a_strength_of_0_ends_one() {
    let ended = ScenarioKind::ALL.map(|kind| Scenario { kind, first: FIRST + 5_000, strength: 0.0 });
    let scenarios: Vec<Scenario> = ScenarioKind::ALL.into_iter().map(full).chain(ended).collect();
    let source = with(&scenarios);
    let whole = source.events(FIRST - 100..FIRST + 1_000);
    let mut parts = source.events(FIRST - 100..FIRST + 333);
    source.events_into(FIRST + 333..FIRST + 1_000, &mut parts);
    assert!(same(&whole.customers, &parts.customers) && whole.customer_id == parts.customer_id);
    // Customers who came during the scenarios return for less than two blocks.
    let late = FIRST + 5_000 + 3 * (1 << Recurrence::default().block_bits)..EVENTS;
    let (plain, over) = (with(&[]).events(late.clone()), source.events(late));
    let contracts = psi(&shares(&plain, contract), &shares(&over, contract));
    assert!(contracts < 0.01 && (churn(&plain) - churn(&over)).abs() < 0.01, "{contracts}");
}
