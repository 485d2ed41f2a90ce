//! AUC from the histogram against the exact one.

use churn_domain::Probability;
use churn_drift::performance::Ranking;
use proptest::prelude::*;

fn exact_auc(rows: &[(f64, bool)]) -> Option<f64> {
    let side = |wanted: bool| rows.iter().filter(move |row| row.1 == wanted).map(|row| row.0);
    let pairs = side(true).count() * side(false).count();
    let won: f64 = side(true)
        .flat_map(|p| side(false).map(move |n| if p > n { 1.0 } else { f64::from(u8::from(p == n)) / 2.0 }))
        .sum();
    (pairs > 0).then(|| won / pairs as f64)
}

fn ranking(rows: &[(f64, bool)]) -> Ranking {
    let mut ranking = Ranking::default();
    rows.iter().for_each(|&(p, actual)| ranking.add(Probability::new(p).unwrap(), actual));
    ranking
}

proptest! {
    #[test]
    fn the_stated_error_is_never_exceeded(
        rows in prop::collection::vec((0.0..=1.0, any::<bool>()), 0..150),
        narrow in 0.0..=1.0,
    ) {
        // A narrow range puts many rows into few bins: the hard case.
        let rows: Vec<(f64, bool)> = rows.iter().map(|row| (0.4 + (row.0 - 0.4) * narrow, row.1)).collect();
        let ranking = ranking(&rows);
        prop_assert_eq!(ranking.auc().is_some(), exact_auc(&rows).is_some());
        if let (Some(found), Some(exact), Some(bound)) = (ranking.auc(), exact_auc(&rows), ranking.auc_error()) {
            prop_assert!((found - exact).abs() <= bound + 1e-12, "{} {} {}", found, exact, bound);
        }
    }
}

#[test]
fn evenly_spread_probabilities_keep_the_error_under_a_ten_thousandth() {
    let rows: Vec<(f64, bool)> =
        (0..2_000_u32).map(|row| (f64::from(row * 7919 % 2_000) / 2_000.0 + 0.000_123, row * 13 % 10 < 3)).collect();
    let ranking = ranking(&rows);
    assert!(ranking.auc_error().unwrap() < 1e-4);
    assert!((ranking.auc().unwrap() - exact_auc(&rows).unwrap()).abs() < 1e-4);
}

#[test]
fn a_constant_probability_ranks_like_a_coin() {
    let rows: Vec<(f64, bool)> = (0..100).map(|row| (0.25, row % 3 == 0)).collect();
    assert_eq!(ranking(&rows).auc(), Some(0.5));
}
