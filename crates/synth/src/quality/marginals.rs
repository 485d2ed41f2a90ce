//! Single columns side by side, for looking at.

use churn_domain::{FEATURES, LABEL, MISSING, feature_index};
use serde::Serialize;

use super::view::{Customers, Values, names, views};

/// One column of both tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MarginalPair {
    /// The column's name.
    pub column: &'static str,
    /// Whether the bars are stretches of a number rather than values.
    pub is_number: bool,
    /// The bars, in the order of the values.
    pub bars: Vec<Bar>,
}

/// A value, or a stretch of a number, and how many customers have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// The value, or the stretch's lower end.
    pub value: String,
    /// Share of the real customers.
    pub real: f64,
    /// Share of the synthetic customers.
    pub synthetic: f64,
}

/// Stretches of a number: months and dollars still show their peaks.
const STRETCHES: usize = 24;

/// The distribution of every column in both tables, the label first.
pub fn marginals(real: Customers<'_>, synthetic: Customers<'_>) -> Vec<MarginalPair> {
    let [reals, synthetics] = views([real, synthetic]);
    let pair = |(column, (real, synthetic)): (&'static str, (&Values, &Values))| match (real, synthetic) {
        (Values::Number { values: real, .. }, Values::Number { values: synthetic, .. }) => {
            MarginalPair { column, is_number: true, bars: stretches(real, synthetic) }
        }
        (real, synthetic) => {
            MarginalPair { column, is_number: false, bars: values(column, real.codes(), synthetic.codes()) }
        }
    };
    names().into_iter().zip(reals.iter().zip(&synthetics)).map(pair).collect()
}

fn values(column: &str, real: &[u16], synthetic: &[u16]) -> Vec<Bar> {
    let mut codes: Vec<u16> = real.iter().chain(synthetic).copied().collect();
    codes.sort_unstable();
    codes.dedup();
    let share = |of: &[u16], code: u16| of.iter().filter(|found| **found == code).count() as f64 / of.len() as f64;
    codes
        .into_iter()
        .map(|code| Bar { value: word(column, code), real: share(real, code), synthetic: share(synthetic, code) })
        .collect()
}

fn word(column: &str, code: u16) -> String {
    let words = feature_index(column).map_or(&[][..], |feature| FEATURES[feature].categories());
    match words.get(usize::from(code)) {
        Some(word) => (*word).to_owned(),
        None if code == MISSING => "(missing)".to_owned(),
        None if column == LABEL || words.is_empty() => {
            ["No", "Yes"].get(usize::from(code)).map_or_else(|| code.to_string(), |word| (*word).to_owned())
        }
        None => "(unknown word)".to_owned(),
    }
}

fn stretches(real: &[f64], synthetic: &[f64]) -> Vec<Bar> {
    let present = || real.iter().chain(synthetic).copied().filter(|value| !value.is_nan());
    let (low, high) = present().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let width = if high > low { (high - low) / STRETCHES as f64 } else { 1.0 };
    let place = |value: f64| (((value - low) / width) as usize).min(STRETCHES - 1);
    let shares = |values: &[f64]| {
        let mut shares = vec![0.0; STRETCHES + 1];
        let place = |value: &f64| if value.is_nan() { STRETCHES } else { place(*value) };
        values.iter().for_each(|value| shares[place(value)] += 1.0 / values.len() as f64);
        shares
    };
    let (real, synthetic) = (shares(real), shares(synthetic));
    let name = |at: usize| if at == STRETCHES { "(missing)".into() } else { format!("{:.1}", low + width * at as f64) };
    let bar = |at: usize| Bar { value: name(at), real: real[at], synthetic: synthetic[at] };
    let shown = if real[STRETCHES] + synthetic[STRETCHES] > 0.0 { STRETCHES + 1 } else { STRETCHES };
    (0..shown).map(bar).collect()
}
