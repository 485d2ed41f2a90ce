//! The intervals of average precision and calibration error against bootstraps of the rows (`tests/numerical/make_intervals.py`).

use churn_domain::Probability;
use churn_drift::Performance;

use crate::numerical::load;
use crate::samples::numbers;

/// Standard errors of an interval that holds the true figure with a confidence of 95 %.
const CONFIDENCE: f64 = 1.959_963_984_540_054;

#[test]
fn average_precision_scatters_as_the_bootstrap_says_and_so_does_a_clear_calibration_error() {
    let content = load("intervals.json");
    let cases = content["cases"].as_array().unwrap();
    let mut ratios = Vec::new();
    let mut clear = 0;
    for case in cases {
        let of = |key: &str| case[key].as_f64().unwrap();
        let over = of("over");
        let mut performance = Performance::new();
        for (p, u) in numbers(&case["probability"]).into_iter().zip(numbers(&case["truth"])) {
            let p = p.clamp(0.0, 1.0);
            performance.add(Probability::new(p).unwrap(), p >= 0.5, u < p - over);
        }
        let (figures, name) = (performance.summary(), &case["name"]);
        assert!((figures.average_precision.unwrap() - of("average_precision")).abs() < 1e-3, "{name}");
        assert!((figures.calibration_error.unwrap() - of("calibration_error")).abs() < 1e-9, "{name}");
        let error = performance.errors().average_precision.unwrap();
        let ratio = error / of("average_precision_deviation");
        assert!((0.8..1.25).contains(&ratio), "{name}: average precision scatters {ratio} times as the bootstrap says");
        ratios.push(ratio);

        let found = performance.intervals(CONFIDENCE).calibration_error.unwrap();
        let (lower, upper) = (of("calibration_error_lower"), of("calibration_error_upper"));
        if over == 0.0 {
            assert!(found.lower < lower, "{name}: chance alone is no error, which the bootstrap takes it for");
        } else if lower > 0.1 {
            clear += 1;
            let wider = (found.upper - found.lower) / (upper - lower);
            // Few rows leave bins in doubt, and doubt is wide.
            let most = if figures.rows >= 3_000 { 1.3 } else { 2.0 };
            assert!((0.85..most).contains(&wider), "{name}: {wider} times as wide as the bootstrap's");
            assert!(found.lower < lower + 0.01 && found.upper > upper - 0.01, "{name}: {found:?}, {lower} to {upper}");
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((0.95..1.05).contains(&mean), "{mean} on average");
    assert!(cases.len() == 60 && clear >= 15, "{clear} clear errors of {} cases", cases.len());
}
