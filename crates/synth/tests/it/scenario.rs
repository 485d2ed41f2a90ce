//! What each scenario does to a stream, and what it leaves alone.

use std::collections::HashMap;

use churn_domain::{Column, Table, feature_index};
use churn_synth::{EventSource, NEW_CATEGORY, Recurrence, Scenario, ScenarioKind, StreamSample};

use crate::GENERATOR;
use crate::checker::Checker;
use crate::sampling::{same, same_features};

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

/// Rows of customers that are seen for the first time: drawn one by one, so that shares of them scatter as chance has it.
fn newcomers(events: &StreamSample) -> Vec<usize> {
    (0..events.len()).filter(|&row| !events.returning[row]).collect()
}

/// So many of so many rows.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    part: f64,
    whole: f64,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.part += f64::from(u8::from(hit));
        self.whole += 1.0;
    }

    fn value(self) -> f64 {
        self.part / self.whole
    }

    fn variance(self) -> f64 {
        self.value() * (1.0 - self.value()) / self.whole
    }

    /// By how many standard deviations the other share is larger than this one, were both of one kind.
    fn growth(self, other: Self) -> f64 {
        let pooled = (self.part + other.part) / (self.whole + other.whole);
        let error = (pooled * (1.0 - pooled) * (1.0 / self.whole + 1.0 / other.whole)).sqrt();
        if error > 0.0 { (other.value() - self.value()) / error } else { 0.0 }
    }
}

/// What chance exceeds once in 3.5 million times, here as everywhere below: five standard deviations of a normal number.
const SIGMAS: f64 = 5.0;

/// The same for the sum of so many squared normal numbers (chi-square, by Wilson and Hilferty's cube root, 1931).
fn squares(count: usize) -> f64 {
    let spread = 2.0 / (9.0 * count as f64);
    count as f64 * (1.0 - spread + SIGMAS * spread.sqrt()).powi(3)
}

/// The same for the stability index of two samples of one distribution: it is the chi-square statistic of so many groups less one,
/// times the sum of one over the rows.
fn index_by_chance(groups: usize, rows: usize, other_rows: usize) -> f64 {
    squares(groups - 1) * (1.0 / rows as f64 + 1.0 / other_rows as f64)
}

fn churn(events: &StreamSample, rows: &[usize]) -> Share {
    let mut share = Share::default();
    rows.iter().for_each(|&row| share.add(events.customers.label[row]));
    share
}

fn word<'a>(table: &'a Table, name: &str, row: usize) -> &'a str {
    table.words(feature_index(name).unwrap()).get(row).unwrap_or("(missing)")
}

/// The groups that these rows fall into, with their shares.
fn shares(events: &StreamSample, rows: &[usize], group: impl Fn(&Table, usize) -> String) -> HashMap<String, f64> {
    let mut shares = HashMap::new();
    for &row in rows {
        *shares.entry(group(&events.customers.features, row)).or_default() += 1.0 / rows.len() as f64;
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

fn tenure(table: &Table, row: usize) -> f64 {
    table.numbers(feature_index("tenure").unwrap())[row]
}

fn year(table: &Table, row: usize) -> String {
    (tenure(table, row) / 12.0).floor().to_string()
}

/// Whether newcomers alike in all that covariate drift looks at leave as often in one stream as in the other: the sum of the squared
/// differences, in standard deviations, over the groups that both streams have fifty rows of; and the number of groups.
fn change_within_groups(one: &StreamSample, two: &StreamSample) -> (f64, usize) {
    let rates = |events: &StreamSample| {
        let mut groups: HashMap<String, Share> = HashMap::new();
        for row in newcomers(events) {
            let table = &events.customers.features;
            let (contract, internet) = (contract(table, row), word(table, "internet_service", row));
            let group = groups.entry(format!("{contract} {internet} {}", tenure(table, row))).or_default();
            group.add(events.customers.label[row]);
        }
        groups
    };
    let (one, two) = (rates(one), rates(two));
    let both = one.iter().filter_map(|(group, one)| Some((*one, *two.get(group)?)));
    let large = both.filter(|(one, two)| one.whole.min(two.whole) >= 50.0);
    let squared: Vec<f64> = large.map(|(one, two)| one.growth(two).powi(2)).collect();
    (squared.iter().sum(), squared.len())
}

/// Customers that are new at the same events of both streams.
fn new_in_both(one: &StreamSample, two: &StreamSample) -> Vec<usize> {
    (0..one.len()).filter(|&row| !one.returning[row] && !two.returning[row]).collect()
}

fn assert_same_people(one: &StreamSample, two: &StreamSample) {
    let rows = new_in_both(one, two);
    assert!(rows.len() > one.len() / 2, "{} rows", rows.len());
    let people = |events: &StreamSample| events.customers.features.select(rows.iter().copied());
    assert!(same_features(&people(one), &people(two)), "other people come");
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
    let (before, now) = (newcomers(&plain), newcomers(&drifted));
    let (by_contract, by_year) = (
        psi(&shares(&plain, &before, contract), &shares(&drifted, &now, contract)),
        psi(&shares(&plain, &before, year), &shares(&drifted, &now, year)),
    );
    // The size of the effect that the scenario is made for: beyond what is commonly called a large drift.
    assert!(by_contract > 0.25 && by_year > 0.25, "contract {by_contract}, tenure {by_year}");
    let (change, groups) = change_within_groups(&plain, &drifted);
    assert!(groups > 10 && change < squares(groups), "churn changes by {change} in {groups} groups");
}

#[test]
fn concept_drift_changes_who_leaves_and_not_who_comes() {
    let (plain, drifted) = after(ScenarioKind::ConceptDrift);
    assert_same_people(&plain, &drifted);
    let (change, groups) = change_within_groups(&plain, &drifted);
    assert!(change > squares(groups), "churn changes by {change} in {groups} groups");
    // Those who leave most are those who left least.
    let leaving = |events: &StreamSample, wanted: &str| {
        let mut rows = newcomers(events);
        rows.retain(|&row| contract(&events.customers.features, row) == wanted);
        churn(events, &rows)
    };
    let longer = |events: &StreamSample| leaving(events, "Month-to-month").growth(leaving(events, "Two year"));
    assert!(longer(&plain) < -SIGMAS && longer(&drifted) > SIGMAS, "{} {}", longer(&plain), longer(&drifted));
}

/// Probability that the one chosen of four candidates is a leaver, where each is with probability `p`, and is chosen five times
/// as often then.
fn chosen_leaver(p: f64) -> f64 {
    let ways = [1.0, 4.0, 6.0, 4.0, 1.0];
    let of = |leavers: usize| {
        let (left, stayed) = (leavers as f64, (4 - leavers) as f64);
        ways[leavers] * p.powf(left) * (1.0 - p).powf(stayed) * 5.0 * left / (5.0 * left + stayed)
    };
    (0..=4).map(of).sum()
}

#[test]
fn label_shift_brings_more_leavers_of_the_same_kind() {
    let (plain, shifted) = after(ScenarioKind::LabelShift);
    let (before, now) = (churn(&plain, &newcomers(&plain)), churn(&shifted, &newcomers(&shifted)));
    let (expected, p) = (chosen_leaver(before.value()), before.value());
    let slope = (chosen_leaver(p + 1e-6) - expected) / 1e-6;
    let chance = SIGMAS * (now.variance() + slope * slope * before.variance()).sqrt();
    assert!((now.value() - expected).abs() < chance, "{now:?}, expected {expected} within {chance}");
    assert!(before.growth(now) > SIGMAS, "{now:?} after {before:?}");
    let leavers = |events: &StreamSample| {
        let mut rows = newcomers(events);
        rows.retain(|&row| events.customers.label[row]);
        (shares(events, &rows, contract), rows.len())
    };
    let ((before, rows), (now, other_rows)) = (leavers(&plain), leavers(&shifted));
    let (moved, chance) = (psi(&before, &now), index_by_chance(3, rows, other_rows));
    assert!(moved < chance, "leavers' contracts move by {moved}, by chance {chance} at most");
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
            if !touched.contains(&feature.name) {
                assert_eq!(count, 0, "{kind}: {}", feature.name);
                continue;
            }
            let (rows, found) = (plain.len() as f64, count as f64 / plain.len() as f64);
            let chance = SIGMAS * (share * (1.0 - share) / rows).sqrt();
            assert!((found - share).abs() < chance, "{kind}: {found} of {} changed, not {share}", feature.name);
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
    assert_same_people(&plain, &over);
    let all: Vec<usize> = (0..plain.len()).collect();
    let contracts = psi(&shares(&plain, &all, contract), &shares(&over, &all, contract));
    assert!(contracts < index_by_chance(3, all.len(), all.len()), "{contracts}");
    assert!(churn(&plain, &all).growth(churn(&over, &all)).abs() < SIGMAS);
}
