//! The features: one loop over the domain's table, driven by each feature's kind.

use churn_domain::{Column, FEATURE_COUNT, FEATURES, Feature, Kind, Table};

use super::read::{Read, Reader};
use super::write::{NULL, VALUE, put_double, put_long, put_optional_string};

/// Encoded forms of the known words, by feature and code; empty for features that are not categories.
///
/// Nearly every word of a stream is a known one: writing it is a copy of a few bytes, reading it a comparison.
#[derive(Clone, Debug)]
pub(super) struct Words([Vec<Box<[u8]>>; FEATURE_COUNT]);

impl Default for Words {
    fn default() -> Self {
        let encode = |word: &&str| {
            let mut bytes = Vec::new();
            put_optional_string(&mut bytes, Some(word));
            bytes.into_boxed_slice()
        };
        Self(FEATURES.map(|feature| feature.categories().iter().map(encode).collect()))
    }
}

impl Words {
    pub(super) fn encode_into(&self, table: &Table, row: usize, out: &mut Vec<u8>) {
        for ((feature, known), column) in FEATURES.iter().zip(&self.0).zip(table.columns()) {
            match column {
                Column::Category(words) => {
                    let code = words.codes()[row];
                    match known.get(usize::from(code)) {
                        Some(bytes) => out.extend_from_slice(bytes),
                        None => put_optional_string(out, words.word(code)),
                    }
                }
                Column::Number(values) => put_number(out, feature.kind, values[row]),
            }
        }
    }

    pub(super) fn decode_into(&self, reader: &mut Reader<'_>, table: &mut Table) -> Read<()> {
        for ((feature, known), column) in FEATURES.iter().zip(&self.0).zip(table.columns_mut()) {
            reader.field(feature.name);
            match column {
                Column::Category(words) => match reader.one_of::<1>(known) {
                    Some(code) => words.push_code(code),
                    None => words.push(reader.optional_string()?),
                },
                Column::Number(values) => values.push(number(reader, feature)?),
            }
        }
        Ok(())
    }
}

#[inline]
fn put_number(out: &mut Vec<u8>, kind: Kind, value: f64) {
    if value.is_nan() {
        return out.push(NULL);
    }
    match kind {
        Kind::Flag => out.extend_from_slice(&[VALUE, u8::from(value != 0.0)]),
        Kind::Integer { .. } => {
            out.push(VALUE);
            put_long(out, value as i64);
        }
        Kind::Money { .. } | Kind::Category(_) => {
            out.push(VALUE);
            put_double(out, value);
        }
    }
}

/// A number, `NaN` where missing.
#[inline]
fn number(reader: &mut Reader<'_>, feature: &Feature) -> Read<f64> {
    if !reader.present()? {
        return Ok(f64::NAN);
    }
    let value = match feature.kind {
        Kind::Flag => return Ok(f64::from(u8::from(reader.boolean()?))),
        Kind::Integer { .. } => f64::from(reader.int()?),
        Kind::Money { .. } | Kind::Category(_) => reader.double()?,
    };
    feature.check(value).map_err(|error| reader.out_of_range(error))
}
