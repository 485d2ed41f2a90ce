//! A customer laid out for comparing it with many others.

use churn_domain::{FEATURE_COUNT, FEATURES, Kind};

use super::view::Values;

/// Columns of a comparison: the label and the features.
pub(super) const WIDTH: usize = FEATURE_COUNT + 1;
/// Place for all columns, rounded up so that the compiler compares them with vector instructions.
const CODES: usize = WIDTH.next_multiple_of(8);
/// Features that are numbers.
pub(super) const NUMBERS: usize = {
    let (mut at, mut count) = (0, 0);
    while at < FEATURE_COUNT {
        count += matches!(FEATURES[at].kind, Kind::Integer { .. } | Kind::Money { .. }) as usize;
        at += 1;
    }
    count
};

/// One customer: codes of what is no number, 0 elsewhere, and numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) codes: [u16; CODES],
    pub(super) numbers: [f64; NUMBERS],
}

impl Record {
    /// A missing number: so far from any other that their distance is the largest, and no distance from itself.
    pub(super) const MISSING_NUMBER: f64 = 1e300;
}

pub(super) fn records(columns: &[Values]) -> Vec<Record> {
    let rows = columns.first().map_or(0, |column| column.codes().len());
    let mut records = vec![Record { codes: [0; CODES], numbers: [0.0; NUMBERS] }; rows];
    let mut number = 0;
    for (at, column) in columns.iter().enumerate() {
        match column {
            Values::Code(codes) => records.iter_mut().zip(codes).for_each(|(record, code)| record.codes[at] = *code),
            Values::Number { values, .. } => {
                for (record, value) in records.iter_mut().zip(values) {
                    record.numbers[number] = if value.is_nan() { Record::MISSING_NUMBER } else { *value };
                }
                number += 1;
            }
        }
    }
    records
}
