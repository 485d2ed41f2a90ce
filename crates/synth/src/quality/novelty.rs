//! Whether synthetic customers are new ones.

use std::collections::HashMap;

use serde::Serialize;

use super::record::{Record, records};
use super::view::{Customers, views};

/// How near, as a share of the synthetic number, a real number is taken for the same (SDMetrics' default).
const TOLERANCE: f64 = 0.01;

/// How many synthetic customers real ones have already been.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Novelty {
    /// NewRowSynthesis: share of the synthetic rows that no real row matches, in every category and within 1 % of every
    /// number.
    pub score: f64,
    /// Synthetic rows that equal a real row in every value.
    pub copies: usize,
}

/// Looks every synthetic customer up among the real ones.
pub fn novelty(real: Customers<'_>, synthetic: Customers<'_>) -> Novelty {
    let [real, synthetic] = views([real, synthetic]).map(|columns| records(&columns));
    let mut alike: HashMap<_, Vec<&Record>> = HashMap::new();
    real.iter().for_each(|row| alike.entry(row.codes).or_default().push(row));
    let found = |row: &Record, tolerance: f64| {
        alike.get(&row.codes).is_some_and(|rows| rows.iter().any(|real| matches(row, real, tolerance)))
    };
    let matched = synthetic.iter().filter(|row| found(row, TOLERANCE)).count();
    let copies = synthetic.iter().filter(|row| found(row, 0.0)).count();
    Novelty { score: 1.0 - matched as f64 / synthetic.len() as f64, copies }
}

fn matches(synthetic: &Record, real: &Record, tolerance: f64) -> bool {
    let same = |(synthetic, real): (&f64, &f64)| {
        synthetic == real
            || (*synthetic < Record::MISSING_NUMBER && (real - synthetic).abs() <= (tolerance * synthetic).abs())
    };
    synthetic.numbers.iter().zip(&real.numbers).all(same)
}
