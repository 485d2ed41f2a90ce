//! All columns at once: the reconstruction error is scikit-learn's, the domain classifier finds what there is.

use churn_drift::multivariate::{Feature, Impossible, domain, reconstruction};
use serde_json::Value;

use crate::numerical::load;
use crate::samples::numbers;

fn features(specs: &Value) -> Vec<Feature> {
    let feature = |spec: &Value| {
        let values = numbers(spec);
        match spec["kind"].as_str().unwrap() {
            "word" => {
                let word = |value: &f64| value.is_finite().then(|| format!("w{}", value.trunc()));
                Feature::Words(values.iter().map(word).collect())
            }
            _ => Feature::Numbers(values),
        }
    };
    specs.as_array().unwrap().iter().map(feature).collect()
}

#[test]
fn the_reconstruction_error_equals_scikit_learns() {
    let cases = load("multivariate.json");
    for (number, case) in cases.as_array().unwrap().iter().enumerate() {
        let found = reconstruction(&features(&case["before"]), &features(&case["after"])).unwrap();
        assert_eq!(found.components as u64, case["components"].as_u64().unwrap(), "case {number}");
        for (what, found) in [("reference", found.reference), ("current", found.current)] {
            let expected = case[what].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-9, "case {number} {what}: {found}, scikit-learn says {expected}");
        }
        assert!(found.lower < found.reference && found.reference < found.upper);
    }
}

/// Two columns that go together, or no longer do; each looks the same either way.
fn pair(rows: usize, seed: u64, together: bool) -> Vec<Feature> {
    let mut state = seed;
    let mut chance = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let first: Vec<f64> = (0..rows).map(|_| chance()).collect();
    let second = first.iter().map(|value| if together { value + 0.05 * chance() } else { chance() * 1.05 }).collect();
    let words = (0..rows).map(|_| Some(if chance() < 0.5 { "a" } else { "b" }.to_owned())).collect();
    vec![Feature::Numbers(first), Feature::Numbers(second), Feature::Words(words)]
}

#[test]
fn columns_that_no_longer_go_together_are_a_drift_and_the_same_rows_are_none() {
    let reference = pair(2_000, 1, true);
    let (same, apart) = (pair(1_000, 2, true), pair(1_000, 3, false));
    let calm = reconstruction(&reference, &same).unwrap();
    assert!(!calm.drifted, "{calm:?}");
    let found = reconstruction(&reference, &apart).unwrap();
    assert!(found.drifted && found.current > found.upper, "{found:?}");
    let calm = domain(&reference, &same).unwrap();
    assert!(!calm.drifted && (calm.auc - 0.5).abs() < 0.06, "{calm:?}");
    let mut moved = same;
    if let Feature::Words(words) = &mut moved[2] {
        words.iter_mut().step_by(2).for_each(|word| *word = Some("c".into()));
    }
    let found = domain(&reference, &moved).unwrap();
    assert!(found.drifted && found.auc > 0.7, "{found:?}");
}

#[test]
fn what_cannot_be_told_is_refused_with_the_reason() {
    let (few, enough) = (pair(49, 1, true), pair(60, 1, true));
    assert_eq!(reconstruction(&few, &enough), Err(Impossible::TooFew(49)));
    assert_eq!(domain(&enough, &enough[..2]), Err(Impossible::OtherColumns));
    let nothing = vec![Feature::Numbers(vec![f64::NAN; 60]), Feature::Words(vec![None; 60])];
    assert_eq!(reconstruction(&nothing, &nothing), Err(Impossible::Constant));
    assert!(domain(&nothing, &nothing).is_ok_and(|found| !found.drifted && found.auc == 0.5));
}
