//! Kolmogorov and Smirnov's statistic and Wasserstein's distance from a window's bins, against those of whole samples.

use churn_domain::{Column, feature_index};
use churn_drift::exact::{Numbers, Sample, Score, Test, compare, kolmogorov_smirnov};
use churn_drift::{ColumnReference, ColumnWindow, Edges};

use crate::streaming::Chance;

/// A feature of the shipped customers, ascending.
fn shipped(name: &str) -> Vec<f64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv");
    let file = std::fs::File::open(path).expect("the shipped customers");
    let customers = churn_domain::csv::read(file, churn_domain::csv::ReadOptions::default()).expect("customers");
    let Column::Number(values) = customers.features.column(feature_index(name).expect("a feature")) else {
        unreachable!("a number")
    };
    let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    finite
}

/// Exact figures: the statistic, then the distance.
fn exact(before: &[f64], now: &[f64]) -> [f64; 2] {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let found = kolmogorov_smirnov(&sorted(before), &sorted(now)).expect("values on both sides");
    let sample = |values: &[f64]| Sample::Numbers(Numbers::new(values.to_vec(), false));
    match compare(sample(before), sample(now), Some(Test::Wasserstein)).score {
        Ok(Score::Distance(distance)) => [found.statistic, distance.get()],
        other => unreachable!("{other:?}"),
    }
}

/// The same by the bins of `reference`.
fn binned(reference: &ColumnReference, now: &[f64]) -> [f64; 2] {
    let mut window = ColumnWindow::new(std::sync::Arc::clone(reference.bins()));
    window.add_numbers(now);
    let distance = reference.wasserstein(&window).expect("values on both sides");
    [reference.kolmogorov_smirnov(&window).expect("values on both sides"), distance.get()]
}

/// Low numbers come oftener by `tilt` (high ones, where it is below 0), and all are `factor` times as large.
fn drawn(sorted: &[f64], rows: usize, tilt: f64, factor: f64, chance: &mut Chance) -> Vec<f64> {
    let mut one = || sorted[(chance.next().powf(1.0 + tilt) * sorted.len() as f64) as usize] * factor;
    (0..rows).map(|_| one()).collect()
}

/// Tilt, factor, and how far from the exact ones the statistic may lie (below) and the distance (either way).
const ERRORS: [(f64, f64, f64, f64); 11] = [
    // No change, and changes within the reference's range.
    (0.0, 1.0, 0.007, 0.003),
    (0.1, 1.0, 0.007, 0.009),
    (-0.1, 1.0, 0.007, 0.009),
    (0.3, 1.0, 0.007, 0.009),
    (-0.3, 1.0, 0.007, 0.009),
    (-0.5, 1.0, 0.007, 0.009),
    (1.0, 1.0, 0.02, 0.03),
    (2.0, 1.0, 0.03, 0.05),
    // All numbers change, and some leave the range.
    (0.0, 0.9, 0.05, 0.02),
    (0.0, 1.1, 0.07, 0.04),
    (0.0, 1.4, 0.02, 0.25),
];

#[test]
fn the_error_of_the_bins_is_bounded() {
    for name in ["tenure", "monthly_charges", "total_charges"] {
        let values = shipped(name);
        for (tilt, factor, below, around) in ERRORS {
            let mut most = [0.0_f64; 3];
            for seed in 0..20 {
                let mut chance = Chance(seed);
                let before = drawn(&values, 20_000, 0.0, 1.0, &mut chance);
                let now = drawn(&values, 10_000, tilt, factor, &mut chance);
                let reference = ColumnReference::of_numbers(name, &before);
                let ([d, w], [d_binned, w_binned]) = (exact(&before, &now), binned(&reference, &now));
                assert!(d_binned <= d + 1e-12, "{name}, tilt {tilt}, times {factor}, seed {seed}: {d_binned} for {d}");
                most[0] = most[0].max(d - d_binned);
                most[1] = most[1].max(w_binned - w);
                most[2] = most[2].max(w - w_binned);
            }
            assert!(
                most[0] <= below && most[1].max(most[2]) <= around,
                "{name}, tilt {tilt}, times {factor}: {most:?}"
            );
        }
    }
}

#[test]
fn the_statistic_is_below_the_exact_one_by_a_bins_share_at_most() {
    let mut chance = Chance(7);
    for round in 0..200 {
        let (spread, power) = (1.0 + chance.next() * 50.0, 0.3 + 3.0 * chance.next());
        let before: Vec<f64> = (0..500).map(|_| chance.next().powf(power) * 10.0).collect();
        let now: Vec<f64> = (0..300).map(|_| (chance.next() - 0.3) * spread).collect();
        let reference = ColumnReference::of_numbers("x", &before);
        let mut window = ColumnWindow::new(std::sync::Arc::clone(reference.bins()));
        window.add_numbers(&now);
        let (d, found) = (exact(&before, &now)[0], reference.kolmogorov_smirnov(&window).unwrap());
        let share = |counts: &[u64]| *counts.iter().max().unwrap() as f64 / counts.iter().sum::<u64>() as f64;
        let most = share(reference.counts()).max(share(window.counts()));
        assert!(found <= d + 1e-12 && d - found <= most, "round {round}: {found} for {d}, {most}");
    }
}

#[test]
fn few_values_are_exact_and_evenly_spread_ones_nearly() {
    let (before, now): (Vec<f64>, Vec<f64>) =
        ((0..600).map(|i| f64::from(i % 7)).collect(), (0..500).map(|i| f64::from(i % 6)).collect());
    let reference = ColumnReference::of_numbers("x", &before);
    for (found, exact) in binned(&reference, &now).into_iter().zip(exact(&before, &now)) {
        assert!((found - exact).abs() < 1e-12, "{found} {exact}");
    }
    let even = |rows: u32, from: f64, to: f64| -> Vec<f64> {
        (0..rows).map(|row| from + (to - from) * (f64::from(row) + 0.5) / f64::from(rows)).collect()
    };
    let edges = Edges::uniform(0.0, 1.0, 20).unwrap();
    let (before, now) = (even(10_000, 0.0, 1.0), even(10_000, 0.0, 0.5));
    let reference = ColumnReference::of_numbers_on("x", edges, &before);
    for (found, exact) in binned(&reference, &now).into_iter().zip(exact(&before, &now)) {
        assert!((found - exact).abs() < 1e-3, "{found} {exact}");
    }
}

#[test]
fn nothing_is_said_of_words_or_without_values() {
    let reference = ColumnReference::of_numbers("x", &[1.0, 2.0, 3.0]);
    let empty = ColumnWindow::new(std::sync::Arc::clone(reference.bins()));
    assert_eq!((reference.kolmogorov_smirnov(&empty), reference.wasserstein(&empty)), (None, None));
    let mut words = churn_domain::Interned::new(&["a", "b"]);
    [Some("a"), Some("b")].into_iter().for_each(|word| words.push(word));
    let reference = ColumnReference::of_words("w", &words);
    let mut window = ColumnWindow::new(std::sync::Arc::clone(reference.bins()));
    window.add_words(&words, 0..2);
    assert_eq!((reference.kolmogorov_smirnov(&window), reference.wasserstein(&window)), (None, None));
}
