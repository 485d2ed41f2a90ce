//! Reasons: a nullable array of pairs.

use churn_domain::{FEATURES, Reasons};

use super::read::{Read, Reader};
use super::write::{NULL, VALUE, put_float, put_long, put_string};

/// Most reasons of one score. There are nineteen features; more than a few reasons explain nothing, and one record must not grow a
/// batch by megabytes.
const MAX_REASONS: u64 = 64;

/// Encoded forms of the features' names.
#[derive(Clone, Debug)]
pub(super) struct Names(Vec<Box<[u8]>>);

impl Default for Names {
    fn default() -> Self {
        let encode = |name| {
            let mut bytes = Vec::new();
            put_string(&mut bytes, name);
            bytes.into_boxed_slice()
        };
        Self(FEATURES.iter().map(|feature| encode(feature.name)).collect())
    }
}

/// A score without reasons says nothing of them, whether nobody asked or nothing moved it.
pub(super) fn put_reasons(out: &mut Vec<u8>, reasons: &Reasons, row: usize) {
    let reasons = reasons.row(row);
    if reasons.len() == 0 {
        return out.push(NULL);
    }
    out.push(VALUE);
    // A row has far fewer than 2^63 reasons.
    put_long(out, reasons.len() as i64);
    for (feature, contribution) in reasons {
        put_string(out, feature);
        put_float(out, contribution);
    }
    put_long(out, 0);
}

impl Names {
    /// Reads a row's reasons and ends the row.
    pub(super) fn read(&self, reader: &mut Reader<'_>, reasons: &mut Reasons) -> Read<()> {
        reader.field("reasons");
        if reader.present()? {
            let mut read = 0;
            loop {
                let items = reader.block()?;
                if items == 0 {
                    break;
                }
                if items > MAX_REASONS - read {
                    return Err(reader.out_of_range(format!("more than {MAX_REASONS} reasons")));
                }
                read += items;
                for _ in 0..items {
                    self.read_one(reader, reasons)?;
                }
            }
        }
        reasons.end_row();
        Ok(())
    }

    #[inline]
    fn read_one(&self, reader: &mut Reader<'_>, reasons: &mut Reasons) -> Read<()> {
        let known = reader.one_of::<0>(&self.0);
        let name = if known.is_none() { reader.name()? } else { "" };
        let contribution = reader.float()?;
        if !contribution.is_finite() {
            return Err(reader.out_of_range(format!("a contribution of {contribution}, expected a finite number")));
        }
        match known {
            Some(feature) => reasons.push(usize::from(feature), contribution),
            None if reasons.push_name(name, contribution) => {}
            None => return Err(reader.out_of_range("more names in one batch than can be told apart")),
        }
        Ok(())
    }
}
