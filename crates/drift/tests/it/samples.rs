//! Samples that Python and Rust make alike: see `tests/numerical/samples.py`.

use churn_drift::exact::{Numbers, Sample, Words};
use serde_json::Value;

/// splitmix64, 53 bits of each number.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The numbers of a sample, NaN for a missing one.
pub(crate) fn numbers(spec: &Value) -> Vec<f64> {
    let number = |key: &str| spec[key].as_f64().unwrap();
    let count = |key: &str| spec[key].as_u64().unwrap();
    let mut draws = Draws(count("seed"));
    let (distinct, missing) = (count("distinct"), count("missing"));
    let infinite = spec["infinite"].as_u64().unwrap_or(0);
    (0..count("rows"))
        .map(|row| {
            let (a, b, c) = (draws.next(), draws.next(), draws.next());
            let mut u = match spec["shape"].as_str().unwrap() {
                "even" => a,
                "skewed" => a * a * a,
                "bell" => (a + b + c) / 3.0,
                other => panic!("unknown shape {other}"),
            };
            if distinct > 0 {
                u = (u * distinct as f64).floor();
            }
            let value = number("offset") + number("scale") * u;
            if missing > 0 && row % missing == missing - 1 {
                f64::NAN
            } else if infinite > 0 && row % infinite == infinite - 1 {
                if row % 2 == 1 { f64::NEG_INFINITY } else { f64::INFINITY }
            } else {
                value
            }
        })
        .map(|value| if spec["kind"] == "float" { value } else { value.trunc() })
        .collect()
}

/// The sample as the crate takes it.
pub(crate) fn sample(spec: &Value) -> Sample {
    let values = numbers(spec);
    if spec["kind"] == "word" {
        let mut words = Words::default();
        values.iter().filter(|value| value.is_finite()).for_each(|value| words.add(&format!("w{value}")));
        return Sample::Words(words);
    }
    let whole = spec["kind"] == "int" && values.iter().all(|value| value.is_finite());
    Sample::Numbers(Numbers::new(values, whole))
}
