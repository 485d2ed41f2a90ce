//! Rows that Postgres would refuse, found before they are sent: one refused row would fail its whole batch.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use churn_domain::csv::Customers;
use churn_domain::{Column, FEATURES, Interned, Locations, OutcomeBatch, ScoreBatch, Table, Text};

use crate::sink::{Rejected, Target};

/// Years 1 to 9999 in epoch milliseconds: what Postgres, its clients and this project's time libraries all agree on.
const TIMES_MS: RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// The first reason of each row that has one.
#[derive(Default)]
struct Reasons(BTreeMap<usize, String>);

/// Scores that cannot be stored, by row.
pub(crate) fn rejected_scores(batch: &ScoreBatch) -> Vec<Rejected> {
    let (event, mut reasons) = (&batch.event, Reasons::default());
    reasons.required("stream", &event.stream);
    reasons.required("model_version", &batch.model_version);
    reasons.required("model_hash", &batch.model_hash);
    reasons.words("synthesizer_version", &event.synthesizer_version);
    reasons.required_text("customer_id", &event.customer_id);
    reasons.times("event_time", &event.event_time_ms);
    reasons.times("scored_at", &batch.scored_at_ms);
    reasons.features(&event.features);
    reasons.location(&event.location);
    for (row, probability) in batch.probability.iter().enumerate() {
        if !(0.0..=1.0).contains(probability) {
            reasons.add(row, format!("probability is {probability}, expected a number from 0 to 1"));
        }
    }
    reasons.reasons(&batch.reasons);
    reasons.into_rejected(Target::Score)
}

/// Outcomes that cannot be stored, by row.
pub(crate) fn rejected_outcomes(batch: &OutcomeBatch) -> Vec<Rejected> {
    let mut reasons = Reasons::default();
    reasons.required("stream", &batch.stream);
    reasons.required_text("customer_id", &batch.customer_id);
    reasons.times("event_time", &batch.event_time_ms);
    reasons.times("observed_at", &batch.observed_at_ms);
    reasons.into_rejected(Target::Outcome)
}

/// Reference customers that cannot be stored, by row.
pub(crate) fn rejected_customers(customers: &Customers) -> Vec<Rejected> {
    let mut reasons = Reasons::default();
    if let Some(ids) = &customers.customer_id {
        reasons.texts("customer_id", ids);
    }
    reasons.features(&customers.features);
    if let Some(locations) = &customers.location {
        reasons.location(locations);
    }
    reasons.into_rejected(Target::Score)
}

impl Reasons {
    fn add(&mut self, row: usize, reason: String) {
        self.0.entry(row).or_insert(reason);
    }

    fn into_rejected(self, which: Target) -> Vec<Rejected> {
        self.0.into_iter().map(|(row, reason)| Rejected { which, row, reason }).collect()
    }

    fn required(&mut self, name: &str, words: &Interned) {
        for (row, &code) in words.codes().iter().enumerate() {
            if code == churn_domain::MISSING {
                self.add(row, format!("{name} is missing"));
            }
        }
        self.words(name, words);
    }

    fn required_text(&mut self, name: &str, text: &Text) {
        for (row, value) in text.iter().enumerate() {
            if value.is_none() {
                self.add(row, format!("{name} is missing"));
            }
        }
        self.texts(name, text);
    }

    fn texts(&mut self, name: &str, text: &Text) {
        for (row, value) in text.iter().enumerate() {
            if value.is_some_and(has_nul) {
                self.add(row, nul(name));
            }
        }
    }

    /// Looks at each word once, and at the rows only where a word is bad.
    fn words(&mut self, name: &str, words: &Interned) {
        if !words.unknown().any(has_nul) {
            return;
        }
        for (row, word) in words.iter().enumerate() {
            if word.is_some_and(has_nul) {
                self.add(row, nul(name));
            }
        }
    }

    fn times(&mut self, name: &str, times_ms: &[i64]) {
        for (row, time) in times_ms.iter().enumerate() {
            if !TIMES_MS.contains(time) {
                self.add(row, format!("{name} is {time} ms since 1970, expected the years 1 to 9999"));
            }
        }
    }

    fn features(&mut self, table: &Table) {
        for (feature, column) in FEATURES.iter().zip(table.columns()) {
            match column {
                Column::Category(words) => self.words(feature.name, words),
                Column::Number(values) => {
                    for (row, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                        if let Err(error) = feature.check(*value) {
                            self.add(row, error.to_string());
                        }
                    }
                }
            }
        }
    }

    /// Looks at the rows only where a number or a name is bad.
    fn reasons(&mut self, reasons: &churn_domain::Reasons) {
        if reasons.contributions().iter().all(|by| by.is_finite()) && !reasons.unknown().any(has_nul) {
            return;
        }
        for row in 0..reasons.len() {
            if let Some((feature, by)) = reasons.row(row).find(|(feature, by)| !by.is_finite() || has_nul(feature)) {
                self.add(
                    row,
                    format!(
                        "reasons hold {by} for {feature:?}, expected a finite number and a name without a zero byte"
                    ),
                );
            }
        }
    }

    fn location(&mut self, locations: &Locations) {
        self.texts("zip_code", &locations.zip_code);
        self.texts("city", &locations.city);
        self.texts("county", &locations.county);
    }
}

fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

fn nul(name: &str) -> String {
    format!("{name} holds a zero byte, which postgres cannot store")
}
