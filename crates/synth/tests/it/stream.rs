//! Customers who come again.

use std::collections::{BTreeSet, HashMap};

use churn_domain::feature_index;
use churn_synth::{EventSource, InvalidRecurrence, Recurrence, StreamSample};
use proptest::prelude::*;

use crate::GENERATOR;
use crate::checker::Checker;
use crate::sampling::same;

const EVENTS: u64 = 60_000;

fn source(seed: u64, stream: &str) -> EventSource {
    EventSource::new(GENERATOR.clone(), seed, stream, Recurrence::default()).unwrap()
}

fn numbers<'a>(events: &'a StreamSample, name: &str) -> &'a [f64] {
    events.customers.features.numbers(feature_index(name).unwrap())
}

/// Rows of each customer, in order.
fn lives(events: &StreamSample) -> HashMap<&str, Vec<usize>> {
    let mut lives: HashMap<&str, Vec<usize>> = HashMap::new();
    for (row, id) in events.customer_id.iter().enumerate() {
        lives.entry(id.unwrap()).or_default().push(row);
    }
    lives
}

#[test]
fn no_event_of_a_stream_is_impossible() {
    Checker::new().assert_possible(&source(1, "a").events(0..EVENTS).customers);
}

#[test]
fn a_returning_customer_has_grown_and_never_returns_after_leaving() {
    let events = source(1, "a").events(0..EVENTS);
    let (tenure, total) = (numbers(&events, "tenure"), numbers(&events, "total_charges"));
    let paid = |row: usize| if total[row].is_nan() { 0.0 } else { total[row] };
    for rows in lives(&events).values() {
        assert!(!events.returning[rows[0]] && rows[1..].iter().all(|&row| events.returning[row]));
        for pair in rows.windows(2) {
            assert!(tenure[pair[1]] > tenure[pair[0]] && paid(pair[1]) > paid(pair[0]), "rows {pair:?}");
            assert!(!events.customers.label[pair[0]], "row {} returns after it left", pair[0]);
        }
    }
}

#[test]
fn through_a_whole_life_months_are_whole_and_the_total_grows_by_what_was_paid() {
    let events = source(1, "a").events(0..EVENTS);
    let (tenure, monthly, total) =
        (numbers(&events, "tenure"), numbers(&events, "monthly_charges"), numbers(&events, "total_charges"));
    for rows in lives(&events).values() {
        let mut paid = if total[rows[0]].is_nan() { 0 } else { cents(total[rows[0]]) };
        for pair in rows.windows(2) {
            let months = tenure[pair[1]] - tenure[pair[0]];
            assert!(months.fract() == 0.0 && (1.0..=6.0).contains(&months), "rows {pair:?}: {months} months");
            paid += months as i64 * cents(monthly[pair[1]]);
            assert_eq!(cents(total[pair[1]]), paid, "rows {pair:?}");
        }
    }
}

#[test]
fn services_and_price_change_together_and_only_together() {
    let events = source(1, "a").events(0..EVENTS);
    let monthly = numbers(&events, "monthly_charges");
    let (mut streaming, mut moved, mut stuck) = (Vec::new(), 0, 0);
    for rows in lives(&events).values() {
        for pair in rows.windows(2) {
            let [(old, had), (new, has)] = [pair[0], pair[1]].map(|row| plan(&events, row));
            let change = cents(monthly[pair[1]]) - cents(monthly[pair[0]]);
            let (came, went): (Vec<_>, Vec<_>) = (has.difference(&had).collect(), had.difference(&has).collect());
            match (old == new, came.as_slice(), went.as_slice()) {
                (true, [], []) => assert_eq!(change, 0, "rows {pair:?}: the price moved by itself"),
                (true, added, []) => {
                    assert!(change >= 0, "rows {pair:?}: {added:?} came and the price fell by {change}");
                    if added == [&"streaming_tv"] {
                        streaming.push(change);
                    }
                }
                (true, [], gone) => assert!(change <= 0, "rows {pair:?}: {gone:?} went and the price rose by {change}"),
                _ => {}
            }
            if (&old, &had) != (&new, &has) {
                *(if change == 0 { &mut stuck } else { &mut moved }) += 1;
            }
        }
    }
    // A swap of two extras of one price, and a price that is already the highest real one.
    assert!(moved > 1_000 && stuck * 20 < moved, "{moved} prices moved with the services, {stuck} did not");
    streaming.sort_unstable();
    let usual = streaming[streaming.len() / 2];
    assert!((900..=1_100).contains(&usual), "streaming costs {usual} cents more, about ten dollars in the real data");
}

/// Bundle, and the extras taken.
fn plan(events: &StreamSample, row: usize) -> (String, BTreeSet<&'static str>) {
    let table = &events.customers.features;
    let word = |name: &str| table.words(feature_index(name).unwrap()).get(row).unwrap();
    let extras = [
        "multiple_lines",
        "online_security",
        "online_backup",
        "device_protection",
        "tech_support",
        "streaming_tv",
        "streaming_movies",
    ];
    let bundle = format!("{} {}", numbers(events, "phone_service")[row], word("internet_service"));
    (bundle, extras.into_iter().filter(|extra| word(extra) == "Yes").collect())
}

fn cents(amount: f64) -> i64 {
    (amount * 100.0).round() as i64
}

#[test]
fn some_lives_have_three_events_and_every_kind_of_change() {
    let events = source(1, "a").events(0..EVENTS);
    let lives = lives(&events);
    assert!(lives.values().any(|rows| rows.len() > 2));
    let table = &events.customers.features;
    for name in ["contract", "payment_method", "internet_service", "streaming_tv"] {
        let words = table.words(feature_index(name).unwrap());
        let changed = lives.values().any(|rows| rows.windows(2).any(|pair| words.get(pair[0]) != words.get(pair[1])));
        assert!(changed, "nobody changes {name}");
    }
    let zip = &events.customers.location.zip_code;
    assert!(lives.values().any(|rows| rows.windows(2).any(|pair| zip.get(pair[0]) != zip.get(pair[1]))));
}

#[test]
fn the_share_of_returning_customers_is_the_one_asked_for() {
    let skipped = 1 << Recurrence::default().block_bits;
    for share in [0.0, 0.1, 0.2, 0.4] {
        let recurrence = Recurrence { share, ..Recurrence::default() };
        let source = EventSource::new(GENERATOR.clone(), 1, "a", recurrence).unwrap();
        let returning = source.events(skipped..EVENTS).returning;
        let found = returning.iter().filter(|returning| **returning).count() as f64 / returning.len() as f64;
        assert!((found - share).abs() < 0.02, "{found}, asked for {share}");
    }
}

#[test]
fn a_recurrence_that_cannot_be_is_refused() {
    let open = |recurrence| EventSource::new(GENERATOR.clone(), 1, "a", recurrence).unwrap_err();
    assert_eq!(open(Recurrence { share: 0.7, block_bits: 12 }), InvalidRecurrence::Share(0.7));
    assert!(matches!(open(Recurrence { share: f64::NAN, block_bits: 12 }), InvalidRecurrence::Share(_)));
    assert_eq!(open(Recurrence { share: 0.2, block_bits: 13 }), InvalidRecurrence::Block(13));
}

#[test]
fn ids_are_those_of_one_seed_and_one_stream() {
    let first = |seed, stream: &str| source(seed, stream).events(0..1).customer_id.get(0).unwrap().to_owned();
    let ids = [first(1, "a"), first(1, "b"), first(2, "a")];
    assert!(ids.iter().all(|id| id.len() == 26) && ids[0] != ids[1] && ids[0] != ids[2]);
    assert_eq!(ids[0], first(1, "a"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_part_of_a_stream_is_the_same_however_it_is_drawn(
        start in 0..100_000_u64, rows in 0..1_000_u64, cut in 0.0..1.0, threads in 1..5_usize,
    ) {
        let source = source(9, "stream");
        let whole = source.events(start..start + rows);
        let cut = start + (rows as f64 * cut) as u64;
        let mut both = source.events(start..cut);
        source.events_into(cut..start + rows, &mut both);
        prop_assert!(same(&both.customers, &whole.customers));
        prop_assert_eq!((&both.customer_id, &both.returning), (&whole.customer_id, &whole.returning));
        let parts = source.events_parts(start..start + rows, threads);
        let ids: Vec<_> = parts.iter().flat_map(|part| part.customer_id.iter()).collect();
        prop_assert!(ids.into_iter().eq(whole.customer_id.iter()));
    }
}
